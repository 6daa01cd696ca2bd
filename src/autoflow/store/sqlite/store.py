"""The store on one SQLite file: one thread, one connection that ever writes, one fsync for many changes.

`transact` hands a change to the writer thread. The thread takes everything that has arrived meanwhile, runs
it in one transaction (a savepoint each, so that a failing change undoes only itself), commits with
`synchronous=FULL`, and only then answers.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from autoflow import failpoints
from autoflow.clock import Clock, SystemClock
from autoflow.errors import ClosedError, StateError, StorageError
from autoflow.failpoints import Failpoint
from autoflow.observe.log import get_log
from autoflow.store.base import Reading, Transaction
from autoflow.store.migrate import load_migrations, migrate
from autoflow.store.queries import parse_queries
from autoflow.store.sqlite.checkpointer import Checkpointer
from autoflow.store.sqlite.rows import PREPARED, statements_for
from autoflow.store.waiting import SUSPECT

T = TypeVar("T")

log = get_log("autoflow.store")

PACKAGE = "autoflow.store.sqlite"
QUERIES = parse_queries(resources.files(PACKAGE).joinpath("queries.sql").read_text())
MOST_CHANGES = 500
"""In one commit: enough for the fsync to be shared, few enough for the first to be answered soon."""

CHECKPOINT_EVERY = 60_000
CHECKPOINT_AGAIN = 1_000
"""Milliseconds at least between two checkpoints of our own, and after one that failed."""
MOST_LOG = 64 << 20
"""Bytes of the log from which on it is not only moved into the database, but begun anew."""
READERS_MS, READERS_AGAIN = 100, 10_000
"""How long those who read are then waited for, and how long not again; nothing is written while they are."""

_FAILED_SYNCS = frozenset({"SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC"})
_OF_THE_CHANGE = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.NotSupportedError)
"""Errors that say something of one change, and nothing of the database."""

_WRITER_PRAGMAS = (
    "PRAGMA auto_vacuum = INCREMENTAL",  # only counts before the first table
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    # Where the checkpointer does not get to the end, because there is always more, a commit moves the rest.
    "PRAGMA wal_autocheckpoint = 12000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -65536",
)


class SqliteView:
    """A view of the file on one connection."""

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self._connection = connection
        self.now = now

    def rows(self, query: str, **values: Any) -> Sequence[sqlite3.Row]:
        """All rows of the named query."""
        return self._connection.execute(QUERIES[query], values).fetchall()

    def row(self, query: str, **values: Any) -> sqlite3.Row | None:
        """The first row of the named query, or None."""
        found: sqlite3.Row | None = self._connection.execute(QUERIES[query], values).fetchone()
        return found


class SqliteTransaction(SqliteView):
    """A view that can also write; one belongs to one change."""

    def __init__(self, connection: sqlite3.Connection, now: int, numbers: dict[str, int], flagged: set[int]) -> None:
        super().__init__(connection, now)
        self.flagged = flagged
        self.calls: list[Callable[[], None]] = []
        self.undo: list[Callable[[], None]] = []
        self._numbers = numbers

    def take_numbers(self, table: str, count: int) -> int:
        """The first of so many new numbers for rows of a table."""
        first = self._numbers[table] + 1
        self._numbers[table] += count
        return first

    def run(self, query: str, **values: Any) -> int:
        """Run the named statement; how many rows it changed."""
        return self._connection.execute(QUERIES[query], values).rowcount

    def insert_many(self, query: str, rows: Sequence[Sequence[Any]], **same: Any) -> None:
        """Run the named one-row INSERT for many rows at once, with their values in the statement's order.

        `same` are values that all rows have; they are left out of the rows.
        """
        for statement, values in statements_for(QUERIES[query], rows, same):
            self._connection.execute(statement, values)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call on the event loop once the transaction is on disk."""
        self.calls.append(call)

    def after_rollback(self, call: Callable[[], None]) -> None:
        """Call at once, before any other change, where the transaction is undone."""
        self.undo.append(call)


