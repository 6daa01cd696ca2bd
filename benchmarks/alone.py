"""SQLite alone: writes the very rows that a daemon has written to a new file, as durably, and keeps its log short."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Round
from benchmarks.processes import BenchmarkError

MOST_ROWS = 40_000
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 4000")

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Rows of some tables, with what is needed to write them again."""

    schema: tuple[str, ...]
    rows: Rows


def read_copy(database: Path, tables: Sequence[str]) -> Copy:
    """The first rows of these tables; the first table is the one that counts."""
    source = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = {table: source.execute(f"SELECT * FROM {table} LIMIT {MOST_ROWS}").fetchall() for table in tables}
        made = source.execute("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type = 'index'")
        schema = tuple(text for table, text in made if table in tables)
    finally:
        source.close()
    if not all(rows.values()):
        raise BenchmarkError(f"the daemon has written nothing into one of {', '.join(tables)}")
    return Copy(schema=schema, rows=rows)


def write_copy(path: Path, copy: Copy, *, each: int) -> Round:
    """Write the rows, this many of each table a commit; rows of the first table a second."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        for text in copy.schema:
            connection.execute(text)
        inserts = {table: _insert(table, len(rows[0])) for table, rows in copy.rows.items()}
        count = max(len(rows) for rows in copy.rows.values())
        begun = time.perf_counter()
        for begin in range(0, count, each):
            connection.execute("BEGIN IMMEDIATE")
            for table, rows in copy.rows.items():
                connection.executemany(inserts[table], rows[begin : begin + each])
            connection.execute("COMMIT")
        lasted = time.perf_counter() - begun
    finally:
        connection.close()
    return Round(value=len(next(iter(copy.rows.values()))) / lasted)


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"
