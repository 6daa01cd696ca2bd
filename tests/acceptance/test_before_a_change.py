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


async def backtest(home: Path, *words: str) -> dict[str, Any]:
    """What `autoflow backtest` says: of each kind of difference the example's event and the count."""
    code, told = await ask(home, "backtest", *words)
    assert code == 0
    items = {(item["rule"], item["kind"]): [item["example"]["event"], item["count"]] for item in told["items"]}
    return {**told, "items": items}


async def why(home: Path, event: str) -> dict[str, str]:
    """What `autoflow why` says became of an event, by rule."""
    _, told = await ask(home, "why", event)
    return {item["rule"]: item["outcome"] for item in told["items"]}


async def ran(daemon: DaemonProcess, rule: str) -> list[str]:
    """The events that a rule has acted on, once it has acted on all that it will."""

    async def asked() -> list[str]:
        runs = (await daemon.get("/v1/runs", rule=rule, status="done"))["items"]
        return [run["event"] for run in runs] if len(runs) == 3 else []

    found: list[str] = await until(asked, log=daemon.log)
    return found


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

    told = await backtest(home, "--to", "main~1")
    assert told["items"] == {("remind", "removed"): ["e600", 1], ("at-once", "removed"): ["e100", 3]}
    # What it replays under the rules that run is what happened under them.
    assert told["summary"]["from_runs"] == len(await waiting(daemon)) + len(await ran(daemon, "at-once"))

    code, items = await plan(home, "--to", "main~1")
    assert code == 1
    assert {name: item["change"] for name, item in items.items()} == {"remind": "changed", "at-once": "removed"}
    assert items["remind"]["pending"] == {"waiting": 2, "running": 0, "then": "finish_old"}
    assert [one["path"] for one in items["remind"]["differences"]] == ["when"]
    git(home, "checkout", "-q", "main~1")
    await in_force(daemon, "900")
    assert await waiting(daemon) == ["e600", "e1000"]

    await daemon.post({"type": "job.done", "id": "e700", "data": {"job": {"id": 700, "total": 700}}})
    assert await why(home, "e700") == {"remind": "condition"}
    assert await why(home, "e600") == {"remind": "waiting", "at-once": "done"}
    # What runs now misses both; what ran first would have taken them.
    told = await backtest(home, "--from", "main~2", "--to", "main~1", "--rule", "remind")
    assert told["items"] == {("remind", "removed"): ["e600", 2]}
    told = await backtest(home, "--to", "main")
    assert told["items"] == {("remind", "actions"): ["e1000", 1]}

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
    assert "rules/bad.yaml:" in messages


async def waiting(daemon: DaemonProcess) -> list[str]:
    """The events that something waits for."""
    return [item["event"] for item in (await daemon.get("/v1/pending"))["items"]]
