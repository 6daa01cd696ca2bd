"""What every store promises. SQLite is the one there is; another joins by one line in `STORES`."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from autoflow.clock import VirtualClock
from autoflow.errors import ClosedError, StorageError
from autoflow.model.event import Event
from autoflow.store import events, waiting
from autoflow.store.base import Store, Transaction
from autoflow.store.sqlite.store import QUERIES, SqliteStore

START = 1_800_000_000_000


def make_event(event_id: str, *, data: dict | None = None, raw: bytes = b"{}", **more: str) -> Event:
    """An event as the gate would make it."""
    return Event(id=event_id, type="job.done", time=START, received_at=START, raw=raw, data=data or {}, **more)


def insert(tx: Transaction, batch: Sequence[Event], generation: int) -> Sequence[events.StoredEvent]:
    """Store events that nothing follows from."""
    return insert_numbered(tx, batch, generation)[1]


def insert_numbered(
    tx: Transaction, batch: Sequence[Event], generation: int
) -> tuple[int, Sequence[events.StoredEvent]]:
    """The same, with the number of the first one."""
    return events.insert_events(tx, batch, [0] * len(batch), generation=generation)


def new_generation(tx: Transaction) -> int:
    """An empty set of rules to refer to."""
    row = tx.row("insert_generation", versions="[]", created_at=tx.now)
    assert row is not None
    return row["id"]


def new_version(tx: Transaction) -> int:
    """A rule version to refer to."""
    row = tx.row(
        "insert_version", account="default", rule_id="r", hash="h", document="{}", path=None, line=None,
        git_commit=None, author=None, dirty=None, created_at=tx.now,
    )  # fmt: skip
    assert row is not None
    return row["id"]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
async def store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Store]:
    made = SqliteStore(tmp_path / "autoflow.db", clock=clock)
    yield made
    made.close()


async def test_a_change_is_kept_and_seen_by_readers(store: Store) -> None:
    """What transact returned from is there for a reader."""
    generation = await store.transact(new_generation)
    await store.transact(lambda tx: insert(tx, [make_event("e1")], generation))
    found = await store.read(lambda view: view.rows("events_by_id", id="e1"))
    assert [row["type"] for row in found] == ["job.done"]


async def test_a_failing_change_undoes_only_itself(store: Store) -> None:
    """Two changes share a commit; one raises; the other one stays."""

    def fails(tx: Transaction) -> None:
        new_generation(tx)
        raise ZeroDivisionError

    results = await asyncio.gather(
        store.transact(new_generation),
        store.transact(fails),
        store.transact(new_generation),
        return_exceptions=True,
    )
    assert isinstance(results[1], ZeroDivisionError)
    last = await store.read(lambda view: view.row("last_generation"))
    assert last is not None
    assert last["id"] == results[2] == 2


async def test_a_change_that_fails_alone_leaves_nothing_behind(store: Store) -> None:
    """What it wrote is gone before the next one begins, and the next one is kept."""

    def fails(tx: Transaction) -> None:
        new_generation(tx)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(fails)
    assert await store.read(lambda view: view.row("last_generation")) is None
    assert await store.transact(new_generation) == 1


async def test_a_change_is_handed_in_at_once(store: Store) -> None:
    """It is on its way also where nobody awaits it yet, and before whatever is handed in after it."""
    seen: list[str] = []
    first = store.transact(lambda tx: seen.append("first"))
    await store.transact(lambda tx: seen.append("second"))
    assert seen == ["first", "second"]
    await first


async def test_duplicates_are_told_by_account_source_and_id(store: Store) -> None:
    """Also within one batch; another source or account is another event; another body is told."""
    generation = await store.transact(new_generation)
    batch = [
        make_event("a"),
        make_event("a", raw=b'{"x":1}'),
        make_event("a", source="other"),
    ]
    stored = await store.transact(lambda tx: insert(tx, batch, generation))
    assert [s.status for s in stored] == ["accepted", "duplicate", "accepted"]
    assert [s.mismatch for s in stored] == [False, True, False]
    again = await store.transact(lambda tx: insert(tx, [batch[0], batch[2]], generation))
    assert [s.status for s in again] == ["duplicate", "duplicate"]
    assert not any(s.mismatch for s in again)
    elsewhere = make_event("a", account="other")
    for status in ("accepted", "duplicate"):
        [stored_elsewhere] = await store.transact(lambda tx: insert(tx, [elsewhere], generation))
        assert stored_elsewhere.status == status


UNUSUAL = (
    {},
    {"source": "crm"},
    {"type": "ünïcode.☃", "subject": "\U0001f600"},
    {"subject": ""},
    {"subject": "a\0b"},
    {"extensions": {"x": 1}},
    {"extensions": {"x": True}},
    {"extensions": {"x": 1.0, "text": 'a\0 "quoted"'}},
    {"account": "other", "depth": 3},
    {"time": 253_402_300_799_999, "received_at": 0},
    {"raw": '{"a":"ü\\u0000\\ud83d☃"}'.encode(), "data": {"a": "ü\0\ud83d☃"}},
)


@pytest.mark.parametrize("each", [1, 15, 16, 40])
@pytest.mark.parametrize("kinds", [UNUSUAL, UNUSUAL[:1], UNUSUAL[1:2], UNUSUAL[5:8]])
async def test_events_come_back_as_they_went_in(store: Store, each: int, kinds: Sequence[dict]) -> None:
    """However many go in together, and whatever they have in common."""
    generation = await store.transact(new_generation)
    given = [make_event(f"e{n}")._replace(**kinds[n % len(kinds)]) for n in range(40)]
    for begin in range(0, len(given), each):
        await store.transact(lambda tx, begin=begin: insert(tx, given[begin : begin + each], generation))
    rows = await store.read(lambda view: view.rows("events_after", after=0, type=None, account=None, limit=100))
    assert [repr(events.event_of(row)) for row in rows] == [repr(event) for event in given]
    assert [row["seq"] for row in rows] == list(range(1, 41))


async def plan(store: Store, *, due_at: int, run_id: str, target: str | None = None) -> int:
    """One event that something waits for."""

    def change(tx: Transaction) -> int:
        last = tx.row("last_generation")
        generation = last["id"] if last else new_generation(tx)
        known = tx.row("versions_by_hashes", keys='[["default", "r", "h"]]')
        version = known["id"] if known else new_version(tx)
        event_seq, _ = insert_numbered(tx, [make_event(f"for-{run_id}")], generation)
        new = waiting.NewPending(
            account="default", rule_id="r", version_id=version, run_id=run_id, due_at=due_at, target=target,
            shadow=False, waits=(waiting.Wait(pattern="p", key='["k"]'),),
        )  # fmt: skip
        waiting.insert_pending(tx, [(event_seq, new)], epoch=0)
        row = tx.row("pending_by_run", run_id=run_id)
        assert row is not None
        return row["id"]

    return await store.transact(change)


async def claim(store: Store, *, limit: int = 10, room: int = 10) -> list[str]:
    """The runs that a claim takes, where each target has this much room."""
    taken = await store.transact(
        lambda tx: waiting.claim(
            tx, waiting.choose_due(tx, limit=limit, room=lambda _target: room).ids, epoch=store.epoch
        )
    )
    return [c.pending.run_id for c in taken]


@pytest.mark.parametrize("each", [1, 15, 16, 40])
@pytest.mark.parametrize("differ", [(), ("target",), ("account", "rule_id", "shadow", "due_at")])
async def test_waiting_work_comes_back_as_it_went_in(store: Store, each: int, differ: Sequence[str]) -> None:
    """However much goes in together, and whatever it has in common."""
    await plan(store, due_at=START, run_id="first")
    others = {"target": "t{}", "account": "a{}", "rule_id": "r{}", "shadow": True, "due_at": 7}
    plain = waiting.NewPending(
        account="default", rule_id="r", version_id=1, run_id="", due_at=5, target=None, shadow=False,
        waits=(waiting.Wait(pattern="q", key="[1]"), waiting.Wait(pattern="q", key="[2]")),
    )  # fmt: skip
    given = []
    for number in range(40):
        changed = {name: others[name] for name in differ if number % 3}
        texts = {name: new.format(number) if isinstance(new, str) else new for name, new in changed.items()}
        given.append(plain._replace(run_id=f"run{number}", **texts))
    for begin in range(0, 40, each):
        part = [(1, new) for new in given[begin : begin + each]]
        await store.transact(lambda tx, part=part: waiting.insert_pending(tx, part, epoch=0))
    for number, new in enumerate(given, start=2):
        row = await store.read(lambda view, new=new: view.row("pending_by_run", run_id=new.run_id))
        assert row is not None
        pending = waiting.pending_of(row)
        assert (pending.id, pending.kind, pending.step, pending.event_seq) == (number, "start", 0, 1)
        assert (pending.account, pending.rule_id, pending.version_id) == (new.account, new.rule_id, new.version_id)
        assert (pending.due_at, pending.target, pending.shadow) == (new.due_at, new.target, new.shadow)
        assert (pending.created_at, pending.cancelled, pending.lost) == (START, None, 0)
    own = await store.read(lambda view: view.rows("waiting_for", pattern="q", account="default", key="[2]"))
    assert [row["id"] for row in own] == [n for n, new in enumerate(given, start=2) if new.account == "default"]


async def test_claims_take_what_is_due_oldest_first(store: Store, clock: VirtualClock) -> None:
    """Nothing early, nothing twice, and a full target stays behind without holding up the others."""
    await plan(store, due_at=START + 20, run_id="second")
    await plan(store, due_at=START + 10, run_id="first", target="dead")
    await plan(store, due_at=START + 9_999, run_id="later")
    assert await claim(store) == []
    clock.move_to(START + 20)
    assert await claim(store, room=0) == ["second"]
    assert await claim(store) == ["first"]
    assert await claim(store) == []
    assert await store.read(waiting.next_due) == START + 9_999


async def test_claims_of_an_older_owner_are_free_at_the_next_start(tmp_path: Path, clock: VirtualClock) -> None:
    """Nothing waits for a lease after the process died."""
    first = SqliteStore(tmp_path / "x.db", clock=clock)
    await plan(first, due_at=START, run_id="a")
    assert await claim(first) == ["a"]
    first.close()
    second = SqliteStore(tmp_path / "x.db", clock=clock)
    assert second.epoch == first.epoch + 1
    assert await claim(second) == ["a"]
    second.close()


async def test_cancelling_removes_what_has_not_begun_and_flags_what_has(store: Store) -> None:
    """The waits find the work by pattern and key; what is claimed is only told."""
    await plan(store, due_at=START, run_id="claimed")
    assert await claim(store) == ["claimed"]
    await plan(store, due_at=START + 5, run_id="waiting")

    def cancel(tx: Transaction) -> list[str]:
        found = tx.rows("waiting_for", pattern="p", account="default", key='["k"]')
        rows = [tx.row("pending_by_id", id=row["id"]) for row in found]
        return [waiting.end_pending(tx, row, "by hand") for row in rows if row is not None]

    assert await store.transact(cancel) == ["flagged", "removed"]
    assert await store.transact(cancel) == ["flagged"]


async def test_a_closed_store_refuses(tmp_path: Path) -> None:
    """No change is taken that could not be kept."""
    store = SqliteStore(tmp_path / "x.db")
    store.close()
    with pytest.raises(StorageError):
        await store.transact(new_generation)


async def test_what_is_offered_before_closing_is_kept(tmp_path: Path) -> None:
    """Closing finishes what was handed in."""
    store = SqliteStore(tmp_path / "x.db")
    offered = [asyncio.ensure_future(store.transact(new_generation)) for _ in range(20)]
    await asyncio.to_thread(store.close)
    assert sorted(await asyncio.gather(*offered)) == list(range(1, 21))


async def test_a_number_is_never_given_twice(store: Store) -> None:
    """Whoever still holds an old one can never mean a new row."""
    first = await plan(store, due_at=START, run_id="a")

    def end(tx: Transaction) -> None:
        row = tx.row("pending_by_id", id=first)
        assert row is not None
        waiting.end_pending(tx, row, "by hand")

    await store.transact(end)
    assert await plan(store, due_at=START, run_id="b") == first + 1


async def test_a_number_is_not_given_again_by_a_later_process(tmp_path: Path, clock: VirtualClock) -> None:
    """Not even where nothing of its time is left."""
    first = SqliteStore(tmp_path / "x.db", clock=clock)
    number = await plan(first, due_at=START, run_id="a")

    def forget(tx: Transaction) -> None:
        row = tx.row("pending_by_id", id=number)
        assert row is not None
        waiting.end_pending(tx, row, "by hand")

    await first.transact(forget)
    with pytest.raises(ZeroDivisionError):
        await first.transact(lambda tx: tx.take_numbers("pending_triggers", 1) / 0)
    first.close()
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("DELETE FROM runs")
        connection.execute("DELETE FROM events")
    connection.close()
    second = SqliteStore(tmp_path / "x.db", clock=clock)
    assert await plan(second, due_at=START, run_id="b") > number
    row = await second.read(lambda view: view.row("pending_by_run", run_id="b"))
    assert row is not None
    assert row["event_seq"] > 1
    second.close()


async def test_many_rows_are_inserted_at_once(store: Store) -> None:
    """Whatever their number; what is there already is left out, and the rest is told apart from it."""
    generation = await store.transact(new_generation)
    batch = [make_event(f"e{number}") for number in range(150)]
    await store.transact(lambda tx: insert(tx, batch[40:60], generation))
    stored = await store.transact(lambda tx: insert(tx, batch, generation))
    told = [one.status for one in stored]
    assert told == ["accepted"] * 40 + ["duplicate"] * 20 + ["accepted"] * 90
    kept = await store.read(lambda view: view.rows("events_after", after=0, type=None, account=None, limit=1_000))
    assert len({row["seq"] for row in kept}) == 150
    assert sorted(row["id"] for row in kept) == sorted(event.id for event in batch)


async def test_what_a_change_did_in_memory_is_undone_with_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it fails itself, and where the commit that it shares fails; never where it was kept."""
    undone: list[str] = []

    def change(tx: Transaction, name: str, error: Exception | None = None) -> None:
        tx.after_rollback(lambda: undone.append(name))
        if error is not None:
            raise error

    await store.transact(lambda tx: change(tx, "kept"))
    with pytest.raises(ValueError, match="no"):
        await store.transact(lambda tx: change(tx, "itself", ValueError("no")))
    assert undone == ["itself"]
    monkeypatch.setitem(QUERIES, "no_such_table", "DELETE FROM no_such_table")  # an error of the database
    begun, go_on = threading.Event(), threading.Event()

    def hold_the_writer(_tx: Transaction) -> None:
        begun.set()
        go_on.wait(20)

    hold = asyncio.ensure_future(store.transact(hold_the_writer))
    await asyncio.to_thread(begun.wait, 20)
    shared = [
        asyncio.ensure_future(store.transact(lambda tx: change(tx, "first"))),
        asyncio.ensure_future(store.transact(lambda tx: change(tx, "second"))),
        asyncio.ensure_future(store.transact(lambda tx: tx.run("no_such_table"))),
    ]
    go_on.set()
    await hold
    failed = await asyncio.gather(*shared, return_exceptions=True)
    assert all(isinstance(error, StorageError) for error in failed)
    assert undone == ["itself", "second", "first"]


