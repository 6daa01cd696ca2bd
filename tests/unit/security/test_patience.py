"""Patience ends in time, and not before what came while the process stood still was looked at."""

import asyncio

import pytest

from autoflow.security.patience import LATE_SECONDS, LOOK_SECONDS, Patience
from support.turns import Jump, turn


async def wait_for_it(answer: asyncio.Future[str], seconds: float) -> str:
    """The answer, as an action waits for it."""
    async with Patience(seconds):
        return await answer


async def test_what_comes_in_time_is_taken(jump: Jump) -> None:
    """And no timer is left behind."""
    answer = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(wait_for_it(answer, 5))
    await turn()
    answer.set_result("here")
    assert await waiting == "here"
    jump(3600)
    await turn()


async def test_what_does_not_come_is_given_up_at_its_time(jump: Jump) -> None:
    """Not a second later, where the process ran all the while."""
    waiting = asyncio.ensure_future(wait_for_it(asyncio.get_running_loop().create_future(), 5))
    await turn()
    jump(5 - LATE_SECONDS)
    await turn()
    assert not waiting.done()
    jump(LATE_SECONDS)
    await turn()
    assert waiting.done()
    with pytest.raises(TimeoutError):
        await waiting


async def test_after_standing_still_what_has_come_meanwhile_is_looked_at_first(jump: Jump) -> None:
    """The timer fires before the socket is read: it waits for that."""
    answer = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(wait_for_it(answer, 5))
    await turn()
    jump(3600)
    await turn()
    assert not waiting.done()
    answer.set_result("it was here")
    assert await waiting == "it was here"


async def test_after_standing_still_it_ends_where_nothing_has_come(jump: Jump) -> None:
    """Looking is no second wait."""
    waiting = asyncio.ensure_future(wait_for_it(asyncio.get_running_loop().create_future(), 5))
    await turn()
    jump(3600)
    await turn()
    jump(LOOK_SECONDS)
    await turn()
    assert waiting.done()
    with pytest.raises(TimeoutError):
        await waiting


async def test_a_cancellation_remains_one(jump: Jump) -> None:
    """A drain that cuts an action off is no timeout."""
    waiting = asyncio.ensure_future(wait_for_it(asyncio.get_running_loop().create_future(), 5))
    await turn()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
