"""The database as its operator sees it: size, check, backup under load, prune."""

import asyncio
import json
import sqlite3
from pathlib import Path

from support.daemon import DaemonProcess, run_command

RULE = "id: r\ntrigger: { event: x }\nactions:\n  - log: { message: hello }\n"


async def test_size_and_check_beside_a_daemon_and_without_one(daemon: DaemonProcess) -> None:
    """They only look."""
    daemon.write_rule("a.yaml", RULE)
    await daemon.start()
    await daemon.post([{"type": "x"} for _ in range(50)])
    code, output, _ = await daemon.command("db", "size", "--json")
    assert code == 0
    found = json.loads(output)
    assert {item["name"]: item["rows"] for item in found["items"]}["events"] == 50
    assert found["file_bytes"] > 0
    assert (await daemon.command("db", "check"))[0] == 0
    assert await daemon.stop() == 0
    code, output, _ = await daemon.command("db", "size")
    assert code == 0
    assert "events" in output
    code, output, _ = await daemon.command("db", "check", "--json")
    assert json.loads(output)["items"] == []


async def test_a_backup_under_load_holds_all_that_was_answered_before_it_began(daemon: DaemonProcess) -> None:
    """It is a whole database of its own, for its owner's eyes, and a daemon runs on it."""
    daemon.write_rule("a.yaml", RULE)
    await daemon.start()
    answered: list[str] = []
    done = asyncio.Event()

    async def send(sender: int) -> None:
        number = 0
        while not done.is_set():
            number += 1
            event_id = f"{sender}-{number}"
            assert (await daemon.post({"type": "x", "id": event_id})).status_code == 202
            answered.append(event_id)

    sending = [asyncio.ensure_future(send(sender)) for sender in range(4)]
    while len(answered) < 40:
        await asyncio.sleep(0.01)
    before = list(answered)
    target = daemon.home / "copy" / "autoflow.db"
    target.parent.mkdir()
    code, _, messages = await daemon.command("db", "backup", str(target))
    done.set()
    await asyncio.gather(*sending)
    assert code == 0, messages
    assert target.stat().st_mode & 0o777 == 0o600
    connection = sqlite3.connect(target)
    kept = {row[0] for row in connection.execute("SELECT id FROM events")}
    assert set(before) <= kept
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert await daemon.stop() == 0
    code, output, _ = await daemon.command(
        "events", "list", "--state", str(target.parent), "--json", "--limit", "200"
    )
    assert code == 0
    assert json.loads(output)["items"]


async def test_a_backup_overwrites_nothing(daemon: DaemonProcess) -> None:
    """And leaves nothing half written."""
    daemon.write_rule("a.yaml", RULE)
    await daemon.start()
    target = daemon.home / "there.db"
    target.write_text("mine")
    code, _, messages = await daemon.command("db", "backup", str(target))
    assert code == 2
    assert "exists already" in messages
    assert target.read_text() == "mine"
    assert list(daemon.home.glob(".there.db*")) == []
    code, _, messages = await daemon.command("db", "backup", str(daemon.home / "nowhere" / "there.db"))
    assert code == 74
    assert "make the directory first" in messages


async def test_damage_is_found(daemon: DaemonProcess) -> None:
    """A file that is not whole is said to be so, with 1 or 74, and never with a traceback."""
    daemon.write_rule("a.yaml", RULE)
    await daemon.start()
    await daemon.post([{"type": "x", "data": {"text": "y" * 500}} for _ in range(200)])
    assert await daemon.stop() == 0
    path = daemon.state / "autoflow.db"
    content = bytearray(path.read_bytes())
    for page in range(20, 40):
        content[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(content)
    code, output, messages = await daemon.command("db", "check")
    assert code in (1, 74)
    assert output or messages
    assert "Traceback" not in messages
    path.write_bytes(b"\xff" * 4096)
    code, output, _ = await daemon.command("doctor")
    assert code == 1
    assert "file is not a database (restore a backup)" in output


async def test_prune_beside_a_daemon_and_without_one(daemon: DaemonProcess) -> None:
    """By the config's retention, at once."""
    daemon.config = {"retention": {"unmatched_events": "1ms", "duplicates": "1ms"}}
    daemon.write_rule("a.yaml", RULE)
    await daemon.start()
    await daemon.post([{"type": "nobody"} for _ in range(10)])
    code, output, messages = await daemon.command("db", "prune", "--json")
    assert code == 0, messages
    assert json.loads(output)["removed"] >= 9
    await daemon.post([{"type": "nobody"} for _ in range(10)])
    assert await daemon.stop() == 0
    code, output, messages = await daemon.command("db", "prune")
    assert code == 0, messages
    assert "rows removed" in output


async def test_without_a_database_there_is_one_clear_line(tmp_path: Path) -> None:
    """69, and what to name."""
    for words in (("size",), ("check",), ("backup", "x.db"), ("prune",)):
        code, _, messages = await run_command(tmp_path, "db", *words)
        assert code == 69
        assert "--state" in messages
