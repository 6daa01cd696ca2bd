"""The bound on every action that sends, whatever it waits for. The registry builds none of them without it."""

from __future__ import annotations

import asyncio
from typing import Any

from autoflow.actions.base import Action, Request
from autoflow.model.run import Outcome, Retry
from autoflow.security.patience import LATE_SECONDS, LOOK_SECONDS

GRACE_SECONDS = 5.0
"""What an action is left beyond its own timeout, to say in its own words what happened."""


class BoundedAction:
    """Any action, cut off where it does not end by itself: none holds its slot for good.

    What is under way began in the order of its ends, so that one alarm stands for all of it: a timer for each would
    be a fifth of what a webhook costs.
    """

    def __init__(self, action: Action, *, timeout_ms: int) -> None:
        self._action = action
        self._seconds = timeout_ms / 1000 + GRACE_SECONDS
        self._ends: dict[asyncio.Task[Any], float] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self.target = action.target

    async def perform(self, request: Request) -> Outcome:
        """Send once; what takes longer than it may is worth another attempt."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a coroutine runs in one
        cancelled = task.cancelling()
        self._begin(task)
        try:
            return await self._action.perform(request)
        except asyncio.CancelledError:
            if task in self._ends or task.cancelling() > cancelled + 1:
                raise  # somebody else ends it
            return Retry(code="timeout", detail=f"it did not end within {self._seconds:g} seconds")
        finally:
            if self._ends.pop(task, None) is None:
                task.uncancel()

    def _begin(self, task: asyncio.Task[Any]) -> None:
        loop = task.get_loop()
        self._ends[task] = end = loop.time() + self._seconds
        if self._alarm is None:
            self._alarm = loop.call_at(end, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cut off what is past its end; where the process stood still, what came meanwhile is looked at first."""
        now = loop.time()
        for task, end in tuple(self._ends.items()):
            if now - end > LATE_SECONDS:
                self._ends[task] = now + LOOK_SECONDS
            elif end <= now:
                del self._ends[task]
                task.cancel()
        self._alarm = loop.call_at(min(self._ends.values()), self._look, loop) if self._ends else None
