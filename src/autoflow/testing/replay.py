"""Recorded events through one set of rules, on a virtual clock: what each would have led to, under the real engine.

Before it: a tape of events, in their order. After it: the rig's store, from which `outcomes` reads. Events are taken
many at once, but never across a moment at which the order counts: it comes to the same as one after the other.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autoflow.actions.base import Request
from autoflow.actions.kinds import ACTION_TYPES
from autoflow.clock import Millis
from autoflow.engine import Engine, Judged, Receipt
from autoflow.line import LineOptions
from autoflow.model.event import Event
from autoflow.model.rule import Rule
from autoflow.model.run import Delivered, Outcome
from autoflow.model.span import LONGEST
from autoflow.model.step import RetryPolicy
from autoflow.rules.context import LoadContext
from autoflow.runs.own_events import DEAD_LETTERED
from autoflow.store.base import Reading, Transaction
from autoflow.store.waiting import NewPending
from autoflow.templates import TemplateLibrary
from autoflow.testing.coupling import find_coupled
from autoflow.testing.doubles import Doubles
from autoflow.testing.outcomes import run_id_for
from autoflow.testing.rig import Rig, RigOptions

SLOTS = 512
"""Runs that are performed at once where none of them can matter to another."""
WINDOW = 86_400_000
"""How far the clock goes at once where nothing arrives any more."""
_WaitKey = tuple[str, str, str]
"""(account, pattern, key) of something that waits to be ended."""


def options_for(
    rules: Sequence[Rule], *, context: LoadContext, library: TemplateLibrary, retry: RetryPolicy, chain_depth: int
) -> RigOptions:
    """How these rules are replayed: every action is taken as delivered.

    Where runs can end each other's work, they are performed one after the other: those of one moment would else come
    to something else each time.
    """
    alone = bool(find_coupled(rules))
    options = LineOptions(
        random=lambda: 0.0, retry=retry, chain_depth=chain_depth, slots=1 if alone else SLOTS, target_share=1.0
    )
    actions = Doubles(ACTION_TYPES, _deliver, inner=not alone)
    return RigOptions(context=context, library=library, actions=actions, line=options)


def _deliver(_action_type: str, _request: Request) -> Outcome:
    return Delivered(output={})


class Replay:
    """One set of rules, and the events that pass it. The rig has its rules already."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._engine = rig.line.engine
        coupled = find_coupled([version.rule for version in rig.rulebook.versions])
        self._coupled = frozenset(version.id for version in rig.rulebook.versions if version.rule.key in coupled)
        #: until when the moments below are known
        self._until: Millis = 0
        #: the moments at which something is due that must not be performed late
        self._dues: list[Millis] = []
        self._batch: list[Judged] = []
        #: what waits in the batch, and when the first of it is due
        self._waits: dict[_WaitKey, Millis] = {}
        rig.line.executor.ledger.sink = _Sink(self._engine, self._note)

    async def play(self, chunks: Iterable[Sequence[Event]], tell: Callable[[int], None]) -> None:
        """Take all events; `tell` hears how many were taken with each chunk."""
        for events in chunks:
            if not events:
                continue
            await self._look_ahead(max(event.received_at for event in events))
            for event in events:
                await self._take(event)
            await self._perform(max(self._rig.clock.now(), events[-1].received_at))
            tell(len(events))
        await self._finish()

    async def _take(self, event: Event) -> None:
        while self._dues and self._dues[0] <= event.received_at:
            await self._step(heapq.heappop(self._dues))
        judged = judge(self._engine, event)
        if judged.ends and await self._is_late_for(judged):
            await self._perform(event.received_at)
        if judged.planned or judged.errors or judged.ends:  # what leads to nothing need not be kept here
            self._batch.append(judged)
            self._note(judged.planned)
            self._note_waits(judged.planned)

    async def _is_late_for(self, judged: Judged) -> bool:
        """Whether something that the event would end is due before it, and was not performed yet."""
        event = judged.event
        for pattern, key in judged.ends:
            if self._waits.get((event.account, pattern, key), event.received_at + 1) <= event.received_at:
                return True
            values = {"pattern": pattern, "account": event.account, "key": key, "until": event.received_at}

            def look(view: Reading, values: dict[str, Any] = values) -> bool:
                return view.row("due_waiting_for", **values) is not None

            if await self._rig.read(look):
                return True
        return False

    async def _step(self, due: Millis) -> None:
        """Perform what is due at a moment, after everything that was due before it."""
        while self._dues and self._dues[0] <= due:
            heapq.heappop(self._dues)
        await self._perform(due - 1)
        await self._perform(due)

    async def _perform(self, moment: Millis) -> None:
        """Keep what was taken, and perform everything that is due by a moment."""
        if self._batch:
            batch, self._batch, self._waits = self._batch, [], {}
            await self._rig.store.transact(lambda tx: self._engine.record(tx, batch))
        self._rig.clock.move_to(max(moment, self._rig.clock.now()))
        await self._rig.run_due()

    async def _finish(self) -> None:
        """Let time pass until nothing waits any more."""
        end = self._rig.clock.now() + 20 * LONGEST
        if not self._coupled:
            await self._perform(end)
            return
        while (due := await self._rig.next_due()) is not None and due <= end:
            await self._look_ahead(due + WINDOW)
            while self._dues:
                await self._step(heapq.heappop(self._dues))
            await self._perform(self._until)

    async def _look_ahead(self, until: Millis) -> None:
        """Find the moments until then that must be stopped at."""
        self._until = until
        if self._coupled:
            values = {"until": until, "versions": json.dumps(sorted(self._coupled))}
            rows = await self._rig.read(lambda view: view.rows("dues_of_versions", **values))
            self._dues = [row["due_at"] for row in rows]

    def _note(self, planned: Iterable[NewPending]) -> None:
        """Stop at the moments of what was just planned, too."""
        if self._coupled:
            for new in planned:
                if new.version_id in self._coupled and new.due_at <= self._until:
                    heapq.heappush(self._dues, new.due_at)

    def _note_waits(self, planned: Iterable[NewPending]) -> None:
        for new in planned:
            for wait in new.waits:
                key = (new.account, wait.pattern, wait.key)
                self._waits[key] = min(new.due_at, self._waits.get(key, new.due_at))


