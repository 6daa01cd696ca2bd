"""Leave to have so many requests under way at once. Who comes when there is none left waits in line.

What a semaphore is, for who nearly always finds leave: it is asked for with each request, of the server and of all.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Leave:
    """A number that is taken from and given back to; what is given back goes to who has waited for longest."""

    __slots__ = ("_left", "_line")

    def __init__(self, number: int) -> None:
        #: none while anybody waits
        self._left = number
        self._line: deque[asyncio.Future[None]] = deque()

    def take_now(self) -> bool:
        """Whether there was leave, which is taken then."""
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    async def take(self) -> None:
        """Return with leave."""
        if self.take_now():
            return
        coming: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(coming)
        try:
            await coming
        except asyncio.CancelledError:
            if coming.done() and not coming.cancelled():  # it was given just as its taker was cut off
                self.give_back()
            raise

    def give_back(self) -> None:
        """Let the next one have it."""
        while self._line:
            coming = self._line.popleft()
            if not coming.done():
                coming.set_result(None)
                return
        self._left += 1
