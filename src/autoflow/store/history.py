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
from autoflow.store.bulk import nest, write_json, write_numbers, write_rows, write_texts
from autoflow.store.columns import share_columns
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


class DoneRun(NamedTuple):
    """A run that was done in one attempt at its only step, before anything of it was written down."""

    pending: Pending
    record: StepRecord
    output: JsonObject


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
    """Record that runs have begun, taken from what waits of them; a second time changes nothing."""
    if pendings:
        ids = write_numbers([pending.id for pending in pendings])
        tx.run("open_runs", ids=ids, status=status, now=tx.now)


def begin_runs(tx: Transaction, pendings: Sequence[Pending], records: Sequence[StepRecord]) -> None:
    """Record that runs begin with their events, in whose transaction this is: with their first attempts."""
    if not pendings:
        return
    columns: dict[str, Sequence[Any]] = {
        "id": [one.run_id for one in pendings],
        "account": [one.account for one in pendings],
        "rule_id": [one.rule_id for one in pendings],
        "version": [one.version_id for one in pendings],
        "event_seq": [one.event_seq for one in pendings],
        "due_at": [one.due_at for one in pendings],
    }
    rows, same = share_columns(columns, ("account", "rule_id", "version"))
    # The transaction may have begun before the last of these events came: nothing begins before it is due.
    at = max(tx.now, *columns["due_at"])
    tx.insert_many("begin_run", rows, **same, status=RunStatus.RUNNING, started_at=at)
    begin_first_attempts(tx, records, at=at)


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


def begin_first_attempts(tx: Transaction, records: Sequence[StepRecord], *, at: int | None = None) -> None:
    """Count the first attempts at the first steps of new runs, before they are made: now, or `at` that moment."""
    if not records:
        return
    started_at = tx.now if at is None else at
    runs, steps, types, keys, targets, params, _ = zip(*records, strict=True)
    columns = {"run_id": runs, "step": steps, "type": types, "key": keys, "target": targets}
    columns["params"] = tuple(map(write_json, params))
    rows, same = share_columns(columns, ("step", "type", "target"))
    tx.insert_many("begin_step", rows, **same, status="running", attempts=1, started_at=started_at)
    rows, same = share_columns({"run_id": runs, "step": steps}, ("step",))
    tx.insert_many("insert_attempt", rows, **same, number=1, started_at=started_at)


def keep_runs(tx: Transaction, runs: Sequence[DoneRun], *, epoch: int) -> Sequence[DoneRun]:
    """Record whole runs, as far as they are claimed; those that are."""
    values = {"status": RunStatus.DONE, "now": tx.now, "epoch": epoch}
    ids = write_numbers([one.pending.id for one in runs])
    if tx.run("keep_runs", ids=ids, **values) != len(runs):  # some are claimed no longer
        ours = {row["id"] for row in tx.rows("claimed_states", ids=ids, epoch=epoch)}
        runs = [one for one in runs if one.pending.id in ours]
    records = [one.record for one in runs]
    rows = [
        (one.run_id, one.step, one.type, one.key, one.target, nest(one.params), write_answer(run.output))
        for run, one in zip(runs, records, strict=True)
    ]
    tx.run("keep_steps", rows=write_rows(rows), now=tx.now)
    tx.run("keep_attempts", rows=_keys_of(records), now=tx.now)
    _leave(tx, [one.pending for one in runs])
    return runs


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
    plain = [(end.run_id, end.step, end.number, end.result) for end in ends if end.code is end.detail is None]
    if (alike := _alike(plain)) is not None:
        step, number, result = alike
        runs = write_texts([row[0] for row in plain])
        tx.run("finish_alike_attempts", runs=runs, step=step, number=number, result=result, now=tx.now)
    elif plain:
        tx.run("finish_attempts", rows=write_rows(plain), now=tx.now)
    told = [
        (end.run_id, end.step, end.number, tx.now, end.result, end.code, end.detail)
        for end in ends
        if not end.code is end.detail is None
    ]
    tx.insert_many("finish_attempt", told)


def end_steps(tx: Transaction, ends: Sequence[StepEnd]) -> None:
    """Record what steps came to."""
    if ends:
        rows = [
            (end.run_id, end.step, end.status, None if end.output is None else write_answer(end.output))
            for end in ends
        ]
        if (alike := _alike(rows)) is not None:
            step, status, output = alike
            runs = write_texts([row[0] for row in rows])
            tx.run("finish_alike_steps", runs=runs, step=step, status=status, output=output, now=tx.now)
        else:
            tx.run("finish_steps", rows=write_rows(rows), now=tx.now)


def end_runs(tx: Transaction, ends: Sequence[RunEnd]) -> None:
    """Record the ends of runs; nothing of them waits any more."""
    well = [end.pending.run_id for end in ends if end.error is None and end.status is RunStatus.DONE]
    if well:
        tx.run("finish_runs", ids=write_texts(well), status=RunStatus.DONE, now=tx.now)
    told = [
        (end.pending.run_id, end.status, end.error, tx.now)
        for end in ends
        if end.error is not None or end.status is not RunStatus.DONE
    ]
    tx.insert_many("finish_run", told)
    # A daemon may have been killed as it sent something of what is cancelled now.
    cancelled = [(end.pending.run_id, tx.now) for end in ends if end.status is RunStatus.CANCELLED]
    tx.insert_many("forget_results_of_runs", cancelled)
    _leave(tx, [end.pending for end in ends])


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


def _leave(tx: Transaction, pendings: Sequence[Pending]) -> None:
    """Nothing of these runs waits any more."""
    if pendings:
        tx.run("delete_pending", ids=write_numbers([pending.id for pending in pendings]))


def _alike(rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """What all rows have behind their run, where it is the same: most runs of a moment end alike."""
    found = {row[1:] for row in rows}
    return found.pop() if len(found) == 1 else None


def _keys_of(records: Sequence[StepRecord]) -> str:
    return write_rows([(one.run_id, one.step) for one in records])


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
