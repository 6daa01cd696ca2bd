"""The gate: answered after the commit, shared by who comes together, and nobody suffers for somebody else."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from autoflow.errors import IntakeError, StorageError
from autoflow.intake import gate as gate_module
from autoflow.intake.gate import Gate
from autoflow.intake.receipts import answer_of
from autoflow.model.event import Event
from autoflow.store.base import Transaction
from autoflow.store.events import ACCEPTED
from support.line import Line
from support.turns import turn


def make_event(event_id: str, **more: Any) -> Event:
    """One event that nobody waits for."""
    return Event(**{"id": event_id, "type": "a.b", "time": 1, "received_at": 1, "raw": b"{}", "data": {}, **more})


def make_poison(event_id: str) -> Event:
    """An event that the store cannot write; no door lets one through."""
    return make_event(event_id, extensions={"x": float("nan")})


class WatchedStore:
    """A real store that counts its changes, and holds them back when it is told to."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.changes = 0
        self.open = asyncio.Event()
        self.open.set()
        #: what the next change fails with, before it is even begun
        self.fault: Exception | None = None

    async def transact(self, change: Callable[[Transaction], Any]) -> Any:
        self.changes += 1
        await self.open.wait()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return await self._store.transact(change)


class Hold:
    """A change that keeps the store from going on until it is let."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def change(self, _tx: Transaction) -> None:
        self.begun.set()
        self.go_on.wait(20)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    await made.engine.install((), made.versions)
    yield made
    made.close()


@pytest.fixture
async def store(line: Line) -> WatchedStore:
    return WatchedStore(line.store)


@pytest.fixture
def gate(line: Line, store: WatchedStore) -> Gate:
    return Gate(line.engine, store, line.metrics)  # type: ignore[arg-type]  # what a gate needs of a store is there


async def ids(line: Line) -> list[str]:
    """The ids of all events that are on disk."""
    return [row["id"] for row in await line.rows("events_after", after=0, type=None, account=None, limit=1_000)]


async def start(*coroutines: Any) -> list[asyncio.Task[Any]]:
    """Tasks that have run as far as they come by themselves."""
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    await turn()
    return tasks


async def test_an_answer_comes_after_the_commit(gate: Gate, store: WatchedStore, line: Line) -> None:
    """Not before: as long as the store does not answer, neither does the gate."""
    store.open.clear()
    [taking] = await start(gate.take([make_event("1")], transport="http"))
    assert not taking.done()
    assert await ids(line) == []
    store.open.set()
    [receipt] = await taking
    assert receipt.stored is ACCEPTED
    assert await ids(line) == ["1"]


async def test_who_comes_during_a_commit_shares_the_next_one(gate: Gate, store: WatchedStore) -> None:
    """Fifty senders, two commits; each hears of its own events only."""
    store.open.clear()
    takes = await start(*(gate.take([make_event(str(n))], transport="http") for n in range(50)))
    store.open.set()
    receipts = await asyncio.gather(*takes)
    assert [[one.event.id for one in group] for group in receipts] == [[str(n)] for n in range(50)]
    first = await start(gate.take([make_event("x")], transport="http"))
    await asyncio.gather(*first)
    assert store.changes <= 3


async def test_duplicates_are_told_within_a_request_and_between_requests(gate: Gate, store: WatchedStore) -> None:
    """By (account, source, id), whatever the body; also when both stand in one commit."""
    store.open.clear()
    one, two = make_event("1"), make_event("1", raw=b"[]", data=[])
    other = make_event("1", account="other"), make_event("1", source="other")
    takes = await start(gate.take([one, two, *other], transport="http"), gate.take([one], transport="stdin"))
    store.open.set()
    answers = [answer_of(receipts) for receipts in await asyncio.gather(*takes)]
    assert [told["status"] for told in answers[0]["events"]] == ["accepted", "duplicate", "accepted", "accepted"]
    assert (answers[0]["accepted"], answers[0]["duplicates"]) == (3, 1)
    assert (answers[1]["accepted"], answers[1]["duplicates"]) == (0, 1)


async def test_events_of_one_commit_are_counted_by_their_doors(gate: Gate, store: WatchedStore, line: Line) -> None:
    """Accepted and duplicate, each where it came in; all of them before anybody is answered."""
    counts: list[dict[tuple[str, str], float]] = []

    def count() -> dict[tuple[str, str], float]:
        return {
            (sample.labels["transport"], sample.labels["result"]): sample.value
            for metric in line.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == "autoflow_events_received_total"
        }

    store.open.clear()
    for transport, number in (("http", 1), ("http", 2), ("stdin", 2), ("http", 3)):
        gate.offer([make_event(str(number))], lambda _receipts, _error: counts.append(count()), transport=transport)
    store.open.set()
    await gate.close()
    assert len(counts) == 4
    expected = {("http", "accepted"): 3.0, ("stdin", "duplicate"): 1.0, ("stdin", "duplicate_mismatch"): 0.0}
    assert all({key: told.get(key, 0.0) for key in expected} == expected for told in counts)


async def test_a_sender_that_goes_away_takes_nothing_with_it(gate: Gate, store: WatchedStore, line: Line) -> None:
    """Its event is stored, and those who came with it are answered."""
    store.open.clear()
    takes = await start(*(gate.take([make_event(str(n))], transport="http") for n in range(3)))
    takes[1].cancel()
    store.open.set()
    await asyncio.gather(takes[0], takes[2])
    assert takes[1].cancelled()
    await gate.close()
    assert sorted(await ids(line)) == ["0", "1", "2"]


async def test_an_event_that_cannot_be_stored_harms_nobody_else(gate: Gate, store: WatchedStore, line: Line) -> None:
    """The others of the same commit are stored; only its own sender hears of it, and nothing of its request stays."""
    store.open.clear()
    bad = [make_event("3"), make_poison("4")]
    takes = await start(
        gate.take([make_event("1")], transport="http"),
        gate.take([make_event("2")], transport="http"),
        gate.take(bad, transport="http"),
        gate.take([make_event("5")], transport="http"),
    )
    store.open.set()
    answers = await asyncio.gather(*takes, return_exceptions=True)
    assert [isinstance(answer, ValueError) for answer in answers] == [False, False, True, False]
    assert sorted(await ids(line)) == ["1", "2", "5"]
    [receipt] = await gate.take([make_event("3")], transport="http")
    assert receipt.stored is ACCEPTED


async def test_past_the_mark_senders_are_told_to_come_again(
    gate: Gate, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with a time; a door that can wait is let in as soon as there is room."""
    monkeypatch.setattr(gate_module, "MOST_IN_FLIGHT", 3)
    store.open.clear()
    takes = await start(gate.take([make_event("1"), make_event("2")], transport="http"))
    with pytest.raises(IntakeError) as caught:
        await gate.take([make_event("3"), make_event("4")], transport="http")
    assert (caught.value.status, caught.value.code, caught.value.headers) == (503, "AF503", (("Retry-After", "1"),))
    [waiting] = await start(gate.wait_for_room(2))
    assert not waiting.done()
    store.open.set()
    await asyncio.gather(*takes, waiting)
    assert len(await gate.take([make_event("3"), make_event("4")], transport="http")) == 2


