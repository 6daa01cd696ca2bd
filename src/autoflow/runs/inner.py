"""Runs whose only step sends nothing out: performed as they are claimed, many at once, and kept whole in one commit.

Before it: the dispatcher, which hands it all that it claimed. After it: the ledger. An attempt at something outside
is counted before it is made; what stays inside is seen by nobody before its commit, but for a line in our own log,
which a crash in between repeats. What is unusual in any way goes the long way, step by step, by the executor.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autoflow.actions.base import Request
from autoflow.actions.kinds import LOG
from autoflow.clock import Clock
from autoflow.errors import ClosedError, StorageError
from autoflow.model.rule import Rule
from autoflow.model.run import AttemptResult, Delivered, Outcome, Reject
from autoflow.model.step import Step
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.rules.versions import VersionBook
from autoflow.runs.executor import FIRST, Executor, Work, log_attempt, request_of
from autoflow.runs.ledger import Keeping
from autoflow.store.base import Store
from autoflow.store.history import DoneRun
from autoflow.store.waiting import Claimed, fenced

log = get_log("autoflow.runs")

Act = Callable[[Request], Outcome]

TURN_SECONDS = 0.01
"""How long runs are performed without anybody else having a turn."""


class Inner(NamedTuple):
    """One of those runs, with what performs it."""

    claimed: Claimed
    rule: Rule
    step: Step
    act: Act


class Performed(NamedTuple):
    """A run that is done and not yet kept."""

    claimed: Claimed
    run: DoneRun
    #: judged events that it made
    events: Sequence[Any]


class InnerRuns:
    """Performs what it can of what was claimed."""

    def __init__(
        self, store: Store, versions: VersionBook, executor: Executor, *, clock: Clock, metrics: Metrics
    ) -> None:
        self._store = store
        self._versions = versions
        self._executor = executor
        self._clock = clock
        self._metrics = metrics

    def sort(self, claimed: Sequence[Claimed]) -> tuple[list[Inner], list[Claimed]]:
        """Those of them that can be performed here, and the others."""
        inner: list[Inner] = []
        others: list[Claimed] = []
        for one in claimed:
            found = self._find(one)
            if found is None:
                others.append(one)
            else:
                inner.append(found)
        return inner, others

    async def perform(
        self, inner: Sequence[Inner], is_stopping: Callable[[], bool]
    ) -> tuple[list[Performed], list[Claimed]]:
        """What was performed, and what did not go as it should: the long way meets that again, and tells of it.

        Large events take their time: now and then everybody else has a turn, and at a stop the rest is left.
        """
        performed: list[Performed] = []
        others: list[Claimed] = []
        until = time.monotonic() + TURN_SECONDS
        for one in inner:
            if time.monotonic() >= until:
                await asyncio.sleep(0)  # everybody else's turn
                until = time.monotonic() + TURN_SECONDS
            if is_stopping():
                break
            try:
                done = self._perform(one)
            except Exception as error:  # one faulty run must not stop the others
                pending = one.claimed.pending
                log.error("action.defect", exception=error, run_id=pending.run_id, rule_id=pending.rule_id)
                done = None
            if done is None:
                others.append(one.claimed)
            else:
                performed.append(done)
        for action, number in Counter(one.run.record.type for one in performed).items():
            self._metrics.attempts_made(action, AttemptResult.DELIVERED, number)
        return performed, others

    async def keep(self, performed: Sequence[Performed]) -> None:
        """Return once all of them are on disk, or given up."""
        if not performed:
            return
        try:
            await self._keep(performed)
        except ClosedError as error:
            log.error("run.storage", error=str(error))
        except Exception as error:  # one of them is to blame, and only that one may fail
            log.error("run.defect", exception=error)
            for one in performed:
                await self._keep_one(one)

    async def _keep(self, performed: Sequence[Performed]) -> None:
        events = {one.claimed.pending.id: one.events for one in performed if one.events}
        keeping = Keeping([one.run for one in performed], events)
        kept = await self._executor.keep(lambda: self._executor.ledger.keep(keeping))
        for one in performed:
            pending = one.claimed.pending
            if pending.id not in kept:
                log.error("run.fenced", run_id=pending.run_id, error=str(fenced(pending)))

    async def _keep_one(self, one: Performed) -> None:
        pending = one.claimed.pending
        try:
            await self._keep([one])
        except ClosedError as error:
            log.error("run.storage", run_id=pending.run_id, error=str(error))
        except Exception as error:  # one faulty run must not stop the others
            log.error("run.defect", exception=error, run_id=pending.run_id, rule_id=pending.rule_id)
            await self._give_up(one.claimed, error)

    async def _give_up(self, claimed: Claimed, fault: Exception) -> None:
        """End it visibly. Where not even that can be kept the sweep finds it again; those beside it are kept now."""
        pending = claimed.pending
        try:
            await self._executor.give_up(claimed, "internal-error", f"{type(fault).__name__}: {fault}")
        except StorageError as error:
            log.error("run.storage", run_id=pending.run_id, error=str(error))
        except Exception as error:  # as above
            log.error("run.defect", exception=error, run_id=pending.run_id, rule_id=pending.rule_id)

    def _find(self, claimed: Claimed) -> Inner | None:
        pending = claimed.pending
        if claimed.begun or pending.shadow or pending.lost or pending.cancelled:
            return None
        version = self._versions.find(pending.version_id)
        if version is None or len(version.rule.actions) > 1:
            return None
        step = version.rule.actions[0]
        act: Act | None = getattr(self._executor.actions.find(step), "act", None)
        return None if act is None else Inner(claimed, version.rule, step, act)

    def _perform(self, one: Inner) -> Performed | None:
        """One run; None where it did not go as it should: then nothing has happened."""
        pending, event, now = one.claimed.pending, one.claimed.event, self._clock.now()
        if pending.id in self._store.flagged:
            return None
        record = self._executor.render(pending.run_id, event, one.step)
        if isinstance(record, Reject):
            return None
        work = Work(pending, event, one.rule, one.step, record)
        outcome = one.act(request_of(work, FIRST, now=now))
        if not isinstance(outcome, Delivered) or (outcome.events and self._executor.is_too_deep(event)):
            return None
        self._metrics.trigger_late(now - pending.due_at)
        if record.type != LOG.name:  # whose own line tells it
            log_attempt(work, FIRST, outcome, 0)
        events = self._executor.make_events(work, outcome) if outcome.events else ()
        return Performed(one.claimed, DoneRun(pending, record, outcome.output), events)
