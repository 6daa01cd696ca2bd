"""The logs of the crash loop: append-only JSON lines of what a sender, the sink or the loop knows for certain."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any


def milliseconds() -> float:
    """The machine's wall clock, finer than the daemon reads it."""
    return time.time_ns() / 1_000_000


class Journal:
    """One file that only grows; what is synced in it survives its writer."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, did: str, *, sync: bool = False, **what: Any) -> None:
        """One line, in one write."""
        line = json.dumps({"did": did, "at": milliseconds(), **what}, separators=(",", ":"))
        os.write(self._file, line.encode() + b"\n")
        if sync:
            os.fsync(self._file)


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; one that is being written at this moment does not count yet."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
