"""Two files of a backtest: the tape of recorded events that both sides read, and the outcomes that each side writes.

They live as long as one command. Both are read row by row: memory does not grow with what is in them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from autoflow.errors import StorageError
from autoflow.model.event import Event
from autoflow.model.json import plain_json
from autoflow.store.events import event_of
from autoflow.store.queries import parse_queries

STATEMENTS = parse_queries(resources.files("autoflow.store.sqlite").joinpath("tape.sql").read_text())


NO_ROOM = "is there room in the temporary directory? TMPDIR names another one"


class TapeSize(NamedTuple):
    """How much is on a tape; the moments are those of receipt."""

    events: int
    first: int | None
    last: int | None


class Tape:
    """Recorded events, each once."""

    def __init__(self, path: Path, *, is_new: bool, in_order: bool) -> None:
        self._path = path
        self._connection = _open(path)
        #: whether events were written in the order in which they are to be read
        self._in_order = in_order
        if is_new:
            with _told(path):
                self._connection.execute(STATEMENTS["make_tape"])

    def write(self, events: Iterable[Event]) -> None:
        """Add events; those that are on it already are left out."""
        with _told(self._path), self._connection:
            self._connection.executemany(STATEMENTS["write_tape"], map(_columns_of, events))

    def finish(self) -> TapeSize:
        """Make it ready to be read; how much is on it."""
        with _told(self._path):
            if not self._in_order:
                self._connection.execute(STATEMENTS["order_tape"])
            return TapeSize(*self._connection.execute(STATEMENTS["measure_tape"]).fetchone())

    def chunks(self, most: int, most_bytes: int) -> Iterator[list[Event]]:
        """All events in their order, so many at once; fewer where they are large."""
        chunk: list[Event] = []
        size = 0
        for row in self._connection.execute(STATEMENTS["read_tape" if self._in_order else "read_tape_by_time"]):
            chunk.append(event_of(row))
            size += len(chunk[-1].raw)
            if len(chunk) >= most or size >= most_bytes:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class OutcomeFile:
    """Rows of outcomes, written in any order and read in that of their keys."""

    def __init__(self, path: Path, *, is_new: bool) -> None:
        self._path = path
        self._connection = _open(path)
        if is_new:
            with _told(path):
                self._connection.execute(STATEMENTS["make_outcomes"])

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add outcomes."""
        with _told(self._path), self._connection:
            self._connection.executemany(STATEMENTS["write_outcome"], rows)

    def read(self) -> Iterator[tuple[Any, ...]]:
        """Every row, in order."""
        for row in self._connection.execute(STATEMENTS["read_outcomes"]):
            yield tuple(row)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    """A file that nobody has to find again."""
    with _told(path):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.row_factory = sqlite3.Row
        return connection


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"cannot use {path}: {error}", hint=NO_ROOM) from error


def _columns_of(event: Event) -> tuple[Any, ...]:
    extensions = plain_json(event.extensions) if event.extensions else None
    return (
        event.id, event.source, event.account, event.type, event.subject, event.time, event.received_at, event.depth,
        event.raw.decode(), extensions,
    )  # fmt: skip
