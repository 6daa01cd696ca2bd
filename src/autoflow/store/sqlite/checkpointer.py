"""Moves what is committed from the log into the database, beside the writer: a thread and a connection of its own.

Done by the commit that happens to fill the log, as SQLite does where nobody else did it, this holds up every answer
for as long as the disk takes for thousands of pages.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

LEAST_ROWS = 2_000
"""Changed rows that are worth a checkpoint."""
LEAST_SECONDS = 0.2
"""Between two of them: a page that changes often is moved once for many commits."""


class Checkpointer:
    """Is told of each commit; `failed` hears, on its thread, of what could not be moved."""

    def __init__(self, path: Path, failed: Callable[[sqlite3.Error], None]) -> None:
        self._path = path
        self._failed = failed
        #: held while it works: nobody else's checkpoint gets far meanwhile
        self.working = threading.Lock()
        self._rows = 0
        self._asked_at = 0.0
        self._asked = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def count(self, rows: int) -> None:
        """So many rows were committed; begin where it is worth it. By the writer only."""
        self._rows += rows
        if self._rows < LEAST_ROWS or time.monotonic() - self._asked_at < LEAST_SECONDS:
            return
        self._rows, self._asked_at = 0, time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store-checkpointer", daemon=True)
            self._thread.start()
        self._asked.set()

    def close(self) -> None:
        """Finish what is under way, and let go of the file."""
        self._stopping = True
        self._asked.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while self._asked.wait() and not self._stopping:
            self._asked.clear()
            try:
                with self.working:
                    connection = connection or self._open()
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except sqlite3.Error as error:
                self._failed(error)
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{self._path}?mode=rw", uri=True, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")  # the log is on disk before its pages move
        return connection
