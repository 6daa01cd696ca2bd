"""Acks on their way out: written by a thread of their own, because whoever reads them may be slow.

Before it: the stdin door, which takes no further line until these are with the system.
"""

from __future__ import annotations

import asyncio
import os
import queue
import select
import threading


class AckWriter:
    """Writes to a file descriptor, in order; the event loop never waits for its reader."""

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        self._descriptor = descriptor
        self._loop = loop
        self._handed: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        # A reader that never reads holds this thread, and must not hold the end of the process.
        threading.Thread(target=self._feed, name="acks", daemon=True).start()

    async def write(self, text: bytes) -> None:
        """Return once all of it is with the system. BrokenPipeError where nobody reads any more."""
        written: asyncio.Future[None] = self._loop.create_future()
        self._handed.put((text, written))
        await written

    def _feed(self) -> None:
        while True:
            text, written = self._handed.get()
            error: OSError | None = None
            try:
                self._write_all(text)
            except OSError as fault:
                error = fault
            try:
                self._loop.call_soon_threadsafe(_settle, written, error)
            except RuntimeError:
                return  # the daemon has ended meanwhile

    def _write_all(self, text: bytes) -> None:
        left = memoryview(text)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # whoever gave it to us made it so
                select.select([], [self._descriptor], [])


def _settle(written: asyncio.Future[None], error: OSError | None) -> None:
    if written.done():
        return  # the door was ended while it waited
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)
