"""The line with a gate and a dispatcher that runs by itself: what begins with its event does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autoflow.actions.base import Request
from autoflow.intake.gate import Gate
from autoflow.model.event import Event
from autoflow.model.run import Delivered, Outcome
from support.line import Line
from support.turns import turn

RULE = """
id: r
trigger: { event: x }
actions: [ { webhook: { url: "https://a.example.com/{{ n }}", payload: { n: { fact: n } } } } ]
"""
COUNTS = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM attempts), (SELECT claim FROM pending_triggers)"


class Stage:
    """A line with a gate, whose dispatcher runs by itself; receivers answer when they are let."""

    def __init__(self, path: Path, **more: Any) -> None:
        self.line = Line(path, **more)
        self.answering = asyncio.Event()
        self.answering.set()
        self.outcome: Outcome = Delivered(output={})
        self.running: asyncio.Task[None] | None = None
        self._number = 0

    async def start(self, rules: str = RULE) -> None:
        """Put the rules in force, and look once for what is due."""
        self.gate = Gate(self.line.engine, self.line.store, self.line.metrics)
        self.line.recorder.perform = self.perform  # type: ignore[method-assign]  # what the receivers do
        await self.line.use(rules)
        self.running = asyncio.ensure_future(self.line.dispatcher.run())
        await self.until(self.line.dispatcher._is_clear)  # it has looked, and nothing waits for its turn

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return once it is so."""
        async with asyncio.timeout(10):
            while not is_so():
                await turn()

    async def until_sent(self, number: int) -> None:
        """Return once so many sends have begun."""
        await self.until(lambda: len(self.line.recorder.sent) >= number)

    async def perform(self, request: Request) -> Outcome:
        self.line.recorder.sent.append(request)
        await self.answering.wait()
        return self.outcome

    async def post(self, number: int = 1, **data: Any) -> None:
        """As many events as a sender has at once, up to the answer."""
        await self.gate.take([self.event(**data) for _ in range(number)], transport="http")

    def event(self, event_id: str | None = None, **data: Any) -> Event:
        self._number += 1
        now = self.line.clock.now()
        data = {"n": self._number, **data}
        raw = b"{" + b" " * data.pop("size", 0) + b'"n":1}'
        return Event(event_id or f"e{self._number}", "x", now, now, raw, data)

    async def settle(self) -> None:
        """Until nothing is under way."""
        await self.until(lambda: not self.line.dispatcher.busy and not self.line.express.ready)

    @property
    def held(self) -> int:
        """How many runs have room: claimed, or begun with their events."""
        return self.line.slots._claims.total

    async def stand_still(self) -> None:
        """Nothing is claimed any more."""
        await self._end(self.running)

    async def kill(self) -> None:
        """What was not committed is gone."""
        await self._end(self.running, *self.line.dispatcher._busy.values())
        self.line.store.close()

    async def _end(self, *tasks: asyncio.Task[None] | None) -> None:
        for task in tasks:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def counts(self) -> tuple[int, int, int | None]:
        """Events, attempts, and whose the claim of what waits is."""
        found = await self.line.store.read(lambda view: view._connection.execute(COUNTS).fetchone())  # type: ignore[attr-defined]  # what stands in the file
        return tuple(found)
