"""Pending triggers in the store: planned, claimed, moved on, ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from autoflow.errors import FencedError
from autoflow.model.event import Event
from autoflow.model.pending import Pending, PendingKind
from autoflow.model.run import RunStatus
from autoflow.store.base import Reading, Row, Transaction
from autoflow.store.events import event_of
from autoflow.store.history import end_run, open_run


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


def insert_pending(tx: Transaction, planned: Sequence[tuple[int, NewPending]]) -> None:
    """Let runs wait for their start: each with the number of the event that planned it."""
    first = tx.take_numbers("pending_triggers", len(planned))
    rows, waits = [], []
    for number, (event_seq, new) in enumerate(planned, start=first):
        rows.append(
            (
                number,
                PendingKind.START,
                new.account,
                new.rule_id,
                new.version_id,
                event_seq,
                new.run_id,
                new.due_at,
                0,
                new.target,
                int(new.shadow),
                tx.now,
            )
        )
        waits += [(wait.pattern, new.account, wait.key, number) for wait in new.waits]
    tx.insert_many("insert_pending", rows)
    tx.insert_many("insert_wait", waits)


def reopen_pending(tx: Transaction, letter: Row) -> None:
    """Let a failed run go on at the step of its dead letter, now."""
    tx.run(
        "insert_pending",
        id=tx.take_numbers("pending_triggers", 1),
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


def claim_due(
    tx: Transaction,
    *,
    epoch: int,
    limit: int,
    room: Callable[[str], int],
    full: Iterable[str] = (),
    only_shadow: bool = False,
) -> list[Claimed]:
    """Take what is due, oldest first. `room` tells how many more a target may have; nobody else waits for it.

    `full` are targets that are known to have no room: what waits for them is not even touched.
    """
    left: dict[str, int] = dict.fromkeys(full, 0)
    taken: list[Claimed] = []
    while len(taken) < limit:
        none_left = json.dumps([target for target, slots in left.items() if slots <= 0])
        claimed = tx.rows(
            "claim_due", epoch=epoch, now=tx.now, limit=limit - len(taken), full=none_left, shadow=int(only_shadow)
        )
        if not claimed:
            break
        for row in tx.rows("claimed_rows", ids=json.dumps([row["id"] for row in claimed])):
            if not _has_room(row["target"], left, room):
                tx.run("release_claim", id=row["id"], epoch=epoch)
            elif (event := _event_or_end(tx, row)) is not None:
                taken.append(Claimed(pending=pending_of(row), event=event))
    return taken


def _event_or_end(tx: Transaction, row: Row) -> Event | None:
    """The event of claimed work; where it cannot be read any more the run ends, and keeps nobody else waiting."""
    try:
        return event_of(row, id_column="event_id")
    except (ValueError, RecursionError) as error:
        pending = pending_of(row)
        open_run(tx, pending, RunStatus.FAILED)
        end_run(tx, pending, RunStatus.FAILED, f"its event cannot be read: {error}")
        return None


def _has_room(target: str | None, left: dict[str, int], room: Callable[[str], int]) -> bool:
    """Take one of a target's slots, where it has one left."""
    if target is None:
        return True
    left[target] = left.get(target, room(target)) - 1
    return left[target] >= 0


def next_due(view: Reading, *, only_shadow: bool = False) -> int | None:
    """When the earliest unclaimed pending trigger is due."""
    row = view.row("next_due_shadow" if only_shadow else "next_due")
    due: int | None = row["due_at"] if row else None
    return due


def end_pending(tx: Transaction, row: Row, reason: str) -> Ended:
    """Cancel waiting work: what has not begun goes at once, what is in progress stops at its next step."""
    if row["claim"]:
        tx.run("flag_cancelled", id=row["id"], reason=reason)
        return Ended.FLAGGED
    pending = pending_of(row)
    open_run(tx, pending, RunStatus.CANCELLED)
    end_run(tx, pending, RunStatus.CANCELLED, reason)
    return Ended.REMOVED


def release_claims(tx: Transaction, *, epoch: int, busy: Container[int]) -> int:
    """Make due again what this owner has claimed and nobody works on; how much it was."""
    lost = [row["id"] for row in tx.rows("claims_of", epoch=epoch) if row["id"] not in busy]
    for number in lost:
        tx.run("release_claim", id=number, epoch=epoch)
    return len(lost)


def move_pending(tx: Transaction, pending: Pending, *, epoch: int, keep: bool) -> None:
    """Let claimed work wait again, or go on with another step. FencedError when the claim no longer stands."""
    moved = tx.run(
        "move_pending",
        id=pending.id,
        epoch=epoch,
        kind=pending.kind,
        due_at=pending.due_at,
        step=pending.step,
        target=pending.target,
        claim=epoch if keep else 0,
    )
    if not moved:
        raise FencedError(f"pending trigger {pending.id} is no longer ours")


def check_claim(tx: Transaction, pending: Pending, *, epoch: int) -> str | None:
    """Why claimed work is to end, or None where it goes on. FencedError when the claim no longer stands."""
    row = tx.row("claimed_state", id=pending.id, epoch=epoch)
    if row is None:
        raise FencedError(f"pending trigger {pending.id} is no longer ours")
    reason: str | None = row["cancelled"]
    return reason


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
        cancelled=row["cancelled"],
        created_at=row["created_at"],
    )