@dataclass(slots=True, kw_only=True)
class _Change:
    """One change on its way through the writer, and what came of it."""

    change: Callable[[Transaction], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    calls: list[Callable[[], None]] = field(default_factory=list)
    undo: list[Callable[[], None]] = field(default_factory=list)

    def fail(self, error: BaseException) -> None:
        """Nothing of it was kept; on the writer's thread."""
        self.error = error
        self.calls = []
        while self.undo:
            self.undo.pop()()

    def settle(self) -> None:
        """Answer; on the event loop. A faulty call after the commit keeps nobody from the answer."""
        for call in self.calls:
            try:
                call()
            except Exception as error:  # what was committed stays committed
                log.error("store.defect", exception=error)
        if self.future.done():
            return  # the caller went away; what was committed stays committed
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class SqliteStore:
    """Events, waiting work and history in one SQLite file."""

    def __init__(self, path: Path, *, clock: Clock | None = None, durable: bool = True) -> None:
        self.path = path
        #: without it nothing waits for the disk: for what nobody has to find again after a power cut
        self._durable = durable
        self.epoch = 0
        self.flagged: set[int] = set()
        #: what the last commit failed with; None while commits succeed
        self.failure: str | None = None
        #: why nothing may be written any more in the life of this process; None while it may
        self.broken: str | None = None
        #: why what is committed cannot be moved from the log into the database; None while it can
        self.lagging: str | None = None
        self._clock = clock or SystemClock()
        #: the last number that was given to a row, by table
        self._numbers: dict[str, int] = {}
        #: the same, as far as it was written down
        self._kept_numbers: dict[str, int] = {}
        self._changes: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._connection = self._open()
        self._files, self._log_bytes = _look_at_files(path)
        self._checkpointed_at = self._clock.now()
        self._checkpointer = Checkpointer(path, self._note_lag)
        self._thread = threading.Thread(target=self._write_for_ever, name="store-writer", daemon=True)
        self._readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="store-reader")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._closed = False
        #: nothing may be handed in behind the end
        self._handing_in = threading.Lock()
        self._thread.start()

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, cached_statements=PREPARED
            )
        except sqlite3.Error as error:
            raise StateError(f"cannot open {self.path}: {error}", hint="is the directory writable?") from error
        connection.row_factory = sqlite3.Row
        try:
            for pragma in _WRITER_PRAGMAS:
                connection.execute(pragma)
            if not self._durable:
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute("PRAGMA cache_size = -8192")
            migrate(connection, load_migrations(PACKAGE))
            connection.execute("BEGIN IMMEDIATE")
            self.epoch = connection.execute(QUERIES["raise_epoch"]).fetchone()[0]
            connection.execute(QUERIES["free_claims"], {"suspect": SUSPECT})
            self._numbers = {
                "events": connection.execute(QUERIES["last_event_seq"]).fetchone()[0],
                "pending_triggers": connection.execute(QUERIES["last_pending_id"]).fetchone()[0],
            }
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            connection.close()
            raise StorageError(f"cannot use {self.path}: {error}", hint="see `autoflow doctor`") from error
        except BaseException:
            connection.close()
            raise
        return connection

    def transact(self, change: Callable[[Transaction], T]) -> asyncio.Future[T]:
        """Run `change` in a transaction; the answer comes once it is on disk."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._handing_in:
            if self._closed:
                future.set_exception(ClosedError("the store is closed"))
            else:
                self._changes.put(_Change(change=change, loop=loop, future=future))
        return future

    async def read(self, look: Callable[[Reading], T]) -> T:
        """Run `look` on a read-only view, beside the writer."""
        with self._handing_in:
            if self._closed:
                raise ClosedError("the store is closed")
            reading = asyncio.get_running_loop().run_in_executor(self._readers, self._look, look)
        return await reading

    def close(self) -> None:
        """Finish what was handed in; close the readers first and the writer last, which checkpoints.

        A broken store is left as it is: the process has to end now, without that checkpoint.
        """
        with self._handing_in:
            if self._closed:
                return
            self._closed = True
            self._changes.put(None)
        self._thread.join()
        self._checkpointer.close()
        self._readers.shutdown(wait=True)
        for connection in self._opened:
            connection.close()
        if self.broken is None:
            self._connection.close()

    def _look(self, look: Callable[[Reading], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_reader(self.path)
            self._local.connection = connection
            self._opened.append(connection)
        return look_at(connection, look, self._clock.now())

    def _write_for_ever(self) -> None:
        while self._write_arrived():
            self._checkpoint()

    def _write_arrived(self) -> bool:
        """Commit what has arrived, and answer; False at the end.

        Nothing of it is held from here on: its events are taken back by the thread that made them, for which they are
        near.
        """
        batch: list[_Change] = []
        following = self._changes.get()
        while following is not None:
            batch.append(following)
            if len(batch) == MOST_CHANGES or self._changes.empty():
                break
            following = self._changes.get()
        if batch:
            self._commit(batch)
            _answer(batch)
        return following is not None

    def _commit(self, batch: Sequence[_Change]) -> None:
        connection = self._connection
        now = self._clock.now()
        try:
            self._check_files()
            before = connection.total_changes
            connection.execute("BEGIN IMMEDIATE")
            for change in batch:
                self._apply(change, now, alone=len(batch) == 1)
            if connection.in_transaction:  # else its only change undid it
                self._keep_numbers()
                self._confirm()
            if connection.total_changes != before:  # else the disk was not asked
                self.failure = None
                self._checkpointer.count(connection.total_changes - before)
        except BaseException as error:  # the writer must answer whatever happened
            self.failure = str(error)
            self._note_break(error)
            self._kept_numbers = {}  # whatever was written of them is undone
            self._roll_back()
            for change in reversed(batch):
                change.fail(StorageError(f"nothing was kept: {error}", hint="see `autoflow doctor`"))

    def _confirm(self) -> None:
        """Onto the disk."""
        if failpoints.armed:
            failpoints.reach(Failpoint.BEFORE_COMMIT)
        self._connection.execute("COMMIT")
        if failpoints.armed:
            failpoints.reach(Failpoint.AFTER_COMMIT)

    def _keep_numbers(self) -> None:
        """In the commit that gives them: not even a later process gives one of them again."""
        if self._numbers != self._kept_numbers:
            self._connection.execute(QUERIES["keep_numbers"], self._numbers)
            self._kept_numbers = dict(self._numbers)

    def _roll_back(self) -> None:
        """Undo what could not be committed. Where even that fails, the next BEGIN says so again."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self.failure = str(error)

    def _note_break(self, error: BaseException) -> None:
        """After an fsync that failed nobody knows what is on disk, and a second one would say that all is well."""
        if getattr(error, "sqlite_errorname", None) in _FAILED_SYNCS:
            self.broken = f"the disk did not confirm what was written: {error}"

    def _check_files(self) -> None:
        """Nothing is committed into files that nobody will find again."""
        found, self._log_bytes = _look_at_files(self.path)
        if self.broken is None and found != self._files:
            self.broken = f"{self.path.name} or its -wal file was removed or replaced"
        if self.broken is not None:
            raise StorageError(self.broken)

    def _note_lag(self, error: sqlite3.Error) -> None:
        self.lagging = str(error)
        self._note_break(error)

    def _checkpoint(self) -> None:
        """Move what is committed into the database now and then: SQLite does so too, but says nothing of failures."""
        large = self._log_bytes > MOST_LOG
        if self.lagging is not None:
            wait = READERS_AGAIN if large else CHECKPOINT_AGAIN
        else:
            wait = CHECKPOINT_AGAIN if large else CHECKPOINT_EVERY
        now = self._clock.now()
        if self.broken is not None or abs(now - self._checkpointed_at) < wait:
            return
        self._checkpointed_at = now
        try:
            if failpoints.armed:
                failpoints.reach(Failpoint.CHECKPOINT)
            if large:
                self._begin_log_anew()
            else:
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                self.lagging = None
        except sqlite3.Error as error:
            self._note_lag(error)

    def _begin_log_anew(self) -> None:
        """SQLite does so where for a moment nobody reads; where somebody always does, that moment has to be made."""
        self._connection.execute(f"PRAGMA busy_timeout = {READERS_MS}")
        try:
            with self._checkpointer.working:
                busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            self._connection.execute("PRAGMA busy_timeout = 5000")
        self.lagging = "somebody reads the database and does not end" if busy else None

    def _apply(self, change: _Change, now: int, *, alone: bool) -> None:
        """Run one change, under its own savepoint where it has company; an error of the database ends the commit."""
        connection = self._connection
        transaction = SqliteTransaction(connection, now, self._numbers, self.flagged)
        change.undo = transaction.undo
        if not alone:
            connection.execute("SAVEPOINT one_change")
        try:
            change.result = change.change(transaction)
            change.calls = transaction.calls
        except BaseException as error:  # what is not the database's belongs to the caller, who gets it
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, _OF_THE_CHANGE):
                raise
            connection.execute("ROLLBACK" if alone else "ROLLBACK TO one_change")
            change.fail(error)
        if not alone:
            connection.execute("RELEASE one_change")


