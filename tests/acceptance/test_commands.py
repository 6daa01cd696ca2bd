"""Every command as a person or a script calls it: what it prints, where, and the code that it ends with."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.daemon import DaemonProcess, run_command, until

LATER = """
id: later
trigger: { event: job.created }
delay: 1h
actions:
  - log: { message: "{{ job.id }}" }
"""
FAILS = """
id: fails
trigger: { event: job.failed }
actions:
  - id: page
    http: { method: POST, url: "https://pager.example.com/x", headers: { Authorization: "secret://env/NO_SUCH" } }
"""
HEAVY = ("pydantic", "httpx2", "uvicorn", "starlette", "apscheduler", "aiohttp", "msgspec", "rich", "yaml", "sqlite3")
TOP = ("run", "emit", "init", "validate", "fmt", "test-rule", "test", "plan", "backtest", "schema", "why", "events",
       "pending", "runs", "dead-letters", "rules", "health", "doctor", "stats", "db")  # fmt: skip
GROUPS = {
    "events": ("list", "show", "tail"),
    "pending": ("list", "show", "cancel", "run-now"),
    "runs": ("list", "show", "cancel", "retry", "tail"),
    "dead-letters": ("list", "show", "replay", "discard"),
    "rules": ("list", "show"),
}
EVERY = [(name,) for name in TOP] + [(name, verb) for name, verbs in GROUPS.items() for verb in verbs]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with one rule, and nothing else."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "later.yaml").write_text(LATER)
    return tmp_path


@pytest.fixture
async def running(make_daemon: Callable[..., DaemonProcess]) -> AsyncIterator[DaemonProcess]:
    """A daemon with a rule that waits and one that fails at once."""
    daemon = make_daemon()
    daemon.write_rule("later.yaml", LATER)
    daemon.write_rule("fails.yaml", FAILS)
    await daemon.start()
    yield daemon
    assert await daemon.stop() == 0


def assert_one_clear_error(messages: str, said: str) -> None:
    """A line that begins with `error` and a code; never a traceback."""
    assert "Traceback" not in messages
    lines = [line for line in messages.splitlines() if line.startswith("error ")]
    assert len(lines) == 1, messages
    assert said in messages


# --- start-up and help


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("run", "--help"), ("runs", "list", "--help")])
async def test_version_and_help_import_nothing_heavy(home: Path, words: tuple[str, ...]) -> None:
    """They come at once: none of the libraries that only a command needs is loaded."""
    code = (
        "import sys\nfrom autoflow.cli.main import main\n"
        f"sys.argv = ['autoflow', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"sys.stderr.write(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "autoflow" in done.stdout


async def test_a_command_ends_without_a_last_search_for_garbage(home: Path) -> None:
    """A twentieth of what a short command takes: all that is left goes with the process anyway."""
    code = (
        "import atexit, gc, sys\nfrom autoflow.cli.main import main\n"
        "atexit.register(lambda: sys.stderr.write(str(gc.get_freeze_count() > 0)))\n"
        "sys.argv = ['autoflow', '--version']\nmain()"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "True")


async def test_help_lists_the_commands_in_sections_that_fit_80_columns(home: Path) -> None:
    """Each with one line; what starts it first."""
    code, output, messages = await run_command(home, "--help", COLUMNS="80")
    assert (code, messages) == (0, "")
    lines = output.splitlines()
    assert max(len(line) for line in lines) <= 80
    places = [next(n for n, line in enumerate(lines) if line.startswith(f"  {name} ")) for name in TOP]
    assert places == sorted(places)
    for title in ("Run:", "Know before:", "Look and act:", "See how it is:", "Options:"):
        assert title in lines


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_has_help_with_its_own_words(words: tuple[str, ...]) -> None:
    """Wide enough for nobody's terminal to break it; examples stand on lines of their own."""
    from typer.testing import CliRunner

    from autoflow.cli.commands import make_app

    result = CliRunner().invoke(make_app(), [*words, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert max(len(line) for line in result.output.splitlines()) <= 100
    if len(words) == 1:
        assert f"\n    autoflow {words[0]}" in result.output


async def test_pause_and_resume_are_not_there_yet(home: Path) -> None:
    """A verb of a later release is no verb."""
    for words in (("runs", "pause", "x"), ("rules", "resume", "x")):
        code, _, messages = await run_command(home, *words)
        assert code == 2
        assert_one_clear_error(messages, "no such command")


# --- wrong calls


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "Usage: autoflow"),
        (("vlidate",), 2, "'validate'"),
        (("validate", "--formt", "json"), 2, "did you mean --format?"),
        (("validate", "--explain", "AF11O"), 2, "did you mean AF110?"),
        (("validate", "--format", "jsn"), 2, "did you mean json?"),
        (("validate", "--fail-on", "notes"), 2, "error, warning"),
        (("validate", "nowhere"), 2, "there is no file or directory nowhere"),
        (("validate", "-c", "nowhere.yaml"), 78, "nowhere.yaml"),
        (("schema", "rules"), 2, "did you mean rule?"),
        (("test-rule", "rules"), 2, "--event"),
        (("test-rule", "rules", "--event", "{"), 2, "not JSON"),
        (("test-rule", "rules", "--event", "@none.json"), 2, "cannot read none.json"),
        (("test-rule", "nowhere", "--event", "{}"), 2, "there is no file or directory nowhere"),
        (("emit",), 2, "TYPE is needed"),
        (("emit", "a", "--events", "x"), 2, "cannot go with --events"),
        (("emit", "a", "--data", "{"), 2, "not JSON"),
        (("emit", "a", "--data", "@none.json"), 2, "cannot read none.json"),
        (("emit", "a"), 69, "no daemon runs on"),
        (("health",), 69, "no daemon runs on"),
        (("events", "list"), 69, "none ever did"),
        (("events", "tail"), 69, "no daemon runs on"),
        (("pending", "cancel", "1"), 69, "none ever did"),
        (("why",), 2, "missing argument"),
        (("why", "e1"), 69, "none ever did"),
        (("why", ".."), 2, "is no event"),
        (("runs", "list", "--limit", "0"), 2, "--limit"),
        (("runs", "show"), 2, "missing argument"),
        (("run", "--listen", "nonsense"), 2, "--listen nonsense"),
        (("run", "--log-level", "loud"), 2, "debug, info, warning, error"),
        (("run", "--log-format", "xml"), 2, "auto, json, text"),
        (("run", "--ack"), 2, "--stdin"),
        (("run", "--rules", "nowhere", "--listen", "none"), 78, "nowhere"),
        (("run", "--state", "rules/later.yaml"), 73, "cannot use"),
        (("run", "--state", "/proc/autoflow"), 73, "cannot use /proc/autoflow"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_a_wrong_call_ends_in_its_code_and_one_clear_line(
    home: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    """On standard error; nothing on standard output, and no traceback."""
    ended, output, messages = await run_command(home, *words)
    assert (ended, output) == (code, ""), messages
    if words:
        assert_one_clear_error(messages, said)
    else:
        assert messages.startswith(said)


async def test_errors_come_as_json_for_who_asked_for_json(home: Path) -> None:
    """A problem on standard error, with the exit code in it."""
    code, output, messages = await run_command(home, "events", "list", "--json")
    assert (code, output) == (69, "")
    problem = json.loads(messages)
    assert (problem["code"], problem["exit_code"]) == ("AF004", 69)


async def test_an_unforeseen_error_is_one_line_and_70(home: Path) -> None:
    """The traceback is for who asks for it."""
    (home / "sitecustomize.py").write_text(
        "import autoflow.rules.loader as loader\n"
        "def list_files(*args, **kwargs):\n    raise ZeroDivisionError('boom')\n"
        "loader.list_files = list_files\n"
    )
    code, output, messages = await run_command(home, "validate", PYTHONPATH=str(home))
    assert (code, output) == (70, "")
    assert_one_clear_error(messages, "ZeroDivisionError: boom")
    _, _, messages = await run_command(home, "validate", PYTHONPATH=str(home), AUTOFLOW_TRACEBACK="1")
    assert "Traceback" in messages


# --- bad files


async def test_a_damaged_database_is_a_storage_error(home: Path) -> None:
    """74 from whoever opens it, and `doctor` says so."""
    (home / "state").mkdir(mode=0o700)
    (home / "state" / "autoflow.db").write_bytes(b"nonsense " * 1000)
    for words in (("run", "--listen", "none"), ("events", "list"), ("pending", "cancel", "1")):
        code, _, messages = await run_command(home, *words)
        assert code == 74, messages
        assert_one_clear_error(messages, "file is not a database")
    code, output, _ = await run_command(home, "doctor")
    assert code == 1
    assert "✗ database" in output


async def test_a_database_of_a_newer_release_is_left_alone(home: Path) -> None:
    """78: this release does not know what is in it."""
    (home / "state").mkdir(mode=0o700)
    file = sqlite3.connect(home / "state" / "autoflow.db")
    file.execute("PRAGMA user_version = 9999")
    file.close()
    for words in (("run", "--listen", "none"), ("events", "list"), ("pending", "cancel", "1")):
        code, _, messages = await run_command(home, *words)
        assert code == 78, messages
        assert_one_clear_error(messages, "schema 9999")


async def test_a_config_with_mistakes_names_each_place_once(home: Path) -> None:
    """78, with file:line:column and a near match."""
    (home / "config.yaml").write_text("rulez: rules\nhttp: { listn: none }\n")
    code, output, messages = await run_command(home, "run")
    assert (code, output) == (78, "")
    assert_one_clear_error(messages, "config.yaml:1:1: AF011 unknown key 'rulez' (did you mean rules?)")
    assert messages.count("rulez") == 1
    assert "config.yaml:2:9:" in messages


async def test_a_rule_file_that_cannot_be_read_is_a_finding(home: Path) -> None:
    """`validate` goes on with the others."""
    (home / "rules" / "bad.yaml").write_bytes(b"\xff\xfe\x00broken")
    (home / "rules" / "gone.yaml").symlink_to(home / "nowhere.yaml")
    code, output, messages = await run_command(home, "validate", "--json")
    assert (code, messages) == (1, "")
    report = json.loads(output)
    assert report["rules"] == 1
    assert {item["path"] for item in report["items"]} == {"rules/bad.yaml", "rules/gone.yaml"}


async def test_a_port_in_use_is_told_with_the_way_out(home: Path) -> None:
    """78, and the flag that helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, _, messages = await run_command(home, "run", "--listen", address)
    assert code == 78
    assert f"cannot listen on {address}: it is in use" in messages
    assert "--listen HOST:PORT" in messages


# --- pipes, signals, terminals


async def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    """As every tool of the shell: quiet."""
    line = f"{sys.executable} -m autoflow schema rule | true; echo ${{PIPESTATUS[0]}}"
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", line], cwd=home, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")  # 0 where all of it went into the pipe before its reader ended


async def test_a_pipe_that_is_closed_from_the_start_ends_with_141(home: Path) -> None:
    """The first write finds nobody."""
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "autoflow", "schema", "rule", cwd=home, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    _, messages = await process.communicate()
    assert (process.returncode, messages) == (141, b"")


async def test_ctrl_c_ends_a_tail_with_130(running: DaemonProcess) -> None:
    """Quietly, after every event was printed as one JSON line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "autoflow", "events", "tail", "--json",
        cwd=running.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    reading = asyncio.ensure_future(process.stdout.readline())
    number = 0

    async def is_printed() -> bool:
        nonlocal number
        number += 1
        await running.post({"type": "tail.test", "id": f"t{number}"})
        return reading.done()

    await until(is_printed)  # what came before it looked is not printed: go on until it looks
    assert json.loads(reading.result())["type"] == "tail.test"
    process.send_signal(signal.SIGINT)
    _, messages = await process.communicate()
    assert (process.returncode, messages) == (130, b"")


def see(home: Path, columns: int, *words: str, **environment: str) -> tuple[int, str]:
    """What a command shows on a terminal of that width, and its exit code."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    plain = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-m", "autoflow", *words],
        cwd=home,
        env={**plain, "TERM": "xterm-256color", **environment},
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed: that is all
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    return process.wait(), shown.decode().replace("\r\n", "\n")


async def test_lists_fit_a_terminal_of_80_columns(running: DaemonProcess) -> None:
    """However long ids, types and errors are; ids are whole, and no line is broken."""
    long = "very.long.type." + "x" * 150
    await running.post({"type": long, "id": "e" * 30})
    await running.post({"type": "job.created", "data": {"job": {"id": "j1"}}})
    await running.post({"type": "job.failed"})
    await until(lambda: _has(running, "/v1/dead-letters"))
    for name in GROUPS:
        code, shown = await asyncio.to_thread(see, running.home, 80, name, "list", NO_COLOR="1")
        assert code == 0
        assert max(len(line) for line in shown.splitlines()) <= 80, shown
    _, shown = await asyncio.to_thread(see, running.home, 80, "events", "list", NO_COLOR="1")
    assert "e" * 30 in shown
    _, shown = await asyncio.to_thread(see, running.home, 80, "pending", "list", NO_COLOR="1")
    assert "in 59m" in shown


async def test_a_terminal_gets_colour_unless_it_wants_none(running: DaemonProcess) -> None:
    """NO_COLOR takes it away."""
    _, shown = await asyncio.to_thread(see, running.home, 80, "health")
    assert "\x1b[32m✓\x1b[0m" in shown
    _, shown = await asyncio.to_thread(see, running.home, 80, "health", NO_COLOR="1")
    assert "\x1b" not in shown
    code, output, _ = await run_command(running.home, "health", NO_COLOR="", FORCE_COLOR="1")
    assert (code, "\x1b[32m" in output) == (0, True)


async def _has(daemon: DaemonProcess, path: str) -> bool:
    return bool((await daemon.get(path))["items"])


# --- knowing before


async def test_validate_tells_every_problem_as_text_and_json(home: Path) -> None:
    """Paths as they were given, relative to here; 1 where there is an error."""
    bad = home / "rules" / "bad.yaml"
    bad.write_text("trigger: { event: job.created }\nwhen: job.total > 2k\nactions: [ { log: { mesage: hi } } ]\n")
    code, output, messages = await run_command(home, "validate", "rules", "--format", "json")
    assert (code, messages) == (1, "")
    report = json.loads(output)
    assert (report["schema_version"], report["rules"], report["warnings"]) == (1, 1, 0)
    assert report["errors"] == len(report["items"]) >= 2
    first = report["items"][0]
    assert set(first) == {
        "path", "line", "column", "end_line", "end_column", "severity", "code", "message", "hint", "rule",
    }  # fmt: skip
    assert (first["path"], first["line"], first["severity"]) == ("rules/bad.yaml", 2, "error")
    code, output, _ = await run_command(home, "validate", "rules/bad.yaml")
    assert code == 1
    assert output.startswith("rules/bad.yaml:2:19: error ")
    assert "  2 | when: job.total > 2k\n    |                   ^^\n  hint: " in output
    assert output.endswith(" errors, 0 warnings\n")
    code, output, _ = await run_command(home, "validate", "rules/later.yaml")
    assert (code, output) == (0, "ok: 1 rule in 1 file, 0 errors, 0 warnings\n")


async def test_validate_can_fail_on_a_warning(home: Path) -> None:
    """As CI wants it."""
    warned = home / "rules" / "later.yaml"
    warned.write_text(LATER.replace("delay: 1h", "delay: 1h\nwhen: job.phone != null"))
    code, output, _ = await run_command(home, "validate", "--json")
    assert (code, json.loads(output)["warnings"]) == (0, 1)
    assert (await run_command(home, "validate", "--fail-on", "warning"))[0] == 1


async def test_test_rule_says_one_line_of_json_for_each_event_and_rule(home: Path) -> None:
    """Exactly the keys of the contract, and a few more; what is about the event stands on standard error."""
    events = '{"type":"job.created","id":"e1","data":{"job":{"id":"j1"}}}\n{"type":"job.other","id":"e2"}\n'
    code, output, messages = await run_command(
        home, "test-rule", "rules", "--events", "-", "--json", "--at", "2026-03-29T00:50:00Z", stdin=events.encode()
    )
    assert code == 0
    [line] = [json.loads(line) for line in output.splitlines()]
    assert {name: line[name] for name in ("event", "rule", "matched", "fires", "due_at", "actions", "error")} == {
        "event": "e1", "rule": "later", "matched": True, "fires": True, "due_at": "2026-03-29T01:50:00.000Z",
        "actions": [{"type": "log", "params": {"message": "j1"}}], "error": None,
    }  # fmt: skip
    assert messages == "job.other: no rule is triggered by this event\n"


@pytest.mark.parametrize(
    ("event", "expect", "code"),
    [
        ("job.created", "fire", 0),
        ("job.created", "no-fire", 1),
        ("job.other", "fire", 1),
        ("job.other", "no-fire", 0),
    ],
)
async def test_test_rule_ends_with_1_when_it_is_not_as_expected(
    home: Path, event: str, expect: str, code: int
) -> None:
    """For a test in CI that is one line long."""
    data = json.dumps({"type": event, "data": {"job": {"id": "j1"}}})
    assert (await run_command(home, "test-rule", "rules", "--event", data, "--expect", expect))[0] == code


async def test_test_rule_shows_the_message_of_a_named_template(home: Path) -> None:
    """As its reader sees it."""
    (home / "templates").mkdir()
    (home / "templates" / "hello.txt").write_text("Dear {{ job.name }},\n\nit is done.\n")
    (home / "templates" / "hello.subject.txt").write_text("Job {{ job.name }}\n")
    (home / "rules" / "later.yaml").write_text(
        "id: mail\ntrigger: { event: job.done }\n"
        'actions: [ { email: { recipient: "a@example.com", template: hello } } ]\n'
    )
    event = '{"type":"job.done","data":{"job":{"name":"Eve"}}}'
    code, output, messages = await run_command(home, "test-rule", "rules", "--event", event)
    assert (code, messages) == (0, "nothing was sent\n")
    assert "     subject   Job Eve\n     template  hello\n     │ Dear Eve,\n     │\n     │ it is done.\n" in output


async def test_schemas_are_json(home: Path) -> None:
    """For editors."""
    for kind in ("rule", "config"):
        code, output, _ = await run_command(home, "schema", kind)
        assert code == 0
        assert "$schema" in json.loads(output)


# --- sending, looking, acting


async def test_emit_tells_ids_and_what_they_led_to(running: DaemonProcess) -> None:
    """Ids on standard output, one a line; runs, duplicates and accounts on standard error."""
    data = running.home / "job.json"
    data.write_text('{"job": {"id": "j1"}}')
    code, output, messages = await running.command("emit", "job.created", "--id", "e1", "--data", "@job.json")
    assert (code, output) == (0, "e1\n")
    assert messages.startswith("  later  in 59m 5")
    code, output, messages = await running.command("emit", "job.created", "--id", "e1", "--data", "-", stdin=b"{}")
    assert (code, output, messages) == (0, "e1\n", "  a duplicate: e1 was taken before; nothing is started\n")
    _, _, messages = await running.command("emit", "job.created", "--account", "acme")
    assert messages == "  a trigger is met but for the account: rules of default, the event of acme\n"
    lines = b'{"type":"job.created","id":"e2","data":{"job":{"id":"j2"}}}\n\n{"type":"a.b","id":"e3"}\n'
    code, output, messages = await running.command("emit", "--events", "-", stdin=lines)
    assert (code, output) == (0, "e2\ne3\n")
    assert "  no rule is triggered by a.b\n" in messages
    code, output, _ = await running.command("emit", "a.b", "--id", "e4", "--json")
    assert json.loads(output)["events"] == [{"id": "e4", "source": "autoflow", "status": "accepted",
                                            "note": "no rule is triggered by a.b"}]  # fmt: skip


async def test_emit_takes_all_lines_or_none(running: DaemonProcess) -> None:
    """1, with the line that is bad; nothing of the file is stored."""
    lines = b'{"type":"a.b","id":"good"}\n{"typ":"a.b"}\nnonsense\n'
    code, output, messages = await running.command("emit", "--events", "-", stdin=lines)
    assert (code, output) == (1, "")
    assert "line 3: not JSON" in messages
    assert (await running.command("events", "show", "good"))[0] == 2


async def test_json_of_lists_items_and_deeds(running: DaemonProcess) -> None:
    """Objects with a schema_version; lists under items with the next cursor."""
    for number in range(3):
        await running.post({"type": "job.created", "id": f"e{number}", "data": {"job": {"id": number}}})
    page = await _json(running, "events", "list", "-n", "2")
    assert (page["schema_version"], [event["id"] for event in page["items"]]) == (1, ["e2", "e1"])
    page = await _json(running, "events", "list", "-n", "2", "--cursor", page["next_cursor"])
    assert ([event["id"] for event in page["items"]], page["next_cursor"]) == (["e0"], None)
    everything = await _json(running, "pending", "list", "--all")
    assert [waiting["event"] for waiting in everything["items"]] == ["e0", "e1", "e2"]
    first = everything["items"][0]["id"]
    assert (await _json(running, "pending", "show", str(first)))["rule"] == "later"
    assert (await _json(running, "pending", "run-now", str(first)))["status"] == "due"
    assert (await _json(running, "rules", "show", "later"))["document"]["delay"] == "1h"
    assert {rule["id"] for rule in (await _json(running, "rules", "list"))["items"]} == {"later", "fails"}
    assert (await _json(running, "health"))["status"] == "ok"
    assert {item["name"] for item in (await _json(running, "doctor"))["items"]} >= {"sqlite", "rules", "daemon"}


@pytest.mark.parametrize("word", ["--ack", "--once"])
async def test_what_goes_with_standard_input_alone_is_named(daemon: DaemonProcess, word: str) -> None:
    """The option that was given, not the other one."""
    code, _, messages = await daemon.command("run", word)
    assert code == 2
    assert_one_clear_error(messages, f"{word} goes with --stdin")


async def _json(daemon: DaemonProcess, *words: str) -> Any:
    code, output, messages = await daemon.command(*words, "--json")
    assert (code, messages) == (0, "")
    return json.loads(output)


async def test_a_failed_run_is_retried_and_its_dead_letter_decided_on(running: DaemonProcess) -> None:
    """Replay and retry give a new chance, discard ends it; a decision is made once."""
    await running.post({"type": "job.failed", "id": "f1"})
    await until(lambda: _has(running, "/v1/dead-letters"))
    [run] = (await _json(running, "runs", "list", "--status", "failed"))["items"]
    retried = await _json(running, "runs", "retry", run["id"])
    assert (retried["status"], retried["run"]) == ("replayed", run["id"])
    await until(lambda: _has(running, "/v1/dead-letters"))
    [letter] = (await _json(running, "dead-letters", "list"))["items"]
    assert (letter["key"], letter["attempts"]) == (retried["key"], 2)
    assert (await running.command("dead-letters", "discard", str(letter["id"])))[0] == 0
    code, _, messages = await running.command("dead-letters", "replay", str(letter["id"]))
    assert code == 1
    assert_one_clear_error(messages, "AF409")
    code, _, messages = await running.command("runs", "retry", run["id"])
    assert code == 1
    for words in (("runs", "retry", "none"), ("dead-letters", "replay", "99"), ("events", "show", "a/b?c")):
        code, _, messages = await running.command(*words)
        assert code == 2
        assert_one_clear_error(messages, "AF404")


async def test_looking_and_acting_go_on_without_a_daemon(make_daemon: Callable[..., DaemonProcess]) -> None:
    """Looking reads the file, acting takes the lock; a second daemon is refused while one runs."""
    daemon = make_daemon()
    daemon.write_rule("later.yaml", LATER)
    await daemon.start()
    for number in range(2):
        await daemon.post({"type": "job.created", "id": f"e{number}", "data": {"job": {"id": number}}})
    code, _, messages = await daemon.command("run", "--listen", "none")
    assert code == 75
    assert_one_clear_error(messages, "a daemon already runs on")
    assert await daemon.stop() == 0
    waiting = (await _json(daemon, "pending", "list"))["items"]
    assert [one["event"] for one in waiting] == ["e0", "e1"]
    code, output, _ = await daemon.command("pending", "cancel", *(str(one["id"]) for one in waiting))
    assert (code, output.count("cancelled")) == (0, 2)
    runs = (await _json(daemon, "runs", "list"))["items"]
    assert {run["status"] for run in runs} == {"cancelled"}
    assert (await daemon.command("emit", "a.b"))[0] == 69
    assert (await daemon.command("health", "--quiet")) == (69, "", "")


async def test_a_file_on_standard_input_is_read_to_its_end(home: Path) -> None:
    """`run --stdin --once` with a redirected file, as its help shows; 1 where a line was refused."""
    (home / "events.jsonl").write_text('{"type":"a.b","id":"e1"}\nnonsense\n{"type":"c.d","id":"e2"}\n')
    line = f"{sys.executable} -m autoflow run --listen none --stdin --ack --once < events.jsonl"
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", line], cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    acks = {ack["line"]: ack["status"] for ack in map(json.loads, done.stdout.splitlines())}
    assert acks == {1: "accepted", 2: "refused", 3: "accepted"}


async def test_the_api_tries_the_rules_in_force(running: DaemonProcess) -> None:
    """`POST /v1/rules/test` on the daemon answers what `test-rule` prints, and stores nothing."""
    body = {"event": {"type": "job.created", "data": {"job": {"id": "j1"}}}}
    async with httpx2.AsyncClient(base_url=running.base_url) as client:
        headers = {"authorization": f"Bearer {running.token}"}
        answer = await client.post("/v1/rules/test", json=body, headers=headers)
        assert (await client.post("/v1/rules/test", json=body)).status_code == 401
    assert answer.status_code == 200
    [line] = answer.json()["items"]
    assert (line["rule"], line["fires"], line["actions"][0]["params"]) == ("later", True, {"message": "j1"})
    assert (await running.get("/v1/events"))["items"] == []


async def test_doctor_health_and_readyz_tell_the_same_of_a_daemon(running: DaemonProcess) -> None:
    """Whoever asks hears of the same check with the same words; degraded is ready, and no failure."""
    running.write_rule("bad.yaml", "trigger: {event: x}\n")
    await until(lambda: running.events_logged("rules.refused"))
    health = await _json(running, "health")
    detail = health["checks"]["rules"]["detail"]
    assert (health["status"], "bad.yaml:1:1" in detail) == ("degraded", True)
    code, output, _ = await running.command("doctor", "--json")
    assert code == 1  # the rules of the files cannot be used
    told = {item["name"]: item for item in json.loads(output)["items"]}
    assert (told["daemon"]["status"], told["daemon"]["detail"]) == ("degraded", f"running; rules: {detail}")
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"{running.base_url}/readyz", params={"verbose": ""})
    assert answer.status_code == 200
    assert f"[!]rules degraded: {detail}" in answer.text
