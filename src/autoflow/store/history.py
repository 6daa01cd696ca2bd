"""Runs, steps, attempts and dead letters in the store: everything that happened is a row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from autoflow.model.json import JsonObject, plain_json
from autoflow.model.pending import Pending
from autoflow.model.run import AttemptResult, DeadLetterReason, RunStatus
from autoflow.store.base import Reading, Transaction
from autoflow.store.texts import write_answer


class StepRecord(NamedTuple):
    """What a step sends, fixed before its first attempt."""

    run_id: str
    step: str
    type: str
    key: str
    target: str | None
    params: JsonObject
    #: how often it was sent so far
    attempts: int = 0


class AttemptNumber(NamedTuple):
    """Which attempt begins: over the whole life of the step, and within this series of its retry policy."""

    number: int
    in_series: int


class AttemptEnd(NamedTuple):
    """What an attempt came to."""

    run_id: str
    step: str
    number: int
    result: AttemptResult
    code: str | None
    detail: str | None


class StepEnd(NamedTuple):
    """What a step came to."""

    run_id: str
    step: str
    status: str
    output: JsonObject | None


class RunEnd(NamedTuple):
    """How a run ended."""

    pending: Pending
    status: RunStatus
    #: why, where it did not end well
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An action that is given up."""

    pending: Pending
    record: StepRecord
    reason: DeadLetterReason
    code: str
    detail: str
    attempts: int


def open_runs(tx: Transaction, pendings: Sequence[Pending], status: RunStatus = RunStatus.RUNNING) -> None:
    """Record that runs have begun; a second time changes nothing."""
    rows = [
        (
            pending.run_id,
            pending.account,
            pending.rule_id,
            pending.version_id,
            pending.event_seq,
            status,
            pending.due_at,
            tx.now,
        )
        for pending in pendings
    ]
    tx.insert_many("insert_run", rows)


def fix_steps(tx: Transaction, records: Sequence[StepRecord], *, status: str = "running") -> None:
    """Fix what steps send; once one was sent, nothing changes it."""
    tx.insert_many("fix_step", [_step_row(tx, record, status, attempts=0) for record in records])


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


def begin_first_attempts(tx: Transaction, records: Sequence[StepRecord]) -> None:
    """Count the first attempts at the first steps of new runs, before they are made."""
    tx.insert_many("begin_step", [_step_row(tx, record, "running", attempts=1) for record in records])
    _insert_attempts(tx, [(record, 1) for record in records])


def begin_attempts(tx: Transaction, records: Sequence[StepRecord]) -> list[AttemptNumber]:
    """Count attempts before they are made; what an earlier owner left open has an unknown result."""
    fix_steps(tx, records)
    forget_attempts(tx, records)
    keys = [(record.run_id, record.step) for record in records]
    tx.insert_many("count_attempt", keys)
    counted = {
        (row["run_id"], row["step"]): AttemptNumber(
            number=row["attempts"], in_series=row["attempts"] - row["series_base"]
        )
        for row in tx.rows("counted_attempts", keys=json.dumps(keys))
    }
    numbers = [counted[key] for key in keys]
    _insert_attempts(tx, [(record, number.number) for record, number in zip(records, numbers, strict=True)])
    return numbers


def forget_attempts(tx: Transaction, records: Sequence[StepRecord]) -> None:
    """Record that the results of attempts under way are not known and will not be."""
    tx.insert_many("forget_results", [(record.run_id, record.step, tx.now) for record in records])


def end_attempts(tx: Transaction, ends: Sequence[AttemptEnd]) -> None:
    """Record what attempts came to."""
    rows = [(end.run_id, end.step, end.number, tx.now, end.result, end.code, end.detail) for end in ends]
    tx.insert_many("finish_attempt", rows)


def end_steps(tx: Transaction, ends: Sequence[StepEnd]) -> None:
    """Record what steps came to."""
    rows = [
        (end.run_id, end.step, end.status, None if end.output is None else write_answer(end.output), tx.now)
        for end in ends
    ]
    tx.insert_many("finish_step", rows)


def end_runs(tx: Transaction, ends: Sequence[RunEnd]) -> None:
    """Record the ends of runs; nothing of them waits any more."""
    tx.insert_many("finish_run", [(end.pending.run_id, end.status, end.error, tx.now) for end in ends])
    if ends:
        tx.run("delete_pending", ids=json.dumps([end.pending.id for end in ends]))


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


def _step_row(tx: Transaction, record: StepRecord, status: str, *, attempts: int) -> tuple[Any, ...]:
    return (
        record.run_id,
        record.step,
        record.type,
        record.key,
        record.target,
        plain_json(record.params),
        status,
        attempts,
        None,
        tx.now,
        None if status == "running" else tx.now,
    )


def _insert_attempts(tx: Transaction, numbered: Sequence[tuple[StepRecord, int]]) -> None:
    tx.insert_many("insert_attempt", [(record.run_id, record.step, number, tx.now) for record, number in numbered])
