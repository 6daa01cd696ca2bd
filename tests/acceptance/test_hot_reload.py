"""Rules follow their files within a moment, however these change, and a bad edit never takes the good ones down."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from support.daemon import DaemonProcess, until

RULE = """id: {id}
trigger: {{ event: {event} }}
actions:
  - log: {{ message: "{id}" }}
"""
BAD = "id: broken\ntrigger: { event: x }\nactions:\n  - smss: { recipient: a }\n"


def rule(rule_id: str, event: str = "x") -> str:
    """A small rule."""
    return RULE.format(id=rule_id, event=event)


async def rule_ids(daemon: DaemonProcess) -> list[str]:
    """The rules in force."""
    return [item["id"] for item in (await daemon.get("/v1/rules"))["items"]]


async def in_force(daemon: DaemonProcess, *ids: str) -> None:
    """Return once exactly these rules are in force."""

    async def asked() -> bool:
        return await rule_ids(daemon) == sorted(ids)

    await until(asked, log=daemon.log)


async def verbose_readiness(daemon: DaemonProcess) -> httpx2.Response:
    """What a probe is told."""
    async with httpx2.AsyncClient() as client:
        return await client.get(f"{daemon.base_url}/readyz?verbose")


async def test_a_save_a_new_file_and_a_removal_are_picked_up(daemon: DaemonProcess) -> None:
    """Editors write in place."""
    path = daemon.write_rule("a.yaml", rule("one"))
    await daemon.start()
    path.write_text(rule("two"))
    await in_force(daemon, "two")
    daemon.write_rule("sub/b.yaml", rule("three"))
    await in_force(daemon, "two", "three")
    path.unlink()
    await in_force(daemon, "three")


async def test_an_atomic_rename_is_picked_up(daemon: DaemonProcess) -> None:
    """Other editors write beside and rename."""
    path = daemon.write_rule("a.yaml", rule("one"))
    await daemon.start()
    beside = path.with_suffix(".tmp")
    beside.write_text(rule("renamed"))
    beside.rename(path)
    await in_force(daemon, "renamed")


async def test_a_config_map_swap_is_picked_up(daemon: DaemonProcess) -> None:
    """Kubernetes swaps the symlink `..data`; the visible names never change."""
    rules = daemon.home / "rules"
    for version, rule_id in (("..v1", "first"), ("..v2", "second")):
        (rules / version).mkdir(parents=True)
        (rules / version / "r.yaml").write_text(rule(rule_id))
    (rules / "..data").symlink_to("..v1")
    (rules / "r.yaml").symlink_to("..data/r.yaml")
    await daemon.start()
    await in_force(daemon, "first")
    (rules / "..data_tmp").symlink_to("..v2")
    (rules / "..data_tmp").rename(rules / "..data")
    await in_force(daemon, "second")


async def test_a_directory_that_is_replaced_is_watched_on(daemon: DaemonProcess) -> None:
    """Removed and made again at once, as a deployment does it: the new one counts, and so do its later changes."""
    daemon.write_rule("a.yaml", rule("one"))
    await daemon.start()
    await in_force(daemon, "one")
    rules = daemon.home / "rules"
    rules.rename(daemon.home / "old")
    rules.mkdir()
    daemon.write_rule("a.yaml", rule("two"))
    await in_force(daemon, "two")
    daemon.write_rule("a.yaml", rule("three"))
    await in_force(daemon, "three")


def git(repository: Path, *words: str) -> None:
    """One git command, with a name to commit under."""
    whose = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    names = dict.fromkeys(whose, "tester@example.com")
    subprocess.run(["git", *words], cwd=repository, check=True, capture_output=True, env={**os.environ, **names})


async def test_a_checkout_is_one_change_and_its_commit_is_known(daemon: DaemonProcess) -> None:
    """Branches are switched as a whole; each rule knows commit, author and whether its file was edited since."""
    rules = daemon.home / "rules"
    for name in ("one", "two"):
        daemon.write_rule(f"{name}.yaml", rule(name))
    git(rules, "init", "-q", "-b", "main")
    git(rules, "add", ".")
    git(rules, "commit", "-q", "-m", "first")
    git(rules, "checkout", "-q", "-b", "other")
    daemon.write_rule("two.yaml", rule("zwei"))
    daemon.write_rule("three.yaml", rule("three"))
    git(rules, "add", ".")
    git(rules, "commit", "-q", "-m", "second")
    git(rules, "checkout", "-q", "main")
    await daemon.start()
    await in_force(daemon, "one", "two")
    git(rules, "checkout", "-q", "other")
    await in_force(daemon, "one", "zwei", "three")
    items = {item["id"]: item for item in (await daemon.get("/v1/rules"))["items"]}
    assert items["zwei"]["author"] == "tester@example.com <tester@example.com>"
    assert items["zwei"]["dirty"] is False
    assert len(items["zwei"]["commit"]) == 40
    # A comment changes the file and not the rule: only its provenance is new.
    daemon.write_rule("two.yaml", "# hello\n" + rule("zwei"))

    async def dirty() -> bool:
        found = (await daemon.get("/v1/rules"))["items"]
        return any(item["id"] == "zwei" and item["dirty"] for item in found)

    await until(dirty, log=daemon.log)


async def test_nothing_is_loaded_while_git_holds_its_lock(daemon: DaemonProcess) -> None:
    """Half a checkout is not a set of rules: the lock's end is waited for."""
    rules = daemon.home / "rules"
    daemon.write_rule("a.yaml", rule("one"))
    git(rules, "init", "-q")
    await daemon.start()
    lock = rules / ".git" / "index.lock"
    lock.touch()
    daemon.write_rule("a.yaml", rule("two"))
    with pytest.raises(AssertionError):
        await until(lambda: len(daemon.events_logged("rules.loaded")) > 1, patience=1.0)
    assert await rule_ids(daemon) == ["one"]
    lock.unlink()
    await in_force(daemon, "two")


