"""Performs the steps of a claimed run, committing what each came to before the next one starts.

Before it: the dispatcher, which claimed a due pending trigger. After it: attempts, then done, another wait or a
dead letter. A crash at any point resumes at the last commit, with the same key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, repeat
from typing import Any, NamedTuple, TypeVar

from autoflow import failpoints
from autoflow.actions.base import Request
from autoflow.clock import Clock
from autoflow.errors import ClosedError, FencedError, RulesError, StorageError, TemplateError
from autoflow.failpoints import Failpoint
from autoflow.model.event import Event, arrival_facts
from autoflow.model.pending import Pending, PendingKind
from autoflow.model.rule import Rule
from autoflow.model.run import (
    AttemptResult,
    DeadLetterReason,
    Delivered,
    Outcome,
    Reject,
    Retry,
    RunStatus,
    action_key,
    result_of,
)
from autoflow.model.step import RetryPolicy, Step
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.rules.versions import VersionBook
from autoflow.runs.action_set import ActionSet
from autoflow.runs.dead_letters import DeadLetters
from autoflow.runs.ledger import Beginning, Ending, Ledger
from autoflow.runs.own_events import emitted_events
from autoflow.runs.render import Facts, render_params
from autoflow.runs.retry import GiveUp, TryAgain, decide_retry
from autoflow.runs.slots import Slot
from autoflow.store import history, waiting
from autoflow.store.base import Store, Transaction
from autoflow.store.history import AttemptNumber, RunEnd, StepRecord
from autoflow.store.texts import write_detail
from autoflow.store.waiting import POISON, Claimed, Move

T = TypeVar("T")

log = get_log("autoflow.runs")

FIRST = AttemptNumber(number=1, in_series=1)
"""Most attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorOptions:
    """How steps are performed where a rule says nothing."""

    retry: RetryPolicy
    chain_depth: int
    #: 0.0 to 1.0, for jitter
    random: Callable[[], float]
    #: seconds before a result that could not be kept is offered again; the last one counts from then on
    pauses: tuple[float, ...] = (0.1, 0.5, 2.0, 5.0)


class Work(NamedTuple):
    """One step of one run on its way."""

    pending: Pending
    event: Event
    rule: Rule
    step: Step
    record: StepRecord


class _Begun(StrEnum):
    """What is known of a run's past."""

    #: it begins now
    NEVER = "never"
    #: by us, and the step that comes next was never looked at
    NOW = "now"
    #: its step may have been fixed by an earlier attempt
    BEFORE = "before"


class _Next(NamedTuple):
    """The step that is next in a run."""

    pending: Pending
    event: Event
    begun: _Begun