class _Files(NamedTuple):
    """Which files stand under the names of the database and its log; None where there is none."""

    database: tuple[int, int] | None
    log: tuple[int, int] | None


def _look_at_files(path: Path) -> tuple[_Files, int]:
    """The files, and the bytes of the log. Each look gives the interpreter away: there is one before each commit."""
    database, log = _stat(f"{path}"), _stat(f"{path}-wal")
    found = _Files(
        database=None if database is None else (database.st_dev, database.st_ino),
        log=None if log is None else (log.st_dev, log.st_ino),
    )
    return found, 0 if log is None else log.st_size


def _stat(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116 - before each commit: twice as fast as Path.stat
    except OSError:
        return None


def _answer(batch: Sequence[_Change]) -> None:
    """Wake each loop once for all its changes."""
    loops = {id(change.loop): change.loop for change in batch}
    for number, loop in loops.items():
        own = [change for change in batch if id(change.loop) == number]
        try:
            loop.call_soon_threadsafe(_settle, own)
        except RuntimeError:
            continue  # the loop has ended; what was committed stays committed


def _settle(batch: Sequence[_Change]) -> None:
    for change in batch:
        change.settle()


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write and never checkpoints."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA busy_timeout = 5000")
    except sqlite3.Error as error:
        raise StorageError(f"cannot read {path}: {error}", hint="has the daemon ever run here?") from error
    return connection


def look_at(connection: sqlite3.Connection, look: Callable[[Reading], T], now: int) -> T:
    """Run `look` inside one read transaction."""
    try:
        connection.execute("BEGIN")
        try:
            return look(SqliteView(connection, now))
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise StorageError(f"cannot read the database: {error}") from error
