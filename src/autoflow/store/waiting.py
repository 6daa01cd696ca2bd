"""Pending triggers in the store: planned, claimed, moved on, ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

from autoflow.errors import FencedError
from autoflow.model.event import NO_EXTENSIONS, Event
from autoflow.model.pending import Pending, PendingKind
from autoflow.model.run import RunStatus
from autoflow.store.base import Reading, Row, Transaction
from autoflow.store.bulk import read_rows, write_numbers
from autoflow.store.columns import share_columns
from autoflow.store.events import event_of
from autoflow.store.history import RunEnd, StepRecord, begin_runs, end_runs, open_runs

SUSPECT = 3
"""Times that the daemon ended while something was under way, before it is tried with nothing else beside it.

`claim_suspect` and its index have the number too."""
POISON = 5
"""As above, the last of them with nothing else beside it: then it is given up."""
MOST_PACKED = 16_000
"""Bytes of an event that is read with others as one text: of as many as are ever claimed at once (40,000), they stay
below what a value of a database can hold (10^9). What is escaped there may need six for one."""
MOST_LARGE = 128
"""Larger ones that are taken by one claim: all of them are in memory."""


_KINDS = {kind.value: kind for kind in PendingKind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What ends a pending trigger: an event that meets the pattern (by its hash) and has the key."""

    pattern: str
    key: str


class NewPending(NamedTuple):
    """A pending trigger before it is stored. A named tuple: one is made for each event that leads to something."""

    account: str
    rule_id: str
    version_id: int
    run_id: str
    due_at: int
    target: str | None
    shadow: bool
    waits: tuple[Wait, ...] = ()
    #: what its first step sends, where it begins as it is stored
    first: StepRecord | None = None


class Claimed(NamedTuple):
    """A claimed pending trigger with the event that started it."""

    pending: Pending
    event: Event
    #: whether its run has begun before: then a step may have been fixed already
    begun: bool


class Choice(NamedTuple):
    """What could begin now."""

    #: pending triggers, oldest first
    ids: tuple[int, ...]
    #: whether everything that is due was looked at
    is_all: bool
    #: where nothing could: when the next one comes due
    next_due: int | None
    #: whether nothing is due at all
    is_clear: bool


class Move(NamedTuple):
    """Claimed work that waits again, or goes on."""

    pending: Pending
    #: whether it goes on at once, by its owner
    keep: bool


class Ended(StrEnum):
    """What a cancellation found."""

    #: nothing had begun; it is gone
    REMOVED = "removed"
    #: it is in progress and ends at its next step
    FLAGGED = "flagged"


def insert_pending(tx: Transaction, planned: Sequence[tuple[int, NewPending]], *, epoch: int) -> list[Pending]:
    """Let runs wait for their start, each with the number of the event that planned it; those that have begun.

    These are claimed, and their first attempts are counted.
    """
    if not planned:
        return []
    first = tx.take_numbers("pending_triggers", len(planned))
    numbers = range(first, first + len(planned))
    news = [new for _, new in planned]
    columns: dict[str, Sequence[Any]] = {
        "id": numbers,
        "account": [new.account for new in news],
        "rule_id": [new.rule_id for new in news],
        "version": [new.version_id for new in news],
        "event_seq": [event_seq for event_seq, _ in planned],
        "run_id": [new.run_id for new in news],
        "due_at": [new.due_at for new in news],
        "target": [new.target for new in news],
        "shadow": [int(new.shadow) for new in news],
        "claim": [0 if new.first is None else epoch for new in news],
    }
    rows, same = share_columns(columns, ("account", "rule_id", "version", "target", "shadow", "claim"))
    tx.insert_many("insert_pending", rows, **same, kind=PendingKind.START.value, step=0, created_at=tx.now)
    waits = [
        (wait.pattern, new.account, wait.key, number)
        for number, new in zip(numbers, news, strict=True)
        for wait in new.waits
    ]
    tx.insert_many("insert_wait", waits)
    begun = [
        Pending(
            number, PendingKind.START, new.account, new.run_id, new.version_id, new.rule_id, event_seq, new.due_at, 0,
            new.target, new.shadow, None, tx.now, 0,
        )
        for number, (event_seq, new) in zip(numbers, planned, strict=True)
        if new.first is not None
    ]  # fmt: skip
    begin_runs(tx, begun, [new.first for new in news if new.first is not None])
    return begun


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
        claim=0,
        created_at=tx.now,
    )


