"""How many may be under way at once, and who is next."""

import asyncio

from autoflow.security.leave import Leave
from support.turns import turn


async def test_no_more_have_leave_at_once_than_there_is() -> None:
    """Two; the third one has it when one of them gives it back."""
    leave = Leave(2)
    assert (leave.take_now(), leave.take_now(), leave.take_now()) == (True, True, False)
    third = asyncio.ensure_future(leave.take())
    await turn()
    assert not third.done()
    leave.give_back()
    await third
    assert not leave.take_now()


async def test_who_waits_for_longest_is_next_and_is_not_overtaken() -> None:
    """What is given back is the first one's at once, though it goes on only in the loop's next turn."""
    leave = Leave(1)
    await leave.take()
    first, second = (asyncio.ensure_future(leave.take()) for _ in range(2))
    await turn()
    leave.give_back()
    assert not leave.take_now()
    await first
    assert not second.done()
    leave.give_back()
    await second


async def test_who_was_cut_off_holds_none() -> None:
    """Neither while it waits, nor in the moment in which it is its turn."""
    leave = Leave(1)
    await leave.take()
    waits, given, last = (asyncio.ensure_future(leave.take()) for _ in range(3))
    await turn()
    waits.cancel()
    await turn()
    leave.give_back()
    given.cancel()
    await last
    leave.give_back()
    assert leave.take_now()
