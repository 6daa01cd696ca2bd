"""A real daemon that is told to stop in the middle of things: what it answered is on disk, and it ends by itself."""

import asyncio
import contextlib
import json
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable

import httpx2
import pytest

from support.daemon import DaemonProcess, until

RULE = """
id: r
trigger: { event: x }
actions: [ { log: { message: "{{ n }}" } } ]
---
id: late
trigger: { event: x }
delay: 1h
actions: [ { log: { message: "{{ n }}" } } ]
"""


@pytest.fixture
def daemon(make_daemon: Callable[[], DaemonProcess]) -> DaemonProcess:
    made = make_daemon()
    made.write_rule("r.yaml", RULE)
    return made


async def send_until_refused(daemon: DaemonProcess, sender: int, acked: list[str]) -> None:
    """One sender after another event, until the daemon takes no more."""
    headers = {"authorization": f"Bearer {daemon.token}", "content-type": "application/json"}
    async with httpx2.AsyncClient() as client:
        number = 0
        while True:
            number += 1
            name = f"{sender}-{number}"
            body = json.dumps({"type": "x", "id": name, "data": {"n": number}})
            try:
                answer = await client.post(f"{daemon.base_url}/v1/events", content=body, headers=headers)
            except httpx2.HTTPError:
                return
            if answer.status_code != 202:
                return
            acked.append(name)


def look(daemon: DaemonProcess, query: str) -> list[tuple]:
    """What the file says once the daemon has ended."""
    with contextlib.closing(sqlite3.connect(daemon.state / "autoflow.db")) as connection:
        return connection.execute(query).fetchall()


async def test_every_202_under_load_is_on_disk_after_a_stop(daemon: DaemonProcess) -> None:
    """With all it led to: a run that ended or work that waits, each once, and nothing half done."""
    await daemon.start()
    acked: list[str] = []
    senders = [asyncio.ensure_future(send_until_refused(daemon, sender, acked)) for sender in range(8)]
    await until(lambda: len(acked) >= 200)
    assert await daemon.stop() == 0
    await asyncio.gather(*senders)
    stored = [row[0] for row in look(daemon, "SELECT id FROM events")]
    assert len(stored) == len(set(stored))
    assert set(acked) <= set(stored)
    led_to = look(
        daemon,
        "SELECT event_seq, rule_id FROM runs UNION ALL SELECT event_seq, rule_id FROM pending_triggers",
    )
    assert len(led_to) == len(set(led_to)) == 2 * len(stored)
    assert look(daemon, "SELECT DISTINCT result FROM attempts") == [("delivered",)]
    assert not (daemon.state / "autoflow.db-wal").exists()


async def test_a_stop_at_any_moment_of_the_start_ends_it(daemon: DaemonProcess) -> None:
    """Before its lock, over its rules, as it opens its doors: it never stays."""
    for marker in ("state/autoflow.lock", "state/autoflow.db", "state/token"):
        await daemon.start(ready=False)
        await until(lambda marker=marker: (daemon.home / marker).exists())
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.wait() in (0, -signal.SIGTERM)
        shutil.rmtree(daemon.state)
    await daemon.start()
    assert await daemon.stop() == 0


async def test_a_second_signal_ends_it_at_once(daemon: DaemonProcess) -> None:
    """Whoever holds a connection open does not hold the daemon."""
    await daemon.start()
    _, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    writer.write(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + daemon.token.encode())
    writer.write(b"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGTERM)
    await until(lambda: daemon.events_logged("daemon.draining"))
    daemon.process.send_signal(signal.SIGTERM)
    assert await daemon.wait() == 130
    writer.close()


async def hold_open(daemon: DaemonProcess) -> asyncio.StreamWriter:
    """A request whose body does not come to its end: the drain waits for it."""
    _, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    writer.write(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + daemon.token.encode())
    writer.write(b"\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
    await writer.drain()
    return writer


async def test_a_second_signal_under_load_loses_nothing_that_was_answered(daemon: DaemonProcess) -> None:
    """It ends in the middle of everything; every 202 is on disk, and the next start does what is left, once each."""
    await daemon.start()
    held = await hold_open(daemon)
    acked: list[str] = []
    senders = [asyncio.ensure_future(send_until_refused(daemon, sender, acked)) for sender in range(8)]
    await until(lambda: len(acked) >= 200)
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGTERM)
    await until(lambda: daemon.events_logged("daemon.draining"))
    daemon.process.send_signal(signal.SIGTERM)
    assert await daemon.wait() == 130
    await asyncio.gather(*senders)
    held.close()
    assert set(acked) <= {row[0] for row in look(daemon, "SELECT id FROM events")}
    await daemon.start()
    await until(lambda: look(daemon, "SELECT count(*) FROM pending_triggers WHERE rule_id = 'r'") == [(0,)])
    assert await daemon.stop() == 0
    [(events,)] = look(daemon, "SELECT count(*) FROM events")
    assert look(daemon, "SELECT status, count(*), count(DISTINCT event_seq) FROM runs GROUP BY status") == [
        ("done", events, events)
    ]


async def test_what_comes_due_while_the_doors_close_waits_for_the_next_start(daemon: DaemonProcess) -> None:
    """From the first signal on nothing new is begun: the grace is for what is under way, and there is one of it."""
    daemon.write_rule("soon.yaml", "id: soon\ntrigger: {event: y}\ndelay: 600ms\nactions: [ {log: {message: m}} ]\n")
    await daemon.start()
    held = await hold_open(daemon)
    assert (await daemon.post({"type": "y"})).status_code == 202
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGTERM)
    await until(lambda: daemon.events_logged("daemon.draining"))
    [(due,)] = look(daemon, "SELECT due_at FROM pending_triggers")
    await until(lambda: time.time() * 1000 > due + 300)
    held.close()
    assert await daemon.wait() == 0
    assert look(daemon, "SELECT rule_id, claim FROM pending_triggers") == [("soon", 0)]
    assert look(daemon, "SELECT count(*) FROM attempts") == [(0,)]
    await daemon.start()
    await until(lambda: look(daemon, "SELECT status FROM runs") == [("done",)])
    assert await daemon.stop() == 0
