"""Senders that offer far more than can be taken: told to try again, and memory, connections and promises hold."""

import asyncio
import json
import os
import re
import socket
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from autoflow.intake.room import MOST_BYTES
from support.daemon import DaemonProcess, until

MIB = 1 << 20
RULE = """
id: late
trigger: { event: x }
delay: 1h
actions: [ { log: { message: hello } } ]
---
id: now
trigger: { event: y }
actions: [ { log: { message: "{{ n }}" } } ]
"""
TIMES = 5
LARGE = 64
REQUESTS = 2
LINES = 4_000


@dataclass
class Told:
    """What the senders were told."""

    statuses: Counter[int] = field(default_factory=Counter)
    accepted: int = 0
    without_time: int = 0


def resident(pid: int) -> int:
    """The most bytes of memory that a process ever had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def head(daemon: DaemonProcess, length: int, media_type: str = "application/x-ndjson") -> bytes:
    """The head of a request with the token."""
    return (
        f"POST /v1/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {daemon.token}\r\n"
        f"content-type: {media_type}\r\ncontent-length: {length}\r\n\r\n"
    ).encode()


async def offer(daemon: DaemonProcess, body: bytes, told: Told) -> None:
    """One sender: the same body again and again, whatever it is told."""
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    request = head(daemon, len(body)) + body
    for _ in range(REQUESTS):
        for begin in range(0, len(request), 1 << 16):
            writer.write(request[begin : begin + (1 << 16)])
            await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", answer)
        assert length is not None
        told_body = json.loads(await reader.readexactly(int(length[1])))
        status = int(answer.split()[1])
        told.statuses[status] += 1
        told.accepted += told_body["accepted"] if status == 202 else 0
        told.without_time += status == 503 and "retry-after: " not in answer
    writer.close()


def read(daemon: DaemonProcess, query: str) -> list[tuple[object, ...]]:
    """What the file says."""
    with closing(sqlite3.connect(f"file:{daemon.state / 'autoflow.db'}?mode=ro", uri=True)) as file:
        return file.execute(query).fetchall()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell of memory")
async def test_five_times_too_much_is_refused_with_a_time_and_memory_stays_flat(daemon: DaemonProcess) -> None:
    """What is held at once is bounded, every event that was answered is there, and who comes later is taken."""
    daemon.write_rule("a.yaml", RULE)
    await daemon.start()
    assert daemon.process is not None
    before = resident(daemon.process.pid)
    line = json.dumps({"type": "x", "data": {"text": "y" * 49_000}}).encode() + b"\n"
    body = line * (1_000_000 // len(line))
    told = Told()
    await asyncio.gather(*(offer(daemon, body, told) for _ in range(TIMES * MOST_BYTES // MIB)))
    assert set(told.statuses) == {202, 503}, told
    assert told.without_time == 0
    assert resident(daemon.process.pid) - before < 10 * MOST_BYTES
    assert (await daemon.post({"type": "x", "id": "later"})).status_code == 202
    assert await daemon.stop() == 0
    assert read(daemon, "SELECT count(*) FROM events") == [(told.accepted + 1,)]
    assert read(daemon, "SELECT count(*) FROM pending_triggers") == [(told.accepted + 1,)]


async def hang_up(daemon: DaemonProcess, number: int, answered: list[int]) -> None:
    """Offer twenty events on a connection, and leave: in the body, after it, in the answer, or not at all."""
    events = [{"type": "y", "id": f"{number}-{one}", "data": {"n": one}} for one in range(20)]
    if number % 2:
        body, media_type = json.dumps(events).encode(), "application/json"
    else:
        body, media_type = b"\n".join(json.dumps(event).encode() for event in events), "application/x-ndjson"
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
    writer.write(head(daemon, len(body), media_type))
    match number % 8 // 2:
        case 0:
            writer.write(body[: len(body) // 2])
            await writer.drain()
        case 1:
            writer.write(body)
            await writer.drain()
        case 2:
            writer.write(body)
            await reader.readexactly(5)
        case _:
            writer.write(body)
            assert b"202" in await reader.readline()
            answered.append(number)
    connection = writer.get_extra_info("socket")
    # no goodbye: the system sends a reset and forgets what was not read
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def test_senders_that_hang_up_strand_nothing(daemon: DaemonProcess) -> None:
    """A batch is there whole or not at all, all that is there is done, and the room is as large as before."""
    daemon.write_rule("a.yaml", RULE)
    await daemon.start()
    answered: list[int] = []
    await asyncio.gather(*(hang_up(daemon, number, answered) for number in range(LARGE)))
    assert (await daemon.post({"type": "x", "id": "last"})).status_code == 202
    await until(lambda: read(daemon, "SELECT count(*) FROM pending_triggers") == [(1,)], log=daemon.log)
    assert await daemon.stop() == 0
    ids = [str(row[0]) for row in read(daemon, "SELECT id FROM events WHERE type = 'y'")]
    batches = Counter(int(one.partition("-")[0]) for one in ids)
    assert set(batches.values()) == {20}
    assert set(answered) <= set(batches)
    assert {number for number in batches if number % 8 // 2 == 0} == set()
    assert read(daemon, "SELECT count(*), count(DISTINCT event_seq) FROM runs") == [(len(ids), len(ids))]
    assert read(daemon, "SELECT DISTINCT status FROM runs") == [("done",)]
    assert read(daemon, "SELECT DISTINCT result FROM attempts") == [("delivered",)]
    assert daemon.events_logged("api.defect") == []


@pytest.fixture
def unread(daemon: DaemonProcess) -> Iterator[int]:
    """A daemon with acks that nobody reads yet: where they can be read."""
    reading, writing = os.pipe()
    daemon.arguments, daemon.output = ["--stdin", "--ack"], writing
    daemon.config = {"limits": {"shutdown_grace": "1s"}}
    daemon.write_rule("a.yaml", RULE)
    yield reading
    os.close(reading)
    os.close(writing)


async def fill(daemon: DaemonProcess) -> asyncio.Task[None]:
    """Write lines until the acks fill their pipe; the events behind them are in the database."""

    async def write() -> None:
        assert daemon.process is not None
        assert daemon.process.stdin is not None
        for number in range(LINES):
            daemon.process.stdin.write(json.dumps({"type": "x", "id": f"line-{number}"}).encode() + b"\n")
            await daemon.process.stdin.drain()
        daemon.process.stdin.close()

    await daemon.start()
    writing = asyncio.ensure_future(write())
    await until(lambda: read(daemon, "SELECT count(*) FROM events")[0][0] >= 500)  # type: ignore[operator]  # a number
    return writing


async def test_acks_that_nobody_reads_hold_their_sender_and_nobody_else(daemon: DaemonProcess, unread: int) -> None:
    """The other doors answer; and once they are read, every line has its ack, in order."""
    writing = await fill(daemon)
    assert (await daemon.post({"type": "x", "id": "over HTTP"})).status_code == 202
    text = b""
    while text.count(b"\n") < LINES:
        text += await asyncio.to_thread(os.read, unread, 1 << 16)
    await writing
    acks = [json.loads(line) for line in text.splitlines()]
    assert [(ack["line"], ack["id"], ack["status"]) for ack in acks] == [
        (number + 1, f"line-{number}", "accepted") for number in range(LINES)
    ]
    assert await daemon.stop() == 0


async def test_acks_that_nobody_reads_do_not_hold_the_end(daemon: DaemonProcess, unread: int) -> None:
    """It drains for as long as it may, and ends well; whatever was acknowledged is there."""
    writing = await fill(daemon)
    assert await daemon.stop() == 0
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    os.set_blocking(unread, False)
    acked = [json.loads(line)["id"] for line in os.read(unread, 1 << 20).rpartition(b"\n")[0].splitlines()]
    assert acked
    assert set(acked) <= {row[0] for row in read(daemon, "SELECT id FROM events")}