async def test_nothing_hangs_where_the_database_is_gone_from_under_it(tmp_path: Path) -> None:
    """Each change is answered, also where not even a rollback works."""
    store = SqliteStore(tmp_path / "x.db")
    store._connection.close()
    for _ in range(2):
        with pytest.raises(StorageError):
            await store.transact(new_generation)
    assert store.failure is not None
    store.close()


async def test_changes_that_race_with_the_end_are_kept_or_refused(tmp_path: Path) -> None:
    """None waits for an answer that nobody gives."""
    for _ in range(20):
        store = SqliteStore(tmp_path / "x.db")

        async def offer(into: SqliteStore = store) -> int:
            number = 0
            while True:
                try:
                    await into.transact(new_generation)
                except ClosedError:
                    return number
                number += 1

        offers = [asyncio.ensure_future(offer()) for _ in range(4)]
        await asyncio.sleep(0.001)  # somewhere among their changes
        await asyncio.to_thread(store.close)
        kept = sum(await asyncio.wait_for(asyncio.gather(*offers), 20))
        with pytest.raises(ClosedError):
            await store.read(lambda view: view.row("count_pending"))
        with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as connection:
            assert connection.execute("SELECT count(*) FROM generations").fetchone()[0] == kept
            connection.execute("DELETE FROM generations")
            connection.commit()


async def test_a_new_file_can_give_room_back_and_its_log_goes_with_the_end(tmp_path: Path) -> None:
    """The vacuum mode counts only before the first table; the last close moves the log into the file."""
    store = SqliteStore(tmp_path / "x.db")
    await store.transact(new_generation)
    said = {
        name: store._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("auto_vacuum", "journal_mode", "synchronous", "foreign_keys")
    }
    assert said == {"auto_vacuum": 2, "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]


async def test_suspects_are_found_without_a_look_at_all_that_waits(store: Store) -> None:
    """The number that makes a suspect stands in the query, in its index and in the code; all three are the same."""
    values = {"epoch": 1, "alone": 0, "now": START, "shadow": 0}
    plan = await store.read(
        lambda view: view._connection.execute(  # type: ignore[attr-defined]  # asked of the database itself
            "EXPLAIN QUERY PLAN " + QUERIES["claim_suspect"], values
        ).fetchall()
    )
    assert any("INDEX pending_suspects" in row["detail"] for row in plan)
    assert f"lost >= {waiting.SUSPECT} " in QUERIES["claim_suspect"]
