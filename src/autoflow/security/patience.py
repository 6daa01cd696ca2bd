"""How long an answer is waited for. A process that was stopped meanwhile first looks whether it has come.

After SIGSTOP and SIGCONT the event loop finds its timers long over, and fires them before it reads a socket. To take
that for silence would send again what was delivered.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

LATE_SECONDS = 0.1
"""A timer that fires so much later than it was to did not run meanwhile; nor did anything else here."""
LOOK_SECONDS = 1.0
"""How long what has arrived meanwhile is then waited for."""


class Patience:
    """Like `asyncio.timeout`: TimeoutError out of its block after so many seconds."""

    __slots__ = ("_due", "_limit", "_loop", "_seconds", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> None:
        """Begin to wait."""
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        await self._limit.__aenter__()
        self._due = self._loop.time() + self._seconds
        self._timer = self._loop.call_at(self._due, self._ring)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It has come, or is not waited for any more."""
        self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _ring(self) -> None:
        now = self._loop.time()
        if now - self._due > LATE_SECONDS:
            self._due = now + LOOK_SECONDS
            self._timer = self._loop.call_at(self._due, self._give_up)
        else:
            self._give_up()

    def _give_up(self) -> None:
        self._limit.reschedule(self._loop.time())
