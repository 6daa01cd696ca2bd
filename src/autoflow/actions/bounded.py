"""The bound on every action, whatever it waits for. The registry builds none without it."""

from __future__ import annotations

from autoflow.actions.base import Action, Request
from autoflow.model.run import Outcome, Retry
from autoflow.security.patience import Patience

GRACE_SECONDS = 5.0
"""What an action is left beyond its own timeout, to say in its own words what happened."""


class BoundedAction:
    """Any action, cut off where it does not end by itself: none holds its slot for good."""

    def __init__(self, action: Action, *, timeout_ms: int) -> None:
        self._action = action
        self._seconds = timeout_ms / 1000 + GRACE_SECONDS
        self.target = action.target

    async def perform(self, request: Request) -> Outcome:
        """Send once; what takes longer than it may is worth another attempt."""
        try:
            async with Patience(self._seconds):
                return await self._action.perform(request)
        except TimeoutError:
            return Retry(code="timeout", detail=f"it did not end within {self._seconds:g} seconds")
