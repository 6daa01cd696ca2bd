"""An alarm for virtual time."""

import asyncio


class VirtualAlarm:
    """Only remembers what it was armed for; a test moves the clock there itself."""

    def __init__(self) -> None:
        self.armed: int | None = None
        self._rung = asyncio.Event()

    def arm(self, due_at: int) -> None:
        """Remember the earliest moment."""
        self.armed = due_at if self.armed is None else min(self.armed, due_at)
        self._rung.set()

    def ring(self) -> None:
        """Wake whoever waits."""
        self._rung.set()

    async def wait(self) -> None:
        """Return when it was armed or rung."""
        await self._rung.wait()
        self._rung.clear()
        self.armed = None