class Executor:
    """Performs claimed runs, one step after the other."""

    def __init__(
        self,
        store: Store,
        versions: VersionBook,
        *,
        clock: Clock,
        metrics: Metrics,
        options: ExecutorOptions,
    ) -> None:
        self._store = store
        self._versions = versions
        self._clock = clock
        self._metrics = metrics
        self._options = options
        self._dead = DeadLetters(store, clock=clock, metrics=metrics, chain_depth=options.chain_depth)
        self.ledger = Ledger(store, metrics)
        #: hears of each moment at which something is to go on (UTC milliseconds)
        self.told: Callable[[int], None] = lambda due_at: None
        self.actions: ActionSet

    async def perform(self, claimed: Claimed, slot: Slot) -> None:
        """Go on with a run until it ends, waits again, or its next target has its share of the slots.

        Whatever else goes wrong ends it visibly: a run that fails the same way must not come back each time.
        """
        if claimed.pending.lost >= POISON:
            await self._see_to_its_end(claimed, self._condemn(claimed))
        else:
            await self._see_to_its_end(claimed, self._go_on(claimed, slot))

    async def perform_begun(self, work: Work, slot: Slot) -> None:
        """As above, with a run whose first attempt was counted as its event was stored."""
        claimed = Claimed(work.pending, work.event, begun=True)
        await self._see_to_its_end(claimed, self._go_on_begun(work, slot))

    async def _see_to_its_end(self, claimed: Claimed, performing: Awaitable[None]) -> None:
        try:
            await performing
        except StorageError:
            raise
        except RulesError as error:
            await self.give_up(claimed, "rule-unusable", str(error))
        except Exception as error:  # one faulty run must not stop the others
            log.error("run.defect", exception=error, run_id=claimed.pending.run_id, rule_id=claimed.pending.rule_id)
            await self.give_up(claimed, "internal-error", f"{type(error).__name__}: {error}")

    async def _condemn(self, claimed: Claimed) -> None:
        times = claimed.pending.lost
        detail = f"the daemon ended {times} times while it was attempted, at last with nothing beside it"
        await self.give_up(claimed, "poison", detail, DeadLetterReason.POISON)

    async def _go_on(self, claimed: Claimed, slot: Slot) -> None:
        pending, event = claimed.pending, claimed.event
        rule = (await self._versions.get(pending.version_id)).rule
        if pending.shadow:
            self._metrics.trigger_late(self._clock.now() - pending.due_at)
            await self._shadow(pending, event, rule)
            return
        following: _Next | None = _Next(
            pending=pending, event=event, begun=_Begun.BEFORE if claimed.begun else _Begun.NEVER
        )
        while following is not None:
            following = await self._perform_step(following, rule, slot)

    async def _go_on_begun(self, work: Work, slot: Slot) -> None:
        await slot.begin()
        if work.pending.id in self._store.flagged:
            slot.leave()
            await self._call_off(work)
            return
        self._metrics.trigger_late(self._clock.now() - work.pending.due_at)
        following = await self._attempt(work, FIRST, slot)
        while following is not None:
            following = await self._perform_step(following, work.rule, slot)

    async def _call_off(self, work: Work) -> None:
        """End a run that was cancelled while it waited for its slot: its attempt is counted, and is not made."""
        failure = Reject(code="cancelled", detail="its run was cancelled before this was sent")
        ending = Ending(
            pending=work.pending,
            attempt=_end_of(work, FIRST, AttemptResult.REJECTED, failure),
            following=Move(pending=work.pending, keep=False),
        )
        await self.keep(lambda: self.ledger.end(ending))
        log.info("run.cancelled", **_ids(work))

    async def _perform_step(self, step: _Next, rule: Rule, slot: Slot) -> _Next | None:
        """Perform one step; what to go on with at once, or None."""
        record = await self._fix(step, rule.actions[step.pending.step])
        if isinstance(record, Reject):
            await self._refuse(step.pending, step.event, rule, record)
            return None
        if not await slot.begin():
            return None  # the daemon stops: the next start finds it due
        if step.begun is not _Begun.NOW:
            self._metrics.trigger_late(self._clock.now() - step.pending.due_at)
        work = Work(
            pending=step.pending,
            event=step.event,
            rule=rule,
            step=rule.actions[step.pending.step],
            record=record,
        )
        number = await self.ledger.begin(
            Beginning(pending=step.pending, record=record, is_first=step.begun is _Begun.NEVER)
        )
        if number is None:
            log.info("run.cancelled", **_ids(work))
            return None
        return await self._attempt(work, number, slot)

    async def _attempt(self, work: Work, number: AttemptNumber, slot: Slot) -> _Next | None:
        """Make an attempt that is counted; what to go on with at once, or None."""
        outcome = await self._send(work, number)
        return await self._finish(work, number, outcome, slot)

    async def _fix(self, step: _Next, written: Step) -> StepRecord | Reject:
        """What the step sends: as it was fixed before its first attempt, else rendered now."""
        if step.begun is _Begun.BEFORE:
            known = await self._store.read(lambda view: history.load_step(view, step.pending.run_id, written.path))
            if known is not None:
                return known
        return self.render(step.pending.run_id, step.event, written)

    def render(self, run_id: str, event: Event, step: Step) -> StepRecord | Reject:
        """What a step sends."""
        known = self.actions.know(step)
        if known.params is None or known.action is None:
            return Reject(code="no-such-action", detail=f"{step.type} is not configured here")
        try:
            params = render_params(known.params, Facts.of(arrival_facts(event)), self.actions.library)
        except TemplateError as error:
            return Reject(code="template", detail=str(error))
        key = action_key(run_id, step.path)
        return StepRecord(run_id, step.path, step.type, key, known.target, params)

    async def _send(self, work: Work, number: AttemptNumber) -> Outcome:
        """One attempt. Whatever an action raises is a defect of ours and worth another attempt."""
        action = self.actions.find(work.step)
        if action is None:
            return Reject(code="no-such-action", detail=f"{work.step.type} is not configured here")
        started = self._clock.now()
        request = request_of(work, number, now=started)
        try:
            if failpoints.armed:
                await failpoints.reach_in_turn(Failpoint.BEFORE_SEND)
            outcome = await action.perform(request)
            if failpoints.armed:
                await failpoints.reach_in_turn(Failpoint.AFTER_SEND)
        except Exception as error:  # one faulty action must not stop the others
            log.error("action.defect", exception=error, **_ids(work))
            outcome = Retry(code="internal-error", detail=f"{type(error).__name__}: {error}")
        if not isinstance(outcome, Delivered):
            outcome = replace(outcome, detail=write_detail(outcome.detail))
        if isinstance(outcome, Delivered) and outcome.events and self.is_too_deep(work.event):
            detail = f"{work.event.depth} actions stand between this event and one from outside"
            outcome = Reject(code="chain-too-deep", detail=detail)
        millis = self._clock.now() - started
        self._metrics.attempt_made(work.step.type, result_of(outcome), seconds=millis / 1000)
        log_attempt(work, number, outcome, millis)
        return outcome

    def is_too_deep(self, event: Event) -> bool:
        """Whether no action may make an event of this one any more."""
        return event.depth >= self._options.chain_depth

    def make_events(self, work: Work, outcome: Delivered) -> list[Any]:
        """The events that an action made, judged."""
        if not outcome.events:
            return []
        events = emitted_events(work.event, work.record.key, outcome.events, now=self._clock.now())
        return [self.ledger.sink.judge(event) for event in events]

    async def _finish(self, work: Work, number: AttemptNumber, outcome: Outcome, slot: Slot) -> _Next | None:
        """Commit what the attempt came to, and what follows."""
        if isinstance(outcome, Delivered):
            return await self._deliver(work, number, outcome, slot)
        slot.leave()
        match outcome:
            case Retry():
                policy = work.step.retry or work.rule.retry or self._options.retry
                decision = decide_retry(
                    policy,
                    outcome,
                    attempt=number.in_series,
                    now=self._clock.now(),
                    random=self._options.random,
                )
                if isinstance(decision, TryAgain):
                    await self._wait_again(work, number, outcome, decision)
                    return None
                await self._bury(work, number, outcome, decision)
            case Reject():
                await self._bury(work, number, outcome, GiveUp(reason=DeadLetterReason.PERMANENT))
        return None

    async def _deliver(self, work: Work, number: AttemptNumber, outcome: Delivered, slot: Slot) -> _Next | None:
        following = self._following(work)
        keep = following is not None and slot.move(following.target)
        if not keep:
            slot.leave()
        end = _end_of(work, number, AttemptResult.DELIVERED)
        move = None if following is None else Move(pending=following, keep=keep)
        ending = Ending(work.pending, end, outcome.output, self.make_events(work, outcome), move)
        goes_on = await self.keep(lambda: self.ledger.end(ending))
        if following is None or not goes_on:
            return None
        if not keep:
            self.told(following.due_at)
            return None
        return _Next(pending=following, event=work.event, begun=_Begun.NOW)

    async def _wait_again(self, work: Work, number: AttemptNumber, failure: Retry, next_try: TryAgain) -> None:
        later = work.pending._replace(kind=PendingKind.RETRY, due_at=next_try.at)
        ending = Ending(
            pending=work.pending,
            attempt=_end_of(work, number, AttemptResult.RETRY, failure),
            following=Move(pending=later, keep=False),
        )
        await self.keep(lambda: self.ledger.end(ending))
        self.told(later.due_at)

    async def keep(self, offer: Callable[[], Awaitable[T]]) -> T:
        """Keep a result, however long that takes: what was sent and is not kept would be sent again."""
        pauses = chain(self._options.pauses, repeat(self._options.pauses[-1]))
        while True:
            try:
                if failpoints.armed:
                    await failpoints.reach_in_turn(Failpoint.BEFORE_FINISH)
                return await offer()
            except (ClosedError, FencedError):
                raise
            except StorageError as error:
                log.error("run.storage", error=str(error))
                await asyncio.sleep(next(pauses))  # longer each time: the disk is not well

    async def _bury(self, work: Work, number: AttemptNumber, failure: Retry | Reject, given_up: GiveUp) -> None:
        letter = history.DeadLetter(
            pending=work.pending,
            record=work.record,
            reason=given_up.reason,
            code=failure.code,
            detail=failure.detail,
            attempts=number.number,
        )
        end = _end_of(work, number, result_of(failure), failure)
        change = self._dead.bury(letter, work.event, self.ledger.sink, rule_name=work.rule.name, end=end)
        await self.keep(lambda: self._store.transact(change))

    async def _refuse(self, pending: Pending, event: Event, rule: Rule, failure: Reject) -> None:
        """Give up a step that cannot even be rendered; what was written is kept in place of what was sent."""
        step = rule.actions[pending.step]
        record = StepRecord(
            run_id=pending.run_id,
            step=step.path,
            type=step.type,
            key=action_key(pending.run_id, step.path),
            target=pending.target,
            params=step.params,
        )
        letter = _permanent(pending, record, failure.code, failure.detail)
        await self._store.transact(self._dead.bury(letter, event, self.ledger.sink, rule_name=rule.name))

    async def give_up(
        self, claimed: Claimed, code: str, detail: str, reason: DeadLetterReason = DeadLetterReason.PERMANENT
    ) -> None:
        """End a run where it stands, with what the store knows about it; its rule may not be at hand."""
        row = await self._store.read(lambda view: view.row("pending_by_id", id=claimed.pending.id))
        if row is None:
            return  # it had come to its end before things went wrong
        pending = waiting.pending_of(row)
        if pending.shadow:
            # Not a dead letter: that could be replayed, and would then be sent.
            await self._store.transact(lambda tx: self._end_shadow(tx, pending, (), write_detail(detail)))
            return
        outline = await self._versions.outline(pending.version_id, pending.step)
        record = await self._store.read(lambda view: history.load_step(view, pending.run_id, outline.path))
        record = record or StepRecord(
            run_id=pending.run_id,
            step=outline.path,
            type=outline.type,
            key=action_key(pending.run_id, outline.path),
            target=pending.target,
            params=outline.params,
        )
        letter = replace(_permanent(pending, record, code, detail), reason=reason)
        change = self._dead.bury(letter, claimed.event, self.ledger.sink, rule_name=outline.rule_name)
        await self.keep(lambda: self._store.transact(change))

    async def _shadow(self, pending: Pending, event: Event, rule: Rule) -> None:
        """Record what would have been sent, up to where the run would have failed, and send nothing."""
        records: list[StepRecord] = []
        error = None
        for step in rule.actions:
            record = self.render(pending.run_id, event, step)
            if isinstance(record, Reject):
                error = write_detail(record.detail)
                break
            records.append(record)
        await self._store.transact(lambda tx: self._end_shadow(tx, pending, records, error))

    def _end_shadow(
        self, tx: Transaction, pending: Pending, records: Sequence[StepRecord], error: str | None
    ) -> None:
        history.open_runs(tx, [pending])
        cancelled = waiting.check_claim(tx, pending, epoch=self._store.epoch)
        status = RunStatus.SHADOW if cancelled is None else RunStatus.CANCELLED
        history.fix_steps(tx, records if cancelled is None else (), status="shadow")
        history.end_runs(tx, [RunEnd(pending=pending, status=status, error=cancelled or error)])
        tx.after_commit(lambda: self._metrics.run_ended(pending.rule_id, status))

    def _following(self, work: Work) -> Pending | None:
        index = work.pending.step + 1
        if index >= len(work.rule.actions):
            return None
        return work.pending._replace(
            kind=PendingKind.RESUME,
            step=index,
            target=self.actions.target(work.rule.actions[index]),
            due_at=self._clock.now(),
        )


