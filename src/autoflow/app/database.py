"""Looking at the database file, checking it, and copying it: always read-only, beside a daemon or without one."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autoflow.app.offline import check_schema
from autoflow.app.state import DATABASE
from autoflow.errors import StorageError, UnreachableError, UsageError
from autoflow.store.sqlite.store import open_reader

MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """One table: its rows, and the bytes of its pages and those of its indices."""

    name: str
    rows: int
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSize:
    """What the database takes, in bytes."""

    file: int
    wal: int
    #: inside the file and not used; given back a little at a time
    free: int
    tables: tuple[TableSize, ...]


def measure_database(state: Path) -> DatabaseSize:
    """What the database of a state directory takes, table by table."""
    from sqlite_utils import Database

    path = _find(state)
    with _open(path) as connection:
        pages = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "freelist_count")}
        tables = tuple(
            TableSize(name=name, rows=Database(connection)[name].count, bytes=_bytes_of(connection, name))
            for name in Database(connection).table_names()
            if not name.startswith("sqlite_")
        )
    wal = path.with_name(path.name + "-wal")
    return DatabaseSize(
        file=path.stat().st_size,
        wal=wal.stat().st_size if wal.exists() else 0,
        free=pages["page_size"] * pages["freelist_count"],
        tables=tuple(sorted(tables, key=lambda table: table.bytes or 0, reverse=True)),
    )


def check_database(state: Path) -> list[str]:
    """What is wrong in the file: structure, indices, references. Empty where it is whole."""
    with _open(_find(state)) as connection:
        try:
            said = connection.execute(f"PRAGMA integrity_check({MOST_FINDINGS})").fetchall()
            broken = connection.execute("PRAGMA foreign_key_check").fetchmany(MOST_FINDINGS)
        except sqlite3.Error as error:
            return [str(error)]
    findings = [row[0] for row in said if row[0] != "ok"]
    return findings + [f"{row[0]} {row[1]} refers to a row of {row[2]} that is not there" for row in broken]


def back_up_database(state: Path, target: Path) -> int:
    """Copy everything that is committed now into a new file, also while a daemon works; its size in bytes."""
    path = _find(state)
    if target.exists():
        raise UsageError(f"{target} exists already", hint="name a new file")
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with _open(path, may_copy=True) as connection:
            connection.execute("VACUUM INTO ?", (str(partial),))
        _sync(partial)
        partial.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}", hint="is there room?") from error
    except sqlite3.Error as error:
        raise StorageError(f"cannot copy {path}: {error}", hint="see `autoflow db check`") from error
    finally:
        partial.unlink(missing_ok=True)
    return target.stat().st_size


def _find(state: Path) -> Path:
    path = state / DATABASE
    if not path.exists():
        raise UnreachableError(f"there is no database in {state}", hint="name its --state, or -c config")
    return path


@contextlib.contextmanager
def _open(path: Path, *, may_copy: bool = False) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(open_reader(path)) as connection:
        check_schema(connection, path)
        if may_copy:
            connection.execute("PRAGMA query_only = OFF")  # the connection itself remains read-only
        yield connection


def _bytes_of(connection: sqlite3.Connection, table: str) -> int | None:
    try:
        row = connection.execute(
            "SELECT sum(pgsize) FROM dbstat WHERE aggregate = 1"
            " AND name IN (SELECT name FROM sqlite_master WHERE tbl_name = ?)",
            (table,),
        ).fetchone()
    except sqlite3.OperationalError:
        return None  # this SQLite was built without dbstat
    return int(row[0] or 0)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
