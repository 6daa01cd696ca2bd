"""Bytes that are held: no more than there is room for, refused before they are read, and all given back."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from autoflow.errors import IntakeError, StorageError
from autoflow.intake import gate as gate_module
from autoflow.intake.decode import Decoder
from autoflow.intake.express import Reply
from autoflow.intake.gate import Gate
from autoflow.intake.http import DoorOptions, HttpDoor
from autoflow.intake.room import LEAST_BODIES, MOST_BYTES, Room, Share
from support.line import Line
from support.turns import turn

EVENT = b'{"type": "x"}'


class Bench:
    """A door whose room is small, and what it says."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.room = Room()
        self.room.most = 100
        self.gate = Gate(line.engine, line.store, line.metrics, self.room)
        self.door = HttpDoor(
            self.gate,
            Decoder(line.engine.ids),
            clock=line.clock,
            metrics=line.metrics,
            options=DoorOptions(token=None, body_bytes=1_000, hosts=None),
            rulebook=lambda: line.engine.rulebook,
            rest=None,  # type: ignore[arg-type]  # nothing is asked of it
        )
        self.read = 0

    async def ask(self, *parts: Any, length: int | None = None) -> tuple[int, dict[str, str]]:
        """One request on the long way: status and headers."""
        said: list[Any] = []
        coming = [
            {"type": "http.request", "body": one, "more_body": n + 1 < len(parts)} if isinstance(one, bytes) else one
            for n, one in enumerate(parts)
        ]

        async def receive() -> Any:
            self.read += 1
            part = coming.pop(0)
            if isinstance(part, asyncio.Event):
                await part.wait()
            return part

        async def send(message: Any) -> None:
            said.append(message)

        headers = [(b"content-type", b"application/json")]
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        scope = {"type": "http", "method": "POST", "path": "/v1/events", "http_version": "1.1", "headers": headers}
        await self.door(scope, receive, send)
        return said[0]["status"], {name.decode(): value.decode() for name, value in said[0]["headers"]}

    async def ask_short(self, body: bytes) -> Reply:
        """One request on the short way."""
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.door.express(self.door.admit([(b"content-type", b"application/json")]), body, answered.set_result)
        return await answered


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    line = Line(tmp_path / "autoflow.db")
    await line.use("id: r\ntrigger: { event: x }\nactions: [ { log: { message: hello } } ]\n")
    yield Bench(line)
    line.close()


def test_there_is_room_for_some_of_the_largest_bodies() -> None:
    """However large the config lets them be."""
    assert Room(1 << 20).most == MOST_BYTES
    assert Room(MOST_BYTES).most == LEAST_BODIES * MOST_BYTES


def test_a_share_grows_and_is_given_back_whole() -> None:
    """What does not fit is not held in part, and what is only expected is not held at all."""
    room = Room()
    room.most = 16
    with Share(room) as share:
        share.expect(12)
        assert room.taken == 0
        share.grow(6)
        share.grow(4)
        assert room.taken == 10
        for ask in (share.grow, share.expect):
            with pytest.raises(IntakeError):
                ask(3)
        assert room.taken == 10
        share.grow(2)
        assert room.taken == 12
    assert room.taken == 0


async def test_a_slow_sender_holds_what_it_has_sent_and_no_more(bench: Bench) -> None:
    """And however many of them there are, requests that come whole find room."""
    slow = [asyncio.ensure_future(bench.ask(b" " * 25, asyncio.Event())) for _ in range(3)]
    await turn()
    assert bench.room.taken == 75
    assert (await bench.ask(EVENT, length=len(EVENT)))[0] == 503
    assert (await bench.ask_short(EVENT)).status == 202
    for one in slow:
        one.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert bench.room.taken == 0


async def test_where_there_is_no_room_a_body_is_not_even_read(bench: Bench) -> None:
    """503 and when to try again, by what the head says of it."""
    bench.room.taken = 50
    status, headers = await bench.ask(EVENT, length=26)
    assert (status, headers["retry-after"], bench.read) == (503, "1", 0)
    assert bench.room.taken == 50


async def test_where_there_are_too_many_events_a_body_is_not_even_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds one at least."""
    monkeypatch.setattr(gate_module, "MOST_IN_FLIGHT", 0)
    status, headers = await bench.ask(EVENT, length=len(EVENT))
    assert (status, headers["retry-after"], bench.read) == (503, "1", 0)


async def test_where_there_are_too_many_events_none_is_even_looked_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the short way too: what is refused costs little, however much of it comes."""
    monkeypatch.setattr(gate_module, "MOST_IN_FLIGHT", 0)
    reply = await bench.ask_short(b"not even JSON")
    assert (reply.status, reply.extra) == (503, (("Retry-After", "1"),))


async def test_a_body_whose_length_is_not_told_is_counted_as_it_comes(bench: Bench) -> None:
    """And refused where it grows too large."""
    status, headers = await bench.ask(b" " * 60, b" " * 60, b" " * 60)
    assert (status, headers["retry-after"], bench.read) == (503, "1", 2)
    assert bench.room.taken == 0


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((EVENT,), 202),
        ((EVENT[:5], EVENT[5:]), 202),
        ((b"{",), 400),
        ((b"{", {"type": "http.disconnect"}), 400),
        ((b" " * 1_001,), 413),
    ],
    ids=["taken", "in parts", "not JSON", "hung up", "too large"],
)
async def test_whatever_becomes_of_a_request_its_bytes_are_given_back(
    bench: Bench, parts: tuple[Any, ...], status: int
) -> None:
    """On the long way; the next one finds all the room there is."""
    assert (await bench.ask(*parts))[0] == status
    assert bench.room.taken == 0


@pytest.mark.parametrize(("body", "status"), [(EVENT, 202), (b"{", 400), (b" " * 101, 503)])
async def test_on_the_short_way_they_are_given_back_too(bench: Bench, body: bytes, status: int) -> None:
    """With the answer, whichever it is."""
    reply = await bench.ask_short(body)
    assert reply.status == status
    assert (("Retry-After", "1") in reply.extra) == (status == 503)
    assert bench.room.taken == 0


async def test_bytes_are_held_until_their_events_are_on_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only while they are read; and where they cannot be kept they are given back."""
    kept: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def hold(_change: Any) -> Any:
        return await kept

    monkeypatch.setattr(bench.line.store, "transact", hold)
    asking = [asyncio.ensure_future(bench.ask_short(EVENT)), asyncio.ensure_future(bench.ask(EVENT))]
    await turn()
    assert bench.room.taken == 2 * len(EVENT)
    kept.set_exception(StorageError("the disk is full"))
    await asyncio.gather(*asking)
    assert bench.room.taken == 0


def _errors() -> list[IntakeError]:
    return [found for found in gc.get_objects() if isinstance(found, IntakeError)]


async def test_a_refusal_leaves_nothing_to_the_garbage_collector(bench: Bench) -> None:
    """It looks rarely: what only it could free would be held meanwhile, with the body."""
    bench.room.taken = 100
    gc.collect()
    before = _errors()
    gc.disable()
    try:
        await bench.ask(EVENT, length=len(EVENT))
        await bench.ask(EVENT)
        assert [error for error in _errors() if error not in before] == []
    finally:
        gc.enable()
