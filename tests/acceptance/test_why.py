"""`autoflow why` from the outside: a daemon, its file without one, rules in git, and the stored event tried again."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from typing import Any

from support.daemon import DaemonProcess, until

RULES = """
id: high-value
trigger: { event: job.created }
when: [ job.total >= 2000, job.client.type == "Commercial" ]
actions: [ { log: { message: "{{ job.total }}" } } ]
---
id: later
trigger: { event: job.created }
delay: 1h
actions: [ { log: { message: later } } ]
---
id: watched
enabled: shadow
trigger: { event: job.created }
actions: [ { log: { message: "would say {{ job.total }}" } } ]
"""
GIT = ("git", "-c", "user.name=Eve", "-c", "user.email=eve@example.com", "-c", "init.defaultBranch=main")


async def test_why_tells_the_same_with_and_without_the_daemon(make_daemon: Callable[..., DaemonProcess]) -> None:
    """By the rules of then, with file, line and commit, though the file has been edited since."""
    daemon = make_daemon()
    path = daemon.write_rule("jobs.yaml", RULES)
    for words in (("init", "-q"), ("add", "rules"), ("commit", "-q", "-m", "rules")):
        await asyncio.to_thread(subprocess.run, [*GIT, *words], cwd=daemon.home, check=True)
    commit = await asyncio.to_thread(
        subprocess.check_output, ["git", "rev-parse", "HEAD"], cwd=daemon.home, text=True
    )
    await daemon.start()
    body = {"id": "a/1", "type": "job.created", "data": {"job": {"total": 1500, "client": {"typ": "Commercial"}}}}
    for _ in range(2):
        assert (await daemon.post(body)).status_code == 202
    path.write_text(RULES.replace("2000", "1000"))
    await until(lambda: len(daemon.events_logged("rules.loaded")) > 1, log=daemon.log)

    code, running, messages = await daemon.command("why", "a/1", "--json")
    assert (code, messages) == (0, "")
    told = json.loads(running)
    assert told["event"]["duplicates"]["count"] == 1
    items = {item["rule"]: item for item in told["items"]}
    assert {name: (item["outcome"], item["now"]["state"]) for name, item in items.items()} == {
        "later": ("waiting", "same"), "watched": ("shadow", "same"), "high-value": ("condition", "changed"),
    }  # fmt: skip
    assert items["high-value"]["version"]["commit"] == commit.strip()
    assert (items["high-value"]["version"]["path"], items["high-value"]["version"]["line"]) == ("jobs.yaml", 2)

    code, text, messages = await daemon.command("why", "a/1", "high-value")
    assert (code, messages) == (0, "")
    assert "high-value did not act: its condition did not hold" in text
    assert f"  rules/jobs.yaml:2 at {commit[:8]} (the rule has changed since, and is not committed)" in text
    assert "      ✗ job.total >= 2000  is 1500  ← decided" in text
    assert '    job.client.type is missing, needs == "Commercial" (the event has job.client.typ)' in text
    await _try_again(daemon)
    await _look_into_the_shadow(daemon)

    assert await daemon.stop() == 0
    code, offline, messages = await daemon.command("why", "a/1", "--json")
    assert (code, messages) == (0, "")
    assert json.loads(offline) == told
    code, _, messages = await daemon.command("why", "a/2")
    assert code == 2
    assert "there is no event a/2" in messages
    assert "did you mean a/1?" in messages


async def _try_again(daemon: DaemonProcess) -> None:
    """The stored event on the edited rules: it lacks what the message of none of them needs."""
    code, output, _ = await daemon.command("test-rule", "rules", "--event-id", "a/1", "--json")
    assert code == 0
    lines: list[Any] = [json.loads(line) for line in output.splitlines()]
    assert {line["rule"]: (line["event"], line["fires"]) for line in lines} == {
        "high-value": ("a/1", False), "later": ("a/1", True), "watched": ("a/1", True),
    }  # fmt: skip
    [missing] = [field for field in lines[0]["fields"] if not field["found"]]
    assert (missing["path"], missing["near"]) == ("job.client.type", "job.client.typ")
    code, _, messages = await daemon.command("test-rule", "rules", "--event-id", "none")
    assert code == 2
    assert "there is no event none" in messages


async def _look_into_the_shadow(daemon: DaemonProcess) -> None:
    """What a rule in shadow would have done is listed by itself, and shown as it would have been sent."""
    code, output, _ = await daemon.command("runs", "list", "--shadow", "--json")
    assert code == 0
    [run] = json.loads(output)["items"]
    assert (run["rule"], run["status"]) == ("watched", "shadow")
    code, output, _ = await daemon.command("runs", "show", run["id"])
    assert code == 0
    assert "would say 1500" in output
    assert not any("would say 1500" in line for line in daemon.log)
    code, _, messages = await daemon.command("runs", "list", "--shadow", "--status", "done")
    assert code == 2
    assert "--shadow and --status done ask for different things" in messages
