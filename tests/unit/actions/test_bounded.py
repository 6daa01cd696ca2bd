"""No action holds its slot for good, whatever it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoflow.actions.base import Request
from autoflow.actions.bounded import GRACE_SECONDS, BoundedAction
from autoflow.actions.registry import TRANSPORTS, ActionContext, build_actions
from autoflow.model.json import JsonObject
from autoflow.model.notifier import Notifier
from autoflow.model.run import Delivered, Outcome, Retry
from autoflow.security.egress import EgressGuard
from autoflow.security.outgoing import Outgoing
from autoflow.security.patience import LOOK_SECONDS
from autoflow.security.secrets import Secrets
from autoflow.templates import TemplateLibrary
from support.receivers import make_request
from support.turns import Jump, turn

TIMEOUT_MS = 2_000


class Waiting:
    """An action that ends when it is told to."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def target(self, params: JsonObject) -> str | None:
        """Somewhere."""
        return "smtp:mail.example.com:25"

    async def perform(self, request: Request) -> Outcome:
        """Wait, without a bound of its own."""
        return await self.answer


class InTurn(Waiting):
    """Many at once, each of them one of these."""

    def __init__(self, each: Iterator[Waiting]) -> None:
        super().__init__()
        self._each = each

    async def perform(self, request: Request) -> Outcome:
        """As the next of them does."""
        return await next(self._each).perform(request)


async def test_an_action_that_never_ends_is_cut_off(jump: Jump) -> None:
    """Some seconds after its own timeout, which may say more; the attempt is worth another one."""
    waiting = Waiting()
    performing = asyncio.ensure_future(BoundedAction(waiting, timeout_ms=TIMEOUT_MS).perform(make_request({})))
    await turn()
    jump(TIMEOUT_MS / 1000 + GRACE_SECONDS - 0.1)
    await turn()
    assert not performing.done()
    jump(0.1)
    await turn()
    assert performing.done()
    assert await performing == Retry(code="timeout", detail="it did not end within 7 seconds")
    assert waiting.answer.cancelled()


async def test_each_has_its_own_end(jump: Jump) -> None:
    """One that began later is not cut off with the first, and one that ended is nobody's concern any more."""
    first, second, ended = Waiting(), Waiting(), Waiting()
    waiting = iter([first, second, ended])
    bounded = BoundedAction(InTurn(waiting), timeout_ms=TIMEOUT_MS)
    performing = [asyncio.ensure_future(bounded.perform(make_request({})))]
    await turn()
    jump(1)
    performing += [asyncio.ensure_future(bounded.perform(make_request({}))) for _ in range(2)]
    await turn()
    ended.answer.set_result(Delivered(output={}))
    await turn()
    jump(TIMEOUT_MS / 1000 + GRACE_SECONDS - 1)
    await turn()
    assert [one.done() for one in performing] == [True, False, True]
    jump(1)
    await turn()
    assert [type(await one) for one in performing] == [Retry, Retry, Delivered]


async def test_what_ended_while_the_process_stood_still_counts(jump: Jump) -> None:
    """The alarm rings before anything else is looked at: it waits for that, once."""
    waiting, silent = Waiting(), Waiting()
    bounded = BoundedAction(InTurn(iter([waiting, silent])), timeout_ms=TIMEOUT_MS)
    performing = [asyncio.ensure_future(bounded.perform(make_request({}))) for _ in range(2)]
    await turn()
    jump(3600)
    await turn()
    assert not performing[0].done()
    waiting.answer.set_result(Delivered(output={}))
    assert await performing[0] == Delivered(output={})
    jump(LOOK_SECONDS)
    await turn()
    assert isinstance(await performing[1], Retry)


async def test_a_task_that_was_cut_off_is_not_cancelled_afterwards(jump: Jump) -> None:
    """It goes on to store the outcome, also where the action made one of its being cut off."""

    class Stubborn(Waiting):
        async def perform(self, request: Request) -> Outcome:
            try:
                return await self.answer
            except asyncio.CancelledError:
                return Delivered(output={})

    async def perform(action: Waiting) -> tuple[Outcome, int]:
        outcome = await BoundedAction(action, timeout_ms=TIMEOUT_MS).perform(make_request({}))
        task = asyncio.current_task()
        assert task is not None
        return outcome, task.cancelling()

    performing = [asyncio.ensure_future(perform(action)) for action in (Waiting(), Stubborn())]
    await turn()
    jump(TIMEOUT_MS / 1000 + GRACE_SECONDS)
    await turn()
    (cut_off, first), (made, second) = [await one for one in performing]
    assert isinstance(cut_off, Retry)
    assert made == Delivered(output={})
    assert (first, second) == (0, 0)


async def test_an_action_that_ends_is_left_alone() -> None:
    """Its outcome and its target are its own."""
    waiting = Waiting()
    bounded = BoundedAction(waiting, timeout_ms=TIMEOUT_MS)
    assert bounded.target({}) == "smtp:mail.example.com:25"
    waiting.answer.set_result(Delivered(output={"n": 1}))
    assert await bounded.perform(make_request({})) == Delivered(output={"n": 1})


async def test_a_cut_off_drain_remains_one() -> None:
    """Ending the daemon is no timeout of the action's."""
    performing = asyncio.ensure_future(BoundedAction(Waiting(), timeout_ms=TIMEOUT_MS).perform(make_request({})))
    await turn()
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing


def test_there_is_no_action_that_sends_without_the_bound(tmp_path: Path) -> None:
    """Neither those that are always there nor any notifier's."""
    options = {
        "smtp": {"host": "mail.example.com", "from": "a@example.com"},
        "twilio": {"account_sid": "AC", "auth_token": "x", "from": "y"},
        "http": {"url": "https://sms.example.com/"},
        "outbox": {},
    }
    notifiers = {
        f"{kind}-{transport}": Notifier(
            name=f"{kind}-{transport}", type=kind, transport=transport, options=options[transport]
        )
        for kind, transports in TRANSPORTS.items()
        for transport in transports
    }
    context = ActionContext(state_dir=tmp_path, library=TemplateLibrary, show=print, version="1")
    actions = build_actions(notifiers, Outgoing(EgressGuard()), Secrets({}), context)
    assert {"webhook", "http", "emit", "log", "email:email-outbox", "sms:sms-http"} <= actions.keys()
    inner = {name for name, action in actions.items() if not isinstance(action, BoundedAction)}
    assert inner == {"emit", "log"}  # they wait for nothing