def choose_due(
    view: Reading,
    *,
    limit: int,
    room: Callable[[str], int],
    outer: int | None = None,
    full: Sequence[str] | None = (),
    only_shadow: bool = False,
) -> Choice:
    """What is due and could begin, oldest first. `room` tells how many more sends a target may have.

    At most `limit`, and at most `outer` of them that send something out.
    The oldest are looked at. Where they wait for targets without room, everything that is due is looked at for
    others, which takes as long as there is much due: not where the targets that are `full` now are not given.
    """
    values = {"limit": limit, "shadow": int(only_shadow), "suspect": SUSPECT, "now": view.now}
    left: _Left = {None: limit if outer is None else outer, **dict.fromkeys(full or (), 0)}
    oldest = _read_due(view, values, only_shadow=only_shadow)
    chosen = [number for number, target in oldest if _has_room(target, left, room)]
    is_all = len(oldest) < limit
    if not is_all and full is not None and len(chosen) < limit:
        is_all = True
        known = frozenset(chosen)
        none_left = json.dumps([target for target, slots in left.items() if slots <= 0 and target is not None])
        for row in view.rows("due_elsewhere", full=none_left, **values):
            if len(chosen) < limit and row["id"] not in known and _has_room(row["target"], left, room):
                chosen.append(row["id"])
    return Choice(
        ids=tuple(chosen),
        is_all=is_all,
        is_clear=not oldest and is_all,
        next_due=None if chosen else next_due(view, after=view.now, only_shadow=only_shadow),
    )


def claim(tx: Transaction, ids: Sequence[int], *, epoch: int) -> list[Claimed]:
    """Take what was chosen, as far as it still waits, oldest first."""
    wanted = write_numbers(ids)
    found = tx.row("claimable_rows", ids=wanted, most=MOST_PACKED)
    assert found is not None  # noqa: S101 - an aggregate has one row
    heads, large = read_rows(found["heads"]), read_rows(found["large"])[:MOST_LARGE]
    tx.run("claim_rows", ids=write_numbers([head[0] for head in heads] + large), epoch=epoch)
    try:
        lines = found["data"].split("\n") if heads else []
        claimed = [_claimed_of(head, line) for head, line in zip(heads, lines, strict=True)]
    except (ValueError, RecursionError):  # one of them cannot be read: each by itself, to end that one
        return _load_claimed(tx, [head[0] for head in heads] + large)
    if large:
        claimed += _load_claimed(tx, large)
    claimed.sort(key=_by_age)
    return claimed


def claim_suspect(tx: Transaction, *, epoch: int, is_alone: bool, only_shadow: bool = False) -> Claimed | None:
    """Take one that was under way too often when the daemon ended.

    `is_alone`: nothing else is under way. It counts as alone until the next call.
    """
    tx.run("join_others", epoch=epoch)
    values = {
        "epoch": epoch,
        "alone": int(is_alone),
        "shadow": int(only_shadow),
        "now": tx.now,
    }
    while taken := tx.rows("claim_suspect", **values):
        claimed = _load_claimed(tx, [row["id"] for row in taken])
        if claimed:
            return claimed[0]
    return None


def _load_claimed(tx: Transaction, ids: Sequence[int]) -> list[Claimed]:
    claimed = []
    rows = tx.rows("claimed_rows", ids=json.dumps(ids))
    names = rows[0].keys() if rows else ()
    for values in rows:
        row = dict(zip(names, values, strict=True))  # a row looks each name up among all of its names
        event = _event_or_end(tx, row)
        if event is not None:
            claimed.append(Claimed(pending=pending_of(row), event=event, begun=bool(row["begun"])))
    return claimed


def _claimed_of(head: Sequence[Any], line: str) -> Claimed:
    """One of `claimable_rows`, with its event's data."""
    (
        number, kind, account, run_id, version, rule_id, event_seq, due_at, step, target, shadow, cancelled,
        created_at, lost, event_id, event_type, time, received_at, source, event_account, subject, depth,
        extensions, begun,
    ) = head  # fmt: skip
    pending = Pending(
        number, _KINDS[kind], account, run_id, version, rule_id, event_seq, due_at, step, target, bool(shadow),
        cancelled, created_at, lost,
    )  # fmt: skip
    more = json.loads(extensions) if extensions else NO_EXTENSIONS
    event = Event(
        event_id, event_type, time, received_at, line.encode(), read_rows(line), source, event_account, subject,
        depth, more,
    )  # fmt: skip
    return Claimed(pending, event, bool(begun))


def _by_age(claimed: Claimed) -> tuple[int, int]:
    return claimed.pending.due_at, claimed.pending.id


