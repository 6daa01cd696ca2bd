"""What time it is. Everything that judges time is given a Clock; nothing else asks the machine.

Times inside autoflow are integer UTC milliseconds since 1970.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Protocol

Millis = int


class Clock(Protocol):
    """Tells the time, in UTC milliseconds."""

    def now(self) -> Millis:
        """UTC milliseconds since 1970."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Millis:
        """UTC milliseconds since 1970, by the machine's wall clock."""
        return time.time_ns() // 1_000_000


class VirtualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, start: Millis) -> None:
        self._now = start

    def now(self) -> Millis:
        """The moment it was last moved to."""
        return self._now

    def move_to(self, moment: Millis) -> None:
        """Jump to a moment, forth or back."""
        self._now = moment


def to_rfc3339(moment: Millis) -> str:
    """2026-03-29T00:50:00.000Z, always UTC and always with milliseconds."""
    whole, millis = divmod(moment, 1000)
    return f"{_second(whole)}.{millis:03d}Z"


@lru_cache(maxsize=256)
def _second(whole: int) -> str:
    """Much of what is told falls into the same seconds."""
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}"


def from_rfc3339(text: str, zone: tzinfo | None = None) -> Millis:
    """Milliseconds of an RFC 3339 time; ValueError when it is none, or has no zone and none is given for it."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError("a time needs a zone, for example 2026-03-29T00:50:00Z")
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)
