"""The event loop's turns, which take no time, and its clock, which the fixture `jump` moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

Jump = Callable[[float], None]


async def turn(times: int = 10) -> None:
    """Let everything run that can, and be read that was written: no time has to pass for it."""
    for _ in range(times):
        await asyncio.sleep(0)  # a turn of the loop, and no time


@pytest.fixture
async def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Moves the event loop's clock, as it moves while the process is stopped."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: real() + ahead[0])

    def move(seconds: float) -> None:
        ahead[0] += seconds

    return move