async def test_what_is_on_its_way_counts_until_its_commit_also_without_its_sender(
    gate: Gate, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hanging up must not be a way round the mark."""
    monkeypatch.setattr(gate_module, "MOST_IN_FLIGHT", 1)
    store.open.clear()
    [gone] = await start(gate.take([make_event("1")], transport="http"))
    gone.cancel()
    await start()
    with pytest.raises(IntakeError):
        await gate.take([make_event("2")], transport="http")
    store.open.set()
    await gate.wait_for_room(1)
    assert await gate.take([make_event("2")], transport="http")


async def test_closing_ends_with_everything_on_disk(gate: Gate, store: WatchedStore, line: Line) -> None:
    """What was taken before is committed; what comes after is told so, and nobody waits for room for ever."""
    store.open.clear()
    takes = await start(*(gate.take([make_event(str(n))], transport="http") for n in range(3)))
    [closing] = await start(gate.close())
    assert not closing.done()
    with pytest.raises(IntakeError, match="shutting down"):
        await gate.take([make_event("9")], transport="http")
    await gate.wait_for_room(1_000_000)
    store.open.set()
    await closing
    assert sorted(await ids(line)) == ["0", "1", "2"]
    assert all([await taking for taking in takes])


async def test_when_the_store_fails_every_sender_hears_of_it(line: Line, gate: Gate) -> None:
    """And none of them is answered as if it had been stored."""
    line.store.close()
    takes = await start(*(gate.take([make_event(str(n))], transport="http") for n in range(2)))
    answers = await asyncio.gather(*takes, return_exceptions=True)
    assert all(isinstance(answer, StorageError) for answer in answers)


async def test_after_a_commit_that_never_began_the_next_one_takes_what_comes(gate: Gate, store: WatchedStore) -> None:
    """Who waited for it hears that nothing was kept; nobody waits for ever, and there is room again."""
    store.open.clear()
    store.fault = StorageError("the disk is away")
    takes = await start(*(gate.take([make_event(str(n))], transport="http") for n in range(2)))
    store.open.set()
    answers = await asyncio.gather(*takes, return_exceptions=True)
    assert [str(answer) for answer in answers] == ["the disk is away"] * 2
    [receipt] = await gate.take([make_event("0")], transport="http")
    assert receipt.stored is ACCEPTED
    await gate.wait_for_room(gate_module.MOST_IN_FLIGHT)


async def test_the_store_takes_what_has_arrived_when_it_comes_to_it(
    gate: Gate, store: WatchedStore, line: Line
) -> None:
    """Also what came after its change was handed in, where the store was busy with something else."""
    hold = Hold()
    holding = asyncio.ensure_future(line.store.transact(hold.change))
    await asyncio.to_thread(hold.begun.wait, 20)
    answered: list[str] = []
    for number in range(3):
        gate.offer([make_event(str(number))], lambda told, _: answered.append(told[0].event.id), transport="http")
        await start()
    hold.go_on.set()
    await holding
    await gate.close()
    assert answered == ["0", "1", "2"]
    assert sorted(await ids(line)) == answered
    assert store.changes == 1


async def test_nothing_is_taken_of_nothing(gate: Gate) -> None:
    """An empty batch is a good request."""
    assert answer_of(await gate.take([], transport="http")) == {"accepted": 0, "duplicates": 0, "events": []}
