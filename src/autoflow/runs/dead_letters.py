"""Giving an action up: the dead letter, the end of its run, and the event that tells of it, in one transaction.

Before it: the executor, whose attempts came to nothing or could not even be made. After it: a person who replays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from autoflow.clock import Clock
from autoflow.model.event import Event
from autoflow.model.run import RunStatus
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.runs.own_events import obituary
from autoflow.store import history, waiting
from autoflow.store.base import Store, Transaction
from autoflow.store.texts import write_detail

log = get_log("autoflow.runs")


class EventSink(Protocol):
    """Takes the events that actions make, in the transaction that records the action."""

    def judge(self, event: Event) -> Any:
        """What the rules say about an event."""
        ...

    def record(self, tx: Transaction, batch: Sequence[Any], *, parent_run: str | None = None) -> object:
        """Store judged events and what they lead to."""
        ...


Change = Callable[[Transaction], None]


class DeadLetters:
    """Makes the change that gives an action up."""

    def __init__(self, store: Store, *, clock: Clock, metrics: Metrics, chain_depth: int) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._chain_depth = chain_depth

    def bury(
        self,
        letter: history.DeadLetter,
        event: Event,
        sink: EventSink,
        *,
        rule_name: str,
        end: history.AttemptEnd | None = None,
    ) -> Change:
        """The change that ends the run here. `end` is the attempt that came to nothing, where there was one.

        Without one, what was cancelled meanwhile is cancelled, and no dead letter.
        """
        letter = replace(letter, detail=write_detail(letter.detail))
        news = self._judge_obituary(event, sink, letter, rule_name)

        def change(tx: Transaction) -> None:
            cancelled = waiting.check_claim(tx, letter.pending, epoch=self._store.epoch)
            if end is None and cancelled is not None:  # nobody wanted it any more
                self._cancel(tx, letter, cancelled)
                return
            if end is None:
                self._open(tx, letter)
            else:
                history.end_attempts(tx, [end])
            self._record(tx, letter)
            if news:
                sink.record(tx, news, parent_run=letter.record.run_id)
            tx.after_commit(lambda: self._tell(letter))

        return change

    def _open(self, tx: Transaction, letter: history.DeadLetter) -> None:
        """What never began is kept as it was written; what was left in the middle has an unknown result."""
        history.open_runs(tx, [letter.pending])
        history.fix_steps(tx, [letter.record])
        history.forget_attempts(tx, [letter.record])

    def _cancel(self, tx: Transaction, letter: history.DeadLetter, reason: str) -> None:
        history.open_runs(tx, [letter.pending])
        history.forget_attempts(tx, [letter.record])
        history.end_runs(tx, [history.RunEnd(pending=letter.pending, status=RunStatus.CANCELLED, error=reason)])
        tx.after_commit(lambda: self._metrics.run_ended(letter.pending.rule_id, RunStatus.CANCELLED))

    def _record(self, tx: Transaction, letter: history.DeadLetter) -> None:
        record = letter.record
        step_end = history.StepEnd(run_id=record.run_id, step=record.step, status="failed", output=None)
        history.end_steps(tx, [step_end])
        history.insert_dead_letter(tx, letter)
        error = f"{record.type} ({letter.code}): {letter.detail}"
        history.end_runs(tx, [history.RunEnd(pending=letter.pending, status=RunStatus.FAILED, error=error)])

    def _judge_obituary(self, event: Event, sink: EventSink, letter: history.DeadLetter, rule_name: str) -> list[Any]:
        """The event that tells of a dead letter, unless the chain is too deep already."""
        if event.depth >= self._chain_depth:
            log.warning("dead_letter.untold", rule_id=letter.pending.rule_id, run_id=letter.pending.run_id)
            return []
        return [sink.judge(obituary(event, letter, rule_name=rule_name, now=self._clock.now()))]

    def _tell(self, letter: history.DeadLetter) -> None:
        self._metrics.dead_lettered(letter.record.type, letter.reason)
        self._metrics.run_ended(letter.pending.rule_id, RunStatus.FAILED)
        log.error(
            "action.dead_lettered", action=letter.record.type, reason=letter.reason.value, code=letter.code,
            error=letter.detail, rule_id=letter.pending.rule_id, run_id=letter.pending.run_id,
            account=letter.pending.account,
        )  # fmt: skip
