"""The pool of connections: one alarm for all their deadlines, on the loop that the daemon runs on."""

import asyncio

import uvloop

from autoflow.security.egress import EgressGuard
from autoflow.security.session import GuardedSession
from support.turns import turn


async def resolve_nothing(_host: str, _port: int) -> list[str]:
    """Nobody is asked here."""
    raise AssertionError


def test_an_alarm_that_rings_at_once_can_be_followed_by_another_one() -> None:
    """uvloop makes a handle without a time of what is due within half a millisecond."""

    async def watch_twice() -> None:
        session = GuardedSession(EgressGuard(()), resolver=resolve_nothing, tls=None, connections=1, per_host=1)
        loop = asyncio.get_running_loop()
        session._watch(loop.time())
        first = session._alarm
        session._watch(loop.time() + 60)
        assert session._alarm is first, "the earlier one stands"
        await turn()
        assert session._alarm is None, "it rang, and nothing is left to look at"
        session._watch(loop.time() + 60)
        session._watch(loop.time() + 30)
        assert session._alarm is not None
        assert session._alarm_at < loop.time() + 31, "the earlier one takes the place of the later"
        await session.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watch_twice())