async def test_a_bad_edit_leaves_the_last_good_set_running_and_says_so(daemon: DaemonProcess) -> None:
    """In the log, to probes that ask, and on the terminal, with file, line and column; good again, all is well."""
    daemon.write_rule("a.yaml", rule("one"))
    await daemon.start()
    path = daemon.write_rule("b.yaml", BAD)
    await until(lambda: daemon.events_logged("rules.refused"), log=daemon.log)
    [refused] = daemon.events_logged("rules.refused")
    assert (refused["line"], refused["column"]) == (4, 5)
    assert any("rules/b.yaml:4:5" in line and "smss" in line for line in daemon.log if not line.startswith("{"))
    answer = await verbose_readiness(daemon)
    assert answer.status_code == 200
    assert "[!]rules degraded" in answer.text
    assert "b.yaml:4:5" in answer.text
    assert await rule_ids(daemon) == ["one"]
    assert (await daemon.post({"type": "x"})).status_code == 202
    await until(lambda: daemon.events_logged("action.message"), log=daemon.log)
    path.write_text(rule("b"))
    await in_force(daemon, "b", "one")
    assert "[+]rules ok" in (await verbose_readiness(daemon)).text


async def test_a_start_over_bad_files_runs_the_last_good_set(daemon: DaemonProcess) -> None:
    """It is in the database: ready, degraded, and the new files count once they are good."""
    daemon.write_rule("a.yaml", rule("one"))
    await daemon.start()
    assert await daemon.stop() == 0
    path = daemon.write_rule("a.yaml", BAD)
    await daemon.start()
    assert await rule_ids(daemon) == ["one"]
    assert "[!]rules degraded" in (await verbose_readiness(daemon)).text
    path.write_text(rule("two"))
    await in_force(daemon, "two")


async def test_a_first_start_over_bad_files_ends_with_78(daemon: DaemonProcess) -> None:
    """There never was a good set: nothing could be run."""
    daemon.write_rule("a.yaml", BAD)
    await daemon.start(ready=False)
    assert await daemon.wait() == 78
    assert any("a.yaml:4:5" in line for line in daemon.log)
    assert not any("Traceback" in line for line in daemon.log)


async def test_a_broken_template_is_a_bad_edit(daemon: DaemonProcess) -> None:
    """Templates are part of the set; a mended one is used for what is sent from then on."""
    templates = daemon.home / "templates"
    templates.mkdir(parents=True)
    (templates / "note.txt").write_text("Hello {{ name }}\n")
    daemon.write_rule(
        "a.yaml",
        "id: mail\ntrigger: { event: x }\nactions:\n"
        "  - email: { recipient: a@example.com, subject: s, template: note }\n",
    )
    await daemon.start()
    (templates / "note.txt").write_text("Hello {{ name }\n")
    await until(lambda: daemon.events_logged("rules.refused"), log=daemon.log)
    (templates / "note.txt").write_text("Good day {{ name }}\n")
    await until(lambda: len(daemon.events_logged("rules.loaded")) == 2, log=daemon.log)
    await daemon.post({"type": "x", "data": {"name": "Ann"}})
    await until(lambda: list((daemon.state / "outbox").glob("*.eml")), log=daemon.log)
    [mail] = (daemon.state / "outbox").glob("*.eml")
    assert "Good day Ann" in mail.read_text()


async def test_hangup_reloads(daemon: DaemonProcess) -> None:
    """SIGHUP looks at the files at once, also where nothing tells of changes; unchanged files are no new load."""
    import signal

    daemon.write_rule("a.yaml", rule("one"))
    await daemon.start()
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    daemon.write_rule("a.yaml", rule("two"))
    daemon.process.send_signal(signal.SIGHUP)
    await in_force(daemon, "two")


async def test_events_are_judged_by_whole_sets_while_rules_change(
    make_daemon: Callable[..., DaemonProcess],
) -> None:
    """Two rules that change together never act apart: every event meets both or neither of a pair."""
    daemon = make_daemon()
    both = daemon.write_rule("pair.yaml", rule("a0") + "---\n" + rule("b0"))
    await daemon.start()
    done = asyncio.Event()

    async def edit() -> None:
        for number in range(1, 6):
            beside = both.with_suffix(".tmp")
            beside.write_text(rule(f"a{number}") + "---\n" + rule(f"b{number}"))
            beside.rename(both)
            await in_force(daemon, f"a{number}", f"b{number}")
        done.set()

    editing = asyncio.ensure_future(edit())
    pairs = set()
    while not done.is_set():
        answer = await daemon.post({"type": "x"})
        [event] = answer.json()["events"]
        pairs.add(tuple(sorted(run["rule"] for run in event["runs"])))
    await editing
    assert pairs <= {(f"a{number}", f"b{number}") for number in range(6)}
    assert len(pairs) > 1
