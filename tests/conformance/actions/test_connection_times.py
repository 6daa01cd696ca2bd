"""What becomes of connections as time goes by: idle ones are closed, and standing still is no silence.

On Python's own event loop only: the clock of the daemon's cannot be set.
"""

from __future__ import annotations

import asyncio

import pytest

from autoflow.security.outgoing import DEADLINE_MS, Outgoing, SendFailure
from autoflow.security.patience import LATE_SECONDS, LOOK_SECONDS
from support.talks import OK, Talk, get, listen, post
from support.turns import Jump, turn


class Once:
    """A receiver that answers its first request when it is told to, and sees its connections end."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.ended = asyncio.Event()

    async def script(self, talk: Talk) -> None:
        """Read, wait, answer, wait for the end."""
        await talk.read_request()
        self.asked.set()
        await self.go_on.wait()
        await talk.say(OK)
        await talk.wait_for_end()
        self.ended.set()


async def test_an_idle_connection_is_closed_after_a_while(outgoing: Outgoing, jump: Jump) -> None:
    """Not before, and without another request."""
    once = Once()
    once.go_on.set()
    async with listen(once.script) as server:
        await post(outgoing, server.url)
        jump(14)
        await turn()
        assert not once.ended.is_set()
        jump(DEADLINE_MS / 1000)
        await once.ended.wait()


async def test_an_answer_that_came_while_the_process_stood_still_counts(outgoing: Outgoing, jump: Jump) -> None:
    """The deadline's alarm rings before the socket is read."""
    once = Once()
    async with listen(once.script) as server:
        sending = asyncio.ensure_future(get(outgoing, server.url))
        await once.asked.wait()
        jump(3600)
        await turn()
        assert not sending.done()
        once.go_on.set()
        assert (await sending).status == 200


@pytest.mark.parametrize("seconds", [DEADLINE_MS / 1000 + LATE_SECONDS / 2, 3600.0])
async def test_the_deadline_comes_all_the_same(outgoing: Outgoing, jump: Jump, seconds: float) -> None:
    """At its time where the process ran all the while, after one look where it did not."""
    once = Once()
    async with listen(once.script) as server:
        sending = asyncio.ensure_future(get(outgoing, server.url))
        await once.asked.wait()
        jump(seconds)
        await turn()
        assert sending.done() == (seconds < 3600)
        jump(LOOK_SECONDS)
        with pytest.raises(SendFailure, match="timeout"):
            await sending
