"""Three commits of a repository of rules, with a real daemon: what was said before a change is what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.daemon import DaemonProcess, run_command, until
from support.repository import commit, git

REMIND = """\
id: remind
trigger: { event: job.done }
delay: 1h
on_change: %s
when: job.total >= %d
actions: [ { sms: { recipient: "+1555", template: note } } ]
"""
AT_ONCE = 'id: at-once\ntrigger: { event: job.done }\nactions: [ { log: { message: "{{ job.id }}" } } ]\n'


async def ask(home: Path, *words: str) -> tuple[int, Any]:
    """A command's exit code, and its JSON."""
    code, output, messages = await run_command(home, *words, "--json", "-c", "config.yaml")
    assert output, messages
    return code, json.loads(output)


async def plan(home: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """What `autoflow plan` says: its exit code, and what it says of each rule and template."""
    code, told = await ask(home, "plan", *words)
    return code, {item.get("rule") or item.get("template") or item["condition"]: item for item in told["items"]}


async def in_force(daemon: DaemonProcess, text: str) -> None:
    """Return once the rule in force says this."""

    async def asked() -> bool:
        return text in json.dumps((await daemon.get("/v1/rules/remind"))["document"])

    await until(asked, log=daemon.log)


async def test_three_commits(daemon: DaemonProcess) -> None:
    """The plan of each, then its checkout: as many are cancelled, finish and act as were told."""
    home = daemon.home
    first = {"rules/remind.yaml": REMIND % ("finish_old", 500), "rules/at-once.yaml": AT_ONCE}
    commit(home, {**first, "templates/note.txt": "Hi {{ job.id }}", ".gitignore": "state/\nconfig.yaml\n"})
    commit(home, {"rules/remind.yaml": REMIND % ("finish_old", 900), "rules/at-once.yaml": None})
    commit(home, {"rules/remind.yaml": REMIND % ("cancel", 900), "templates/note.txt": "Hello {{ job.id }}"})
    git(home, "checkout", "-q", "HEAD~2")
    await daemon.start()
    for total in (100, 600, 1000):
        await daemon.post({"type": "job.done", "id": f"e{total}", "data": {"job": {"id": total, "total": total}}})
    assert await plan(home) == (0, {})

    code, items = await plan(home, "--to", "main~1")
    assert code == 1
    assert {name: item["change"] for name, item in items.items()} == {"remind": "changed", "at-once": "removed"}
    assert items["remind"]["pending"] == {"waiting": 2, "running": 0, "then": "finish_old"}
    assert [one["path"] for one in items["remind"]["differences"]] == ["when"]
    git(home, "checkout", "-q", "main~1")
    await in_force(daemon, "900")
    assert await waiting(daemon) == ["e600", "e1000"]

    code, items = await plan(home, "--to", "main")
    assert {name: item["change"] for name, item in items.items()} == {"remind": "changed", "note.txt": "changed"}
    assert items["remind"]["pending"] == {"waiting": 2, "running": 0, "then": "cancel"}
    assert items["note.txt"]["rules"] == [{"account": "default", "rule": "remind"}]
    git(home, "checkout", "-q", "main")
    await in_force(daemon, "cancel")
    assert await waiting(daemon) == []

    daemon.write_rule("bad.yaml", "id: [")
    code, output, messages = await run_command(home, "plan", "-c", "config.yaml")
    assert (code, output) == (78, "")
    assert "nothing would change" in messages
    assert "rules/bad.yaml:2:1: error AF101" in messages


async def waiting(daemon: DaemonProcess) -> list[str]:
    """The events that something waits for."""
    return [item["event"] for item in (await daemon.get("/v1/pending"))["items"]]
