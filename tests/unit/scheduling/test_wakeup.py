"""The alarm of the daemon: early enough, for whatever moment, whatever the clock does."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from autoflow.clock import VirtualClock
from autoflow.scheduling import wakeup
from autoflow.scheduling.wakeup import SchedulerAlarm
from support.turns import turn

YEAR = 365 * 86_400_000


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(time.time_ns() // 1_000_000)


@pytest.fixture
async def alarm(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SchedulerAlarm]:
    monkeypatch.setattr(wakeup, "POLL_SECONDS", 3600.0)  # only the timer wakes
    made = SchedulerAlarm(clock)
    yield made
    made.close()


async def rings(alarm: SchedulerAlarm) -> bool:
    """Whether it has rung by now."""
    waiting = asyncio.ensure_future(alarm.wait())
    await turn()
    if waiting.done():
        return True
    waiting.cancel()
    return False


async def test_what_is_due_rings_at_once(alarm: SchedulerAlarm, clock: VirtualClock) -> None:
    """Also what was due long ago."""
    alarm.arm(clock.now())
    assert await rings(alarm)
    assert not await rings(alarm)
    alarm.arm(0)
    assert await rings(alarm)


async def test_it_rings_when_its_moment_comes(alarm: SchedulerAlarm, clock: VirtualClock) -> None:
    """By the timer, not by a poll."""
    alarm.arm(clock.now() + 20)
    await asyncio.wait_for(alarm.wait(), 10)


async def test_an_earlier_moment_counts_and_a_later_one_does_not(alarm: SchedulerAlarm, clock: VirtualClock) -> None:
    """One timer, for the earliest."""
    alarm.arm(clock.now() + YEAR)
    alarm.arm(clock.now() + 20)
    alarm.arm(clock.now() + 2 * YEAR)
    assert len(alarm._scheduler.get_jobs()) == 1
    await asyncio.wait_for(alarm.wait(), 10)


async def test_ten_years_are_not_too_far(alarm: SchedulerAlarm, clock: VirtualClock) -> None:
    """No timer of the loop overflows into ringing at once."""
    alarm.arm(clock.now() + 10 * YEAR)
    assert not await rings(alarm)


async def test_after_it_rang_it_can_be_armed_again_though_the_clock_was_set_back(
    alarm: SchedulerAlarm, clock: VirtualClock
) -> None:
    """The timer has gone, whatever the clock says about its moment."""
    alarm.arm(clock.now() + 20)
    clock.move_to(clock.now() - YEAR)
    await asyncio.wait_for(alarm.wait(), 10)
    clock.move_to(clock.now() + YEAR)
    alarm.arm(clock.now() + 40)
    await asyncio.wait_for(alarm.wait(), 10)


async def test_it_wakes_each_second_though_nothing_rings(
    alarm: SchedulerAlarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For clocks that jump."""
    monkeypatch.setattr(wakeup, "POLL_SECONDS", 0.0)
    await asyncio.wait_for(alarm.wait(), 10)
