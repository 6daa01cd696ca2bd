"""Random lives of runs that begin with their event: disks that fail, edits, cancellations, stops and kills beside it.

Whatever happened, each event has its run, each attempt was counted before it went out, and nothing is stuck.
"""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoflow.actions.base import Request
from autoflow.errors import AutoflowError, StorageError
from autoflow.model.event import Event
from autoflow.model.run import Delivered, Outcome, Reject, Retry
from autoflow.store.base import Transaction
from autoflow.store.waiting import MOST_PACKED
from autoflow.web.acts import cancel_run
from support.stage import Stage
from support.turns import turn

RULES = """
rules:
- id: r
  trigger: { event: x }
  on_change: %s
  actions: [ { webhook: { url: "https://a.example.com/{{ n }}", payload: { n: { fact: n }, v: %d } } } ]
- id: twice
  trigger: { event: x }
  when: n > 50
  actions:
  - webhook: { url: "https://b.example.com/{{ n }}", payload: {} }
  - webhook: { url: "https://a.example.com/second", payload: {} }
- id: chain
  trigger: { event: x }
  when: n > 86
  actions: [ { emit: { type: y, data: { n: { fact: n } } } } ]
- id: chained
  trigger: { event: y }
  actions: [ { webhook: { url: "https://c.example.com/", payload: {} } } ]
- id: endable
  trigger: { event: x }
  when: n > 82
  cancel_on: { event: z, by: n }
  actions: [ { webhook: { url: "https://d.example.com/", payload: {} } } ]
"""
UNLIKE_ONE = (
    "SELECT e.id FROM events e LEFT JOIN runs r ON r.event_seq = e.seq AND r.rule_id = 'r' "
    "WHERE e.type = 'x' GROUP BY e.seq HAVING count(r.id) <> 1"
)
OPEN = "SELECT run_id FROM attempts WHERE result IS NULL"
DONE = "SELECT id FROM runs WHERE status = 'done' AND rule_id <> 'chain'"