def _read_due(view: Reading, values: Mapping[str, Any], *, only_shadow: bool) -> list[tuple[int, str | None]]:
    row = view.row("due_now_shadow" if only_shadow else "due_now", **values)
    assert row is not None  # noqa: S101 - an aggregate has one row
    due: list[tuple[int, str | None]] = read_rows(row["due"])
    return due


def _event_or_end(tx: Transaction, row: Mapping[str, Any]) -> Event | None:
    """The event of claimed work; where it cannot be read any more the run ends, and keeps nobody else waiting."""
    try:
        return event_of(row, id_column="event_id")
    except (ValueError, RecursionError) as error:
        pending = pending_of(row)
        open_runs(tx, [pending], RunStatus.FAILED)
        end = RunEnd(pending=pending, status=RunStatus.FAILED, error=f"its event cannot be read: {error}")
        end_runs(tx, [end])
        return None


_Left = dict[str | None, int]
"""How many more sends a target may have, and under None how many there may be of all targets."""


def _has_room(target: str | None, left: _Left, room: Callable[[str], int]) -> bool:
    """Take one of a target's slots, where it has one left."""
    if target is None:
        return True
    slots = left[target] = left.get(target, room(target)) - 1
    if slots < 0 or left[None] <= 0:
        return False
    left[None] -= 1
    return True


def next_due(view: Reading, *, after: int = -1, only_shadow: bool = False) -> int | None:
    """When the earliest unclaimed pending trigger is due, of those that are due after a moment."""
    row = view.row("next_due_shadow" if only_shadow else "next_due", after=after)
    due: int | None = row["due_at"] if row else None
    return due


def ended_by(event_id: str, event_type: str) -> str:
    """Why work was ended by an event, as its run keeps it."""
    return f"event {event_id} ({event_type}) ended it"


def end_pending(tx: Transaction, row: Row, reason: str) -> Ended:
    """Cancel waiting work: what has not begun goes at once, what is in progress stops at its next step."""
    if row["claim"]:
        tx.run("flag_cancelled", id=row["id"], reason=reason)
        tx.after_commit(partial(tx.flagged.add, row["id"]))
        return Ended.FLAGGED
    pending = pending_of(row)
    open_runs(tx, [pending], RunStatus.CANCELLED)
    end_runs(tx, [RunEnd(pending=pending, status=RunStatus.CANCELLED, error=reason)])
    return Ended.REMOVED


def release_claims(tx: Transaction, *, epoch: int, busy: Container[int] = (), ready: Container[str] = ()) -> int:
    """Make due again what this owner has claimed and nobody works on; how much it was.

    `ready` are runs that are about to be `busy`, which they are before they are `ready` no more.
    """
    claimed = tx.rows("claims_of", epoch=epoch)
    lost = [row["id"] for row in claimed if row["run_id"] not in ready and row["id"] not in busy]
    for number in lost:
        tx.run("release_claim", id=number, epoch=epoch)
    return len(lost)


def move_pendings(tx: Transaction, moves: Sequence[Move], *, epoch: int) -> None:
    """Let claimed work wait again, or go on with another step. What is not claimed any more stays as it is."""
    rows = [
        (
            move.pending.id,
            epoch,
            move.pending.kind,
            move.pending.due_at,
            move.pending.step,
            move.pending.target,
            epoch if move.keep else 0,
        )
        for move in moves
    ]
    tx.insert_many("move_pending", rows)


def claimed_states(tx: Transaction, pendings: Sequence[Pending], *, epoch: int) -> dict[int, str | None]:
    """Why claimed work is to end, by its number; None where it goes on. What is missing is claimed no longer."""
    numbers = [pending.id for pending in pendings]
    ids = write_numbers(numbers)
    standing = tx.row("count_standing", ids=ids, epoch=epoch)
    if standing is not None and standing["number"] == len(numbers):  # nearly always
        return dict.fromkeys(numbers)
    return {row["id"]: row["cancelled"] for row in tx.rows("claimed_states", ids=ids, epoch=epoch)}


def check_claim(tx: Transaction, pending: Pending, *, epoch: int) -> str | None:
    """Why claimed work is to end, or None where it goes on. FencedError when the claim no longer stands."""
    states = claimed_states(tx, [pending], epoch=epoch)
    if pending.id not in states:
        raise fenced(pending)
    return states[pending.id]


def fenced(pending: Pending) -> FencedError:
    """Somebody else owns this work now."""
    return FencedError(f"pending trigger {pending.id} is no longer ours")


def pending_of(row: Row | Mapping[str, Any]) -> Pending:
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
        lost=row["lost"],
    )