def log_attempt(work: Work, number: AttemptNumber, outcome: Outcome, millis: int) -> None:
    """A line for an attempt."""
    pending, event, rule, step, record = work
    told: dict[str, Any] = {
        "result": str(result_of(outcome)), "attempt": number.number, "action": step.type, "target": record.target,
        "duration_ms": millis, "event_id": event.id, "rule_id": rule.id, "trigger_id": str(pending.id),
        "run_id": record.run_id, "account": rule.account,
    }  # fmt: skip
    if isinstance(outcome, Delivered):
        log.info("action.attempt", **told)
    else:
        log.warning("action.attempt", **told, code=outcome.code, error=outcome.detail)


def request_of(work: Work, number: AttemptNumber, *, now: int) -> Request:
    """What the action of a step is handed."""
    record, rule, event = work.record, work.rule, work.event
    return Request(
        record.params, record.key, number.number, rule.account, rule.id, record.run_id, event.id, event.type, now
    )


def _permanent(pending: Pending, record: StepRecord, code: str, detail: str) -> history.DeadLetter:
    return history.DeadLetter(
        pending=pending, record=record, reason=DeadLetterReason.PERMANENT, code=code, detail=detail,
        attempts=record.attempts,
    )  # fmt: skip


def _end_of(
    work: Work, number: AttemptNumber, result: AttemptResult, failure: Retry | Reject | None = None
) -> history.AttemptEnd:
    record = work.record
    if failure is None:
        return history.AttemptEnd(record.run_id, record.step, number.number, result, None, None)
    return history.AttemptEnd(record.run_id, record.step, number.number, result, failure.code, failure.detail)


def _ids(work: Work) -> dict[str, Any]:
    """What a log line is found by."""
    return {
        "event_id": work.event.id,
        "rule_id": work.rule.id,
        "trigger_id": str(work.pending.id),
        "run_id": work.record.run_id,
        "account": work.rule.account,
    }
