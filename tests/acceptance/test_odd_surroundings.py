"""Commands in odd surroundings: closed streams, other locales, names that give orders, sudden ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

RULE = 'trigger: { event: a }\nwhen: b.c > 3\nactions: [ log: { message: "é" } ]\n'
TEST = "tests:\n  - name: é\n    steps: [ { emit: { type: a, data: { b: { c: 5 } } }, expect: { actions: 1 } } ]\n"
PROGRAM = str(Path(sys.executable).with_name("autoflow"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A rule and its test."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yaml").write_text(RULE)
    (tmp_path / "rules" / "r.test.yaml").write_text(TEST)
    return tmp_path


def run(home: Path, *words: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, or a line of a shell in which `$0` is the program."""
    call = ["sh", "-c", shell, PROGRAM] if shell else [PROGRAM, *words]
    known = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "LC_", "LANG"))}
    return subprocess.run(
        call, cwd=home, env=known | environment, capture_output=True, check=False, timeout=30, encoding="utf-8"
    )


def test_closed_streams_are_no_defect(home: Path) -> None:
    """Whoever closes one wants nothing from it; the exit code is what it would be. No file gets its number."""
    (home / "events.jsonl").write_text('{"type": "a", "data": {"b": {"c": 4}}}\n')
    for words, code in (
        ("validate", 0),
        ("test --json -o /dev/null", 0),
        ("plan --from HEAD", 2),
        ("fmt --check", 0),
    ):
        for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
            done = run(home, shell=f'"$0" {words} {closed}')
            assert (done.returncode, "Traceback" in done.stderr) == (code, False), (words, closed, done.stderr)
            assert "defect" not in done.stderr


def test_a_locale_without_utf_8_changes_nothing(home: Path) -> None:
    """Text and JSON are UTF-8 everywhere; what is not stands there as a mark, in a file as an escape."""
    (home / "rules" / "r.test.yaml").rename(home / "rules" / "\udcff.test.yaml")
    odd = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"}
    done = run(home, "test", "--json", **odd)
    [item] = json.loads(done.stdout)["items"]
    assert (done.returncode, item["name"], item["path"]) == (0, "é", "rules/?.test.yaml")
    assert run(home, "test", "--format", "json", "-o", "out.json", **odd).returncode == 0
    assert json.loads((home / "out.json").read_text())["items"][0]["path"] == "rules/\udcff.test.yaml"


def test_a_file_name_gives_no_orders(home: Path) -> None:
    """Neither to a terminal nor to the runner of GitHub Actions."""
    name = "x\x1b[2J\n::error::y"
    (home / "rules" / f"{name}.test.yaml").write_text(TEST)
    (home / "rules" / f"{name}.yaml").write_text("id: [")
    for words in (("test",), ("test", "-v"), ("validate",), ("fmt", "--check")):
        done = run(home, *words)
        told = done.stdout + done.stderr
        assert "\x1b" not in told
        assert not [line for line in told.splitlines() if line.startswith("::")]
    first, *inside, last = run(home, "test", GITHUB_ACTIONS="true").stdout.partition("::error file=")[0].splitlines()
    assert first.startswith("::stop-commands::")
    assert last == f"::{first.removeprefix('::stop-commands::')}::"
    assert inside[0].startswith("rules/")


def test_a_diff_gives_no_orders(home: Path) -> None:
    """The runner looks behind the blanks at the beginning of a line too."""
    text = 'trigger: { event: a }\nactions:\n    - log: { message: "a\n        ::error::b" }\n'
    (home / "rules" / "r.yaml").write_text(text)
    first, *inside, last = run(home, "fmt", "--diff", GITHUB_ACTIONS="true").stdout.splitlines()
    assert first.startswith("::stop-commands::")
    assert last == f"::{first.removeprefix('::stop-commands::')}::"
    assert any(line.lstrip(" +-").startswith("::error::") for line in inside)
    assert "::stop-commands::" not in run(home, "fmt", "--diff").stdout


def test_a_pipe_among_the_rules_is_left_alone(home: Path) -> None:
    """Opening one would wait for a writer for ever."""
    os.mkfifo(home / "rules" / "pipe.yaml")
    done = run(home, "validate")
    assert done.stdout + done.stderr == "ok: 1 rule in 1 file, 0 errors, 0 warnings\n"
    assert run(home, "test").returncode == 0


def test_a_device_instead_of_rules_is_told(home: Path) -> None:
    """It has no end, and nobody reads up to there: neither for its rules nor to show its lines."""
    (home / "d.test.yaml").write_text("rules: /dev/zero\ntests: [ { name: x, steps: [ { advance: 1s } ] } ]\n")
    assert run(home, "test", "d.test.yaml").returncode == 1
    assert run(home, "validate", "/dev/zero").returncode == 1


def test_a_ring_of_links_is_told(home: Path) -> None:
    """It is a file that cannot be read, and no defect."""
    (home / "rules" / "ring.yaml").symlink_to("ring.yaml")
    done = run(home, "fmt", "--check")
    assert (done.returncode, "defect" in done.stderr) == (2, False)
    assert "rules/ring.yaml: " in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_ended_leaves_nothing_behind(home: Path, number: signal.Signals) -> None:
    """No directory of its own; and it ends by the signal that asked, or with 130 after Ctrl-C."""
    (home / "tmp").mkdir()
    slow = "".join(f"  - name: n{n}\n    steps: [ {{ advance: 1s }} ]\n" for n in range(2_000))
    (home / "rules" / "r.test.yaml").write_text(f"tests:\n{slow}")
    running = subprocess.Popen(
        [PROGRAM, "test", "-v"],
        cwd=home,
        env=os.environ | {"TMPDIR": str(home / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline().startswith("passed")
    running.send_signal(number)
    _, messages = running.communicate(timeout=30)
    assert (running.returncode, messages) == (130 if number is signal.SIGINT else -number, "")
    assert list((home / "tmp").iterdir()) == []
