"""The alarm: wakes the dispatcher when something is due. It knows one moment; the truth is in the store.

APScheduler keeps one timer in memory, for the earliest due time; a poll each second covers clocks that jump and
work that somebody else made due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from autoflow.clock import Clock

POLL_SECONDS = 1.0
_TIMER = "earliest"


class Alarm(Protocol):
    """Rings at the earliest moment it was armed for, or when it is rung."""

    #: hears of each moment at which something is said to be due (UTC milliseconds)
    told: Callable[[int], None]

    def arm(self, due_at: int) -> None:
        """Ring at this moment (UTC milliseconds) unless it rings earlier anyway."""
        ...

    def ring(self) -> None:
        """Wake the dispatcher now: something may be due."""
        ...

    def wake(self) -> None:
        """Wake the dispatcher now: it may go on with what it knows of."""
        ...

    async def wait(self) -> None:
        """Return when it rings; what it was armed for is forgotten then."""
        ...


class SchedulerAlarm:
    """The alarm of the daemon."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()
        self._armed: int | None = None
        self.told: Callable[[int], None] = _ignore
        # Late is not too late: nothing that is due may be dropped.
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True})
        self._scheduler.start()

    def arm(self, due_at: int) -> None:
        """Ring at this moment unless it rings earlier anyway."""
        self.told(due_at)
        if due_at <= self._clock.now():
            self.wake()
            return
        if self._armed is not None and self._armed <= due_at:
            return
        self._armed = due_at
        moment = datetime.fromtimestamp(due_at / 1000, UTC)
        self._scheduler.add_job(self._fire, "date", run_date=moment, id=_TIMER, replace_existing=True)

    def ring(self) -> None:
        """Wake the dispatcher now: something may be due."""
        self.told(self._clock.now())
        self._rung.set()

    def wake(self) -> None:
        """Wake the dispatcher now: it may go on with what it knows of."""
        self._rung.set()

    async def wait(self) -> None:
        """Return when it rings, or after a second."""
        try:
            await asyncio.wait_for(self._rung.wait(), POLL_SECONDS)
        except TimeoutError:
            return
        finally:
            self._rung.clear()

    def _fire(self) -> None:
        # Whatever the clock says: the timer has gone, and the next moment needs one.
        self._armed = None
        self.ring()

    def close(self) -> None:
        """Forget everything."""
        self._scheduler.shutdown(wait=False)


def _ignore(due_at: int) -> None:
    """Nobody asks."""
