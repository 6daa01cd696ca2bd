"""Looking at the database file, checking it, copying it: read-only, beside a daemon or without one.

Bringing it to this release's schema is the one thing that writes, and holds the state directory.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from autoflow import failpoints
from autoflow.app.offline import check_schema, read_schema
from autoflow.app.state import DATABASE, hold_state, measure_files
from autoflow.clock import SystemClock, to_rfc3339
from autoflow.errors import StorageError, UnreachableError, UsageError
from autoflow.failpoints import Failpoint
from autoflow.store.migrate import load_migrations
from autoflow.store.sqlite.store import PACKAGE, SqliteStore, open_reader

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """From which schema to which a database goes, and by which steps; none where it is there already."""

    old: int
    new: int
    steps: tuple[str, ...]
    #: where the copy of what was stands, once one was made
    copy: Path | None = None


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
    file, wal = measure_files(path)
    return DatabaseSize(
        file=file,
        wal=wal,
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
    with _open(path) as connection:
        return _copy(connection, path, target)


def plan_migration(state: Path) -> Upgrade:
    """What would bring the database to this release's schema; nothing is touched."""
    path = _find(state)
    with contextlib.closing(open_reader(path)) as connection:
        return _plan(connection, path)


def migrate_database(state: Path, *, copy: bool) -> Upgrade:
    """Bring the database to this release's schema, as a daemon does at its start; a copy of what was stays beside it.

    LockedError while a daemon runs.
    """
    path = _find(state)
    with hold_state(state):
        with contextlib.closing(open_reader(path)) as connection:
            upgrade = _plan(connection, path)
            if not upgrade.steps:
                return upgrade
            if copy:
                moment = to_rfc3339(SystemClock().now()).replace(":", "").replace(".", "")
                upgrade = replace(upgrade, copy=path.with_name(f"{path.stem}-schema{upgrade.old}-{moment}.db"))
                assert upgrade.copy is not None  # noqa: S101 - set in the line before
                _copy(connection, path, upgrade.copy)
        SqliteStore(path).close()
    return upgrade


def _plan(connection: sqlite3.Connection, path: Path) -> Upgrade:
    migrations = load_migrations(PACKAGE)
    old = read_schema(connection, path)
    return Upgrade(old=old, new=migrations[-1].number, steps=tuple(step.name for step in migrations[old:]))


def _copy(connection: sqlite3.Connection, path: Path, target: Path) -> int:
    """Write all that is committed into a new file, which appears under its name once it is whole; its size."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection.execute("PRAGMA query_only = OFF")  # the connection itself remains read-only
        connection.execute("VACUUM INTO ?", (str(partial),))
        _sync(partial)
        if failpoints.armed:
            failpoints.reach(Failpoint.BACKUP)
        partial.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}", hint=_write_hint(error)) from error
    except sqlite3.Error as error:
        raise StorageError(f"cannot copy {path}: {error}", hint="see `autoflow db check`") from error
    finally:
        partial.unlink(missing_ok=True)
    return target.stat().st_size


def _write_hint(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "make the directory first"
    return "name a file that this user may write, where there is room"


def _find(state: Path) -> Path:
    path = state / DATABASE
    if not path.exists():
        raise UnreachableError(f"there is no database in {state}", hint="name its --state, or -c config")
    return path


@contextlib.contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(open_reader(path)) as connection:
        check_schema(connection, path)
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
