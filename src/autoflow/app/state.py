"""The state directory: what lies in it, and who holds it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from autoflow.errors import LockedError, StateError

DATABASE = "autoflow.db"
LOCK = "autoflow.lock"


@contextlib.contextmanager
def hold_state(state: Path) -> Iterator[IO[str]]:
    """Make the state directory, and hold it against any other process."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (state / LOCK).open("a+")
    except OSError as error:
        raise StateError(f"cannot use {state} for state: {error.strerror}", hint="choose another --state") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LockedError(
                f"a daemon already runs on {state}", hint="stop it, or choose another --state"
            ) from error
        yield lock


def measure_files(database: Path) -> tuple[int, int]:
    """The bytes of a database's file, and of the log beside it."""
    log = database.with_name(f"{database.name}-wal")
    return database.stat().st_size, log.stat().st_size if log.exists() else 0