def judge(engine: Engine, event: Event) -> Judged:
    """What the rulebook says about an event, with ids that follow from it."""
    judged = engine.judge(event)
    if not judged.planned:
        return judged
    planned = tuple(new._replace(run_id=run_id_for(event, new.rule_id)) for new in judged.planned)
    return judged._replace(planned=planned)


class _Sink:
    """Where the events of runs go: to the engine, as of the moment at which their run was due."""

    def __init__(self, engine: Engine, note: Callable[[Iterable[NewPending]], None]) -> None:
        self._engine = engine
        self._note = note

    def judge(self, event: Event) -> Judged:
        """Nothing is known yet of its run."""
        return Judged(event, self._engine.rulebook)

    def record(self, tx: Transaction, batch: Sequence[Judged], *, parent_run: str | None = None) -> list[Receipt]:
        """Store what a run made. What a replay performs takes no time: all of it happened when it was due."""
        row = tx.row("due_of_run", run_id=parent_run)
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        judged = [judge(self._engine, _as_of(one.event, row["due_at"])) for one in batch]
        for one in judged:
            self._note(one.planned)
        return self._engine.record(tx, judged, parent_run=parent_run)


def _as_of(event: Event, moment: Millis) -> Event:
    """An event of a run at its moment; the news of a dead letter gets an id that another replay finds again."""
    event = event._replace(time=moment, received_at=moment)
    return event._replace(id=f"{event.data['action']['key']}.dead") if event.type == DEAD_LETTERED else event
