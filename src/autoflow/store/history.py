"""Runs, steps, attempts and dead letters in the store: everything that happened is a row."""

from __future__ import annotations

import json
from dataclasses import dataclass

from autoflow.model.json import JsonObject, plain_json
from autoflow.model.pending import Pending
from autoflow.model.run import AttemptResult, DeadLetterReason, RunStatus
from autoflow.store.base import Reading, Transaction
from autoflow.store.texts import write_answer


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What a step sends, fixed before its first attempt."""

    run_id: str
    step: str
    type: str
    key: str
    target: str | None
    params: JsonObject
    #: how often it was sent so far
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptNumber:
    """Which attempt begins: over the whole life of the step, and within this series of its retry policy."""

    number: int
    in_series: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnd:
    """What an attempt came to."""

    run_id: str
    step: str
    number: int
    result: AttemptResult
    code: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An action that is given up."""

    pending: Pending
    record: StepRecord
    reason: DeadLetterReason
    code: str
    detail: str
    attempts: int


def open_run(tx: Transaction, pending: Pending, status: RunStatus) -> None:
    """Record that a run has begun; a second time changes nothing."""
    tx.run(
        "insert_run",
        id=pending.run_id,
        account=pending.account,
        rule_id=pending.rule_id,
        version=pending.version_id,
        event_seq=pending.event_seq,
        status=status,
        due_at=pending.due_at,
        started_at=tx.now,
    )


def open_step(tx: Transaction, record: StepRecord, *, status: str = "running") -> None:
    """Fix what a step sends; once it was sent, nothing changes it."""
    known = tx.row("run_step", run_id=record.run_id, step=record.step)
    if known is not None:
        if not known["attempts"]:
            _fix_again(tx, record)
        return
    ended = None if status == "running" else tx.now
    tx.run(
        "begin_step",
        run_id=record.run_id,
        step=record.step,
        type=record.type,
        key=record.key,
        target=record.target,
        params=plain_json(record.params),
        status=status,
        attempts=0,
        output=None,
        started_at=tx.now,
        finished_at=ended,
    )


def load_step(view: Reading, run_id: str, step: str) -> StepRecord | None:
    """What a step sends, or None where it never did: then it is kept as it was written, not as it is sent."""
    row = view.row("run_step", run_id=run_id, step=step)
    if row is None or not row["attempts"]:
        return None
    return StepRecord(
        run_id=run_id,
        step=step,
        type=row["type"],
        key=row["key"],
        target=row["target"],
        params=json.loads(row["params"]),
        attempts=row["attempts"],
    )


def _fix_again(tx: Transaction, record: StepRecord) -> None:
    tx.run(
        "fix_step",
        run_id=record.run_id,
        step=record.step,
        type=record.type,
        target=record.target,
        params=plain_json(record.params),
    )


def begin_attempt(tx: Transaction, run_id: str, step: str) -> AttemptNumber:
    """Count an attempt before it is made; what an earlier owner left open has an unknown result."""
    forget_attempt(tx, run_id, step)
    row = tx.row("count_attempt", run_id=run_id, step=step)
    assert row is not None  # noqa: S101 - the step was opened in this transaction or before
    number: int = row["attempts"]
    tx.run("insert_attempt", run_id=run_id, step=step, number=number, started_at=tx.now)
    return AttemptNumber(number=number, in_series=number - row["series_base"])


def forget_attempt(tx: Transaction, run_id: str, step: str) -> None:
    """Record that the result of an attempt under way is not known and will not be."""
    tx.run("forget_results", run_id=run_id, step=step, finished_at=tx.now)


def end_attempt(tx: Transaction, end: AttemptEnd) -> None:
    """Record what an attempt came to."""
    tx.run(
        "finish_attempt",
        run_id=end.run_id,
        step=end.step,
        number=end.number,
        finished_at=tx.now,
        result=end.result,
        code=end.code,
        detail=end.detail,
    )


def end_step(tx: Transaction, run_id: str, step: str, status: str, output: JsonObject | None) -> None:
    """Record what a step came to."""
    text = None if output is None else write_answer(output)
    tx.run("finish_step", run_id=run_id, step=step, status=status, output=text, finished_at=tx.now)


def end_run(tx: Transaction, pending: Pending, status: RunStatus, error: str | None = None) -> None:
    """Record the end of a run; nothing of it waits any more."""
    tx.run("finish_run", id=pending.run_id, status=status, error=error, finished_at=tx.now)
    tx.run("delete_pending", id=pending.id)


def insert_dead_letter(tx: Transaction, letter: DeadLetter) -> int:
    """Keep an action that is given up; its id."""
    pending, record = letter.pending, letter.record
    row = tx.row(
        "insert_dead_letter",
        run_id=pending.run_id,
        step=record.step,
        step_index=pending.step,
        account=pending.account,
        rule_id=pending.rule_id,
        version=pending.version_id,
        event_seq=pending.event_seq,
        type=record.type,
        target=record.target,
        key=record.key,
        params=plain_json(record.params),
        reason=letter.reason,
        code=letter.code,
        detail=letter.detail,
        attempts=letter.attempts,
        created_at=tx.now,
    )
    assert row is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    return int(row["id"])