class Life(Stage):
    """A stage on which anything may happen."""

    def __init__(self, path: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        super().__init__(path, slots=self.chance.choice([8, 16, 32]))
        self.line.recorder.to = lambda params: params.get("url") and params["url"].rpartition("/")[0]
        self.posting: set[asyncio.Future[None]] = set()
        self.cancelled: set[str] = set()
        self.faults: list[object] = []
        self.failing = 0.0
        self._edition = 0

    async def begin(self) -> None:
        """As after a start."""
        self.failing = 0.0
        await self.start(self.rules())
        transact = self.line.store.transact
        self.line.executor._options = replace(self.line.executor._options, pauses=(0.0,))

        def perhaps(change: Any) -> Any:
            fault = self.chance.choice([StorageError("the disk is full"), ZeroDivisionError()])

            def undone(tx: Transaction) -> None:
                change(tx)
                raise fault

            return transact(undone if self.chance.random() < self.failing else change)

        self.line.store.transact = perhaps  # type: ignore[method-assign, assignment]  # a disk that fails now and then

    def rules(self) -> str:
        self._edition += 1
        return RULES % (self.chance.choice(["cancel", "finish_old"]), self._edition)

    async def perform(self, request: Request) -> Outcome:
        """What a receiver sees, and answers in its time."""
        self.line.recorder.sent.append(request)
        if request.run_id in self.cancelled:
            self.faults.append(("sent after it was cancelled", request))
        attempts = await self.line.rows("attempts_of_run", run_id=request.run_id)
        if (request.attempt, None) not in [(row["number"], row["result"]) for row in attempts]:
            self.faults.append(("sent before it was counted", request))
        await turn(self.chance.choice([0, 1, 40]))
        if self.chance.random() < 0.02:
            raise ZeroDivisionError
        failures: list[Outcome] = [Retry(code="busy", detail=""), Reject(code="no", detail="")]
        return self.chance.choice(failures) if self.chance.random() < 0.1 else Delivered(output={})

    async def _take(self) -> None:
        events = [self._event() for _ in range(self.chance.choice([1, 1, 2, 5]))]
        if self.chance.random() < 0.1:
            events.append(events[0])
        with contextlib.suppress(AutoflowError, ZeroDivisionError):
            await self.gate.take(events, transport="http")

    def _event(self) -> Event:
        size = MOST_PACKED if self.chance.random() < 0.02 else 0
        event = self.event(n=self.chance.randrange(90), size=size)
        known = f"e{self.chance.randrange(1, 1 + self._number)}"
        return event._replace(id=known if self.chance.random() < 0.1 else event.id, type=self.chance.choice("xxxxz"))

    async def hang_up(self) -> None:
        """A sender goes away before its answer."""
        await self.post_some()
        await turn(self.chance.randrange(3))
        self.chance.choice(list(self.posting)).cancel()

    async def post_some(self) -> None:
        """Somebody sends, and others need not wait for the answer."""
        posting = asyncio.ensure_future(self._take())
        self.posting.add(posting)
        posting.add_done_callback(self.posting.discard)

    async def cancel(self) -> None:
        runs = await self.line.rows("list_runs", before="~", status="running", rule=None, account=None, limit=20)
        if runs:
            number = self.chance.choice(runs)["id"]
            await self.line.store.transact(lambda tx: cancel_run(tx, number))
            await turn()  # what was counted before goes out now
            self.cancelled.add(number)

    async def edit(self) -> None:
        await self.line.use(self.rules())

    async def jump(self) -> None:
        """The clock is set, mostly forth."""
        self.line.clock.move_to(self.line.clock.now() + self.chance.choice([-100, 1, 1_000, 70_000]))
        self.line.alarm.ring()

    async def turn_ill(self) -> None:
        """The disk, or well again."""
        self.failing = self.chance.choice([0.0, 0.0, 0.1, 0.5])

    async def sweep(self) -> None:
        async with self.line.dispatcher._claiming:
            await self.line.dispatcher._sweep()

    async def kill_and_start(self) -> None:
        await self.kill()
        for posting in tuple(self.posting):
            posting.cancel()
        await asyncio.gather(*self.posting, return_exceptions=True)
        self.line._open()
        await self.begin()

    async def stop_and_start(self) -> None:
        """With or without the time to finish."""
        self.failing = 0.0
        await asyncio.gather(self.line.dispatcher.stop(self.chance.choice([0.0, 5.0])), self.gate.close())
        await turn(50)
        self._is_empty()
        assert not await self.line.rows("claims_of", epoch=self.line.store.epoch)
        await self.kill_and_start()

    async def step(self) -> None:
        """Whatever comes next."""
        happenings = {
            self.post_some: 60,
            self.hang_up: 6,
            self.cancel: 14,
            self.edit: 6,
            self.jump: 8,
            self.sweep: 4,
            self.turn_ill: 4,
            self.kill_and_start: 1,
            self.stop_and_start: 1,
        }
        [happening] = self.chance.choices(list(happenings), list(happenings.values()))
        with contextlib.suppress(AutoflowError, ZeroDivisionError):  # of the disk
            await happening()
        self.line.alarm.wake()  # as each second
        if not self.failing and self.chance.random() < 0.3:
            await self.until(self.line.dispatcher._is_clear)  # it comes to an end with what is due
        await turn(self.chance.choice([1, 20, 60]))

    async def drain(self) -> None:
        """Until nothing waits any more."""
        self.failing = 0.0
        await asyncio.gather(*self.posting, return_exceptions=True)
        for _ in range(200):
            await self.sweep()
            self.line.alarm.ring()
            await turn(30)
            await self.settle()
            due = await self.line.next_due()
            if due is None and not await self.line.rows("claims_of", epoch=self.line.store.epoch):
                break
            self.line.clock.move_to(max(due or 0, self.line.clock.now()))
        self._is_empty()
        assert (await self.line.rows("count_pending"))[0]["number"] == 0, "something is stuck"

    def _is_empty(self) -> None:
        slots = self.line.slots
        assert (self.line.dispatcher.busy, dict(self.line.express.ready)) == (0, {})
        assert (self.held, slots._express, slots._sends.total, slots._inner, len(slots._ready)) == (0, 0, 0, 0, 0)

    async def ask(self, statement: str) -> list[str]:
        """The first column of what stands in the file."""
        return await self.line.store.read(lambda view: [row[0] for row in view._connection.execute(statement)])  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_promises_hold_whatever_happens(tmp_path: Path, seed: int) -> None:
    """One run an event, no attempt twice, none before it is counted or after it is cancelled, one key a step."""
    life = Life(tmp_path / "autoflow.db", seed)
    await life.begin()
    for _ in range(80):
        await life.step()
    await life.drain()
    sent = life.line.recorder.sent
    assert not life.faults
    assert [key for key, times in Counter((one.key, one.attempt) for one in sent).items() if times > 1] == []
    assert await life.ask(UNLIKE_ONE) == []
    assert await life.ask(OPEN) == []
    assert not set(await life.ask(DONE)) - {one.run_id for one in sent}, "said to be done, and never sent"
    await life.kill()
