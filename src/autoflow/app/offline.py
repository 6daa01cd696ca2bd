"""The store without a daemon: commands look at the file read-only, and hold the lock where they must write."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from autoflow.app.state import DATABASE, hold_state, measure_files
from autoflow.clock import SystemClock
from autoflow.errors import NewerSchemaError, StorageError, UnreachableError
from autoflow.store.base import Reading, Store, Transaction
from autoflow.store.migrate import load_migrations
from autoflow.store.sqlite.store import PACKAGE, SqliteStore, look_at, open_reader

T = TypeVar("T")


class ReadOnlyStore:
    """A file that is looked at, and never changed."""

    epoch = 0

    def __init__(self, path: Path) -> None:
        self.flagged: set[int] = set()
        self._connection = open_reader(path)
        self._clock = SystemClock()
        try:
            check_schema(self._connection, path)
        except StorageError:
            self.close()
            raise

    async def transact(self, change: Callable[[Transaction], T]) -> T:
        """Refuse: nothing is written here."""
        raise UnreachableError("this was opened to look only", hint="start the daemon with `autoflow run`")

    async def read(self, look: Callable[[Reading], T]) -> T:
        """Run `look` on a view of the file."""
        return await asyncio.to_thread(look_at, self._connection, look, self._clock.now())

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


@contextlib.contextmanager
def open_store(state: Path, *, write: bool) -> Iterator[Store]:
    """The store of a state directory that no daemon runs on. UnreachableError where there is none."""
    path = state / DATABASE
    if not path.exists():
        raise UnreachableError(
            f"no daemon runs on {state}, and none ever did", hint="start one with `autoflow run`, or name its --state"
        )
    if write:
        with hold_state(state), contextlib.closing(SqliteStore(path)) as store:
            yield store
    else:
        with contextlib.closing(ReadOnlyStore(path)) as reader:
            yield reader


def check_file(state: Path) -> int | None:
    """The bytes of a state directory's database and its log, once it was read through; None where there is none.

    StorageError where something is wrong in it.
    """
    path = state / DATABASE
    if not path.exists():
        return None
    with contextlib.closing(open_reader(path)) as connection:
        read_schema(connection, path)
        try:
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            raise StorageError(f"cannot read {path}: {error}") from error
    if said != "ok":
        raise StorageError(f"{path} is damaged: {said}", hint="restore a backup")
    return sum(measure_files(path))


def read_schema(connection: sqlite3.Connection, path: Path) -> int:
    """The number of a file's schema. NewerSchemaError where this release does not know it."""
    newest = load_migrations(PACKAGE)[-1].number
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        # What is only in the way for now, a lock or a right that is missing, has a class of its own.
        hint = "see `autoflow doctor`" if isinstance(error, sqlite3.OperationalError) else "restore a backup"
        raise StorageError(f"cannot read {path}: {error}", hint=hint) from error
    if version > newest:
        raise NewerSchemaError(
            f"the database has schema {version}, this release knows {newest}", hint="look with the newer release"
        )
    return version


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that this release's queries do not fit."""
    version, newest = read_schema(connection, path), load_migrations(PACKAGE)[-1].number
    if version < newest:
        raise StorageError(
            f"the database has schema {version}, this release needs {newest}",
            hint="`autoflow db migrate` brings it up to date, and so does `autoflow run`",
        )
