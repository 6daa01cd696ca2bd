"""However long it runs, however much waits, whoever reads: the log stays small, and what is asked often is cheap."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from autoflow.clock import VirtualClock
from autoflow.settings import Retention
from autoflow.store.base import Transaction
from autoflow.store.retention import LEAST_PAGES, KeepFor, prune
from autoflow.store.sqlite import store as store_module
from autoflow.store.sqlite.store import QUERIES, SqliteStore, open_reader
from support.line import START, Line

MIB = 1 << 20
BOUND = 8 * MIB
SECOND = 1_000


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteStore]:
    """A store whose log is large from 8 MiB on, on a disk that need not be waited for."""
    monkeypatch.setattr(store_module, "MOST_LOG", BOUND)
    made = SqliteStore(tmp_path / "autoflow.db", clock=VirtualClock(START))
    made._connection.execute("PRAGMA synchronous = OFF")
    made._connection.execute("PRAGMA wal_autocheckpoint = 500")
    made._connection.execute("CREATE TABLE ballast (n INTEGER PRIMARY KEY, text TEXT)")
    yield made
    made.close()


def log_bytes(store: SqliteStore) -> int:
    """The size of the log beside the database."""
    return store.path.with_name(store.path.name + "-wal").stat().st_size


def put(tx: Transaction) -> None:
    """Some 256 KiB, in place of what was there: the database does not grow."""
    tx._connection.execute(  # type: ignore[attr-defined]  # ballast is no query of the product
        "REPLACE INTO ballast VALUES (1, hex(randomblob(65536))), (2, hex(randomblob(65536)))"
    )


async def write(store: SqliteStore, mebibytes: int) -> int:
    """Write so much, a second after each commit; the largest that the log was."""
    largest = 0
    for _ in range(4 * mebibytes):
        await store.transact(put)
        store._clock.move_to(store._clock.now() + SECOND)  # type: ignore[attr-defined]  # it is a virtual one
        largest = max(largest, log_bytes(store))
    return largest


async def test_the_log_stays_small_where_nobody_reads(store: SqliteStore) -> None:
    """A hundred MiB are written, and a few are in the log at any time."""
    assert await write(store, 100) < BOUND
    assert store.lagging is None


def read_without_a_gap(path: Path, end: threading.Event) -> None:
    """Two readers in turn: each begins before the other one ends."""
    with closing(open_reader(path)) as one, closing(open_reader(path)) as other:
        while not end.wait(0.002):
            one, other = other, one
            one.execute("BEGIN")
            one.execute("SELECT count(*) FROM ballast").fetchone()
            if other.in_transaction:
                other.execute("ROLLBACK")


async def test_the_log_stays_small_though_there_is_always_somebody_who_reads(store: SqliteStore) -> None:
    """Readers that come and go and never leave a gap keep SQLite from beginning its log anew; the writer does it."""
    end = threading.Event()
    reading = asyncio.ensure_future(asyncio.to_thread(read_without_a_gap, store.path, end))
    largest = await write(store, 100)
    end.set()
    await reading
    assert largest < 2 * BOUND


async def test_a_reader_that_stays_is_told_of_and_once_it_goes_the_log_is_small_again(store: SqliteStore) -> None:
    """As long as it looks at an old state, the log has to keep what came since."""
    with closing(open_reader(store.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ballast").fetchone()
        assert await write(store, 20) > 20 * MIB
        assert store.lagging is not None
    await write(store, 4)  # longer than it is not tried again
    assert log_bytes(store) < BOUND
    assert store.lagging is None


ASKED_OFTEN = (
    "count_pending", "next_due", "waiting_versions", "free_claims", "last_pending_id", "last_event_seq", "claims_of",
    "join_others", "due_now", "due_now_shadow", "next_due_shadow", "claim_suspect",
)  # fmt: skip
VALUES = dict.fromkeys(("epoch", "suspect", "now", "shadow", "alone", "limit", "after"), 1)


@pytest.mark.parametrize("query", ASKED_OFTEN)
def test_what_is_asked_at_a_start_and_again_and_again_looks_at_no_row_that_only_waits(
    store: SqliteStore, query: str
) -> None:
    """A million that wait make no start slow, and no sweep or scrape of the metrics: indices answer."""
    plan = [row[3] for row in store._connection.execute(f"EXPLAIN QUERY PLAN {QUERIES[query]}", VALUES)]
    walks = [step for step in plan if step.startswith(("SCAN pending_triggers", "SCAN events"))]
    assert [step for step in walks if "INDEX" not in step] == []


@pytest.mark.parametrize("query", ["due_now_shadow", "next_due_shadow"])
def test_a_daemon_that_must_send_nothing_looks_at_nothing_that_is_to_be_sent(store: SqliteStore, query: str) -> None:
    """However much of it is due: an index holds what is in shadow, and nothing else."""
    plan = [row[3] for row in store._connection.execute(f"EXPLAIN QUERY PLAN {QUERIES[query]}", VALUES)]
    assert [step for step in plan if "pending_triggers" in step and "pending_shadow_due" not in step] == []
    assert any("pending_shadow_due" in step for step in plan)


async def test_what_waits_is_counted_and_its_oldest_found_whether_it_is_claimed_or_not(tmp_path: Path) -> None:
    """As a look at every row would."""
    line = Line(tmp_path / "line.db")
    await line.use(
        'id: r\ntrigger: {event: x}\ndelay: 1h\nactions: [ { log: { message: "m" } } ]\n---\n'
        'id: q\ntrigger: {event: y}\ndelay: 2h\nactions: [ { log: { message: "m" } } ]\n'
    )
    assert await line.rows("count_pending") == [{"number": 0, "oldest": None}]
    assert await line.rows("waiting_versions") == []
    for kind in ("y", "x", "x"):
        await line.emit(kind, {})
    assert await line.rows("count_pending") == [{"number": 3, "oldest": START + 3_600_000}]
    assert [row["version"] for row in await line.rows("waiting_versions")] == [1, 2]
    line.store._connection.execute("UPDATE pending_triggers SET claim = 7 WHERE rule_id = 'r'")  # they are worked on
    assert await line.rows("count_pending") == [{"number": 3, "oldest": START + 3_600_000}]
    line.close()


async def test_what_was_removed_is_given_back_to_the_system(tmp_path: Path) -> None:
    """The file gets smaller with what is in it, whatever its size was, but for a tenth."""
    line = Line(tmp_path / "line.db")
    line.store._connection.execute("PRAGMA synchronous = OFF")
    await line.use('id: r\ntrigger: {event: x}\nactions: [ { log: { message: "m" } } ]\n')
    for _ in range(60):
        await line.emit("nobody", {"text": "y" * 400_000})
    line.clock.move_to(START + 30 * 86_400_000)
    await line.emit("nobody", {})
    pages = (await line.rows("page_counts"))[0]["pages"]
    assert await prune(line.store, KeepFor.of(Retention())) >= 60
    [left] = await line.rows("page_counts")
    assert left["pages"] < pages // 10
    assert left["free"] <= max(LEAST_PAGES, left["pages"] // 10)
    line.store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert line.path.stat().st_size == left["pages"] * 4096
    line.close()


def put_rows(tx: Transaction) -> None:
    """As many rows as are worth a checkpoint."""
    rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
    tx._connection.execute(  # type: ignore[attr-defined]  # ballast is no query of the product
        f"INSERT INTO ballast (text) {rows} SELECT hex(randomblob(100)) FROM n"
    )


async def test_what_is_committed_is_moved_beside_the_writer(store: SqliteStore) -> None:
    """No commit waits for it: the writer's own checkpoints are put off."""
    store._connection.execute("PRAGMA wal_autocheckpoint = 0")
    before = store.path.stat().st_size
    await store.transact(put_rows)
    async with asyncio.timeout(20):
        while store.path.stat().st_size == before:
            await asyncio.sleep(0.01)  # it is another thread's work
    assert store.lagging is None


async def test_what_cannot_be_moved_is_told(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a disk that fails would be; commits go on, and the next checkpoint that works clears it."""
    monkeypatch.setattr(store._checkpointer, "_path", store.path.parent / "nothing" / "here.db")
    await store.transact(put_rows)
    async with asyncio.timeout(20):
        while store.lagging is None:
            await asyncio.sleep(0.01)  # it is another thread's work
    assert "unable to open" in store.lagging
    store._clock.move_to(store._clock.now() + 60 * SECOND)  # type: ignore[attr-defined]  # it is a virtual one
    await store.transact(put)
    await store.transact(put)
    assert store.lagging is None
