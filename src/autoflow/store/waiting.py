"""Pending triggers in the store: planned, claimed, moved on, ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from autoflow.model.event import Event
from autoflow.model.pending import Pending, PendingKind
from autoflow.store.base import Reading, Row, Transaction
from autoflow.store.events import event_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What ends a pending trigger: an event that meets the pattern (by its hash) and has the key."""

    pattern: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPending:
    """A pending trigger before it is stored."""

    account: str
    rule_id: str
    version_id: int
    run_id: str
    due_at: int
    target: str | None
    shadow: bool
    waits: tuple[Wait, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A claimed pending trigger with the event that started it."""

    pending: Pending
    event: Event


class Ended(StrEnum):
    """What a cancellation found."""

    #: nothing had begun; it is gone
    REMOVED = "removed"
    #: it is in progress and ends at its next step
    FLAGGED = "flagged"


def insert_pending(tx: Transaction, event_seq: int, new: NewPending) -> int:
    """Let a run wait for its start; its id."""
    row = tx.row(
        "insert_pending",
        kind=PendingKind.START,
        account=new.account,
        rule_id=new.rule_id,
        version=new.version_id,
        event_seq=event_seq,
        run_id=new.run_id,
        due_at=new.due_at,
        step=0,
        target=new.target,
        shadow=int(new.shadow),
        created_at=tx.now,
    )
    assert row is not None  # noqa: S101 - INSERT ... RETURNING gives its row
    pending_id: int = row["id"]
    if new.waits:
        waits = [
            {"pattern": w.pattern, "account": new.account, "key": w.key, "pending": pending_id}
            for w in new.waits
        ]
        tx.run_many("insert_wait", waits)
    return pending_id


def reopen_pending(tx: Transaction, letter: Row) -> None:
    """Let a failed run go on at the step of its dead letter, now."""
    tx.row(
        "insert_pending",
        kind=PendingKind.RETRY,
        account=letter["account"],
        rule_id=letter["rule_id"],
        version=letter["version"],
        event_seq=letter["event_seq"],
        run_id=letter["run_id"],
        due_at=tx.now,
        step=letter["step_index"],
        target=letter["target"],
        shadow=0,
        created_at=tx.now,
    )


def claim_due(tx: Transaction, *, epoch: int, limit: int, full_targets: Sequence[str]) -> list[Claimed]:
    """Take what is due, oldest first, leaving out targets that have their share of the slots."""
    claimed = tx.rows("claim_due", epoch=epoch, now=tx.now, limit=limit, full=json.dumps(list(full_targets)))
    if not claimed:
        return []
    rows = tx.rows("claimed_rows", ids=json.dumps([row["id"] for row in claimed]))
    return [Claimed(pending=pending_of(row), event=event_of(row, id_column="event_id")) for row in rows]


def next_due(view: Reading) -> int | None:
    """When the earliest unclaimed pending trigger is due."""
    row = view.row("next_due")
    due: int | None = row["due_at"] if row else None
    return due


def end_pending(tx: Transaction, row: Row) -> Ended:
    """Cancel waiting work: what has not begun goes at once, what is in progress stops at its next step."""
    if row["claim"]:
        tx.run("flag_cancelled", id=row["id"])
        return Ended.FLAGGED
    tx.run("finish_run", id=row["run_id"], status="cancelled", error=None, finished_at=tx.now)
    tx.run("delete_pending", id=row["id"])
    return Ended.REMOVED


def pending_of(row: Row) -> Pending:
    """The pending trigger of a row."""
    return Pending(
        id=row["id"],
        kind=PendingKind(row["kind"]),
        account=row["account"],
        run_id=row["run_id"],
        version_id=row["version"],
        rule_id=row["rule_id"],
        event_seq=row["event_seq"],
        due_at=row["due_at"],
        step=row["step"],
        target=row["target"],
        shadow=bool(row["shadow"]),
        cancelled=bool(row["cancelled"]),
        created_at=row["created_at"],
    )
