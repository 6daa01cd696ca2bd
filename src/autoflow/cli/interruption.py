"""Ending a command from outside: what it has begun (processes, temporary directories) goes first, then it ends so.

Ctrl-C does that by itself, as an exception. The other ways to ask a process to end would leave all of it behind.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASKED = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def tidy_end() -> Iterator[None]:
    """While this lasts, a request to end is an exception; afterwards the process ends by the signal that asked."""
    asked: list[int] = []

    def raise_it(number: int, _frame: FrameType | None) -> None:
        for one in _ASKED:
            signal.signal(one, signal.SIG_IGN)  # asked once is enough: nothing interrupts the tidying
        asked.append(number)
        raise KeyboardInterrupt

    # what the caller wants ignored (nohup) stays so
    before = {one: signal.signal(one, raise_it) for one in _ASKED if signal.getsignal(one) is signal.SIG_DFL}
    try:
        yield
    finally:
        for one in before:
            signal.signal(one, signal.SIG_DFL)
        if asked:
            os.kill(os.getpid(), asked[0])
