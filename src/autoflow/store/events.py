"""Events in the store: kept once, duplicates told by their insert."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from autoflow.model.event import Event
from autoflow.model.json import plain_json
from autoflow.store.base import Reading, Row, Transaction
from autoflow.store.columns import share_columns


class EventStatus(StrEnum):
    """What became of an event that was offered."""

    #: stored now
    ACCEPTED = "accepted"
    #: its (account, source, id) was seen before; nothing was stored
    DUPLICATE = "duplicate"


class StoredEvent(NamedTuple):
    """What the store made of an event. There are three of them; its number follows from its place in the batch."""

    status: EventStatus
    #: a duplicate whose body is another one
    mismatch: bool = False


ACCEPTED = StoredEvent(EventStatus.ACCEPTED)
DUPLICATE = StoredEvent(EventStatus.DUPLICATE)
MISMATCH = StoredEvent(EventStatus.DUPLICATE, mismatch=True)

_ALIKE = ("source", "account", "type", "subject", "depth", "extensions")
"""Columns that the events of one sender mostly have in common."""


def insert_events(
    tx: Transaction,
    events: Sequence[Event],
    matched: Sequence[int],
    *,
    generation: int,
    parent_run: str | None = None,
) -> tuple[int, Sequence[StoredEvent]]:
    """Store what is new: the number of the first, and what became of each; `matched` runs come of each.

    The unique key decides, also between events of one batch.
    """
    first = tx.take_numbers("events", len(events))
    if not events:
        return first, []
    after = first + len(events)
    rows, same = share_columns({"seq": range(first, after), **_columns_of(events), "matched": matched}, _ALIKE)
    tx.insert_many("insert_event", rows, **same, generation=generation, parent_run=parent_run)
    # The keys are taken from the rows: that is done beside the event loop, which binding each of them is not.
    if tx.run("insert_event_keys", first=first, after=after) == len(events):
        return first, [ACCEPTED] * len(events)
    return first, _keep_what_is_new(tx, events, first)


def event_of(row: Row | Mapping[str, Any], *, id_column: str = "id") -> Event:
    """The event of a row, whatever else the row holds."""
    text = row["data"]
    extensions = row["extensions"]
    return Event(
        id=row[id_column],
        type=row["type"],
        source=row["source"],
        account=row["account"],
        subject=row["subject"],
        time=row["time"],
        received_at=row["received_at"],
        raw=text.encode(),
        data=json.loads(text),
        depth=row["depth"],
        extensions=json.loads(extensions) if extensions else {},
    )


def _columns_of(events: Sequence[Event]) -> dict[str, Sequence[Any]]:
    """What the rows of some events hold by themselves, in the order of the table."""
    ids, types, times, arrivals, raws, _, sources, accounts, subjects, depths, extensions = zip(*events, strict=True)
    return {
        "id": ids,
        "source": sources,
        "account": accounts,
        "type": types,
        "subject": subjects,
        "time": times,
        "received_at": arrivals,
        "depth": depths,
        "data": [raw.decode() for raw in raws],
        "extensions": [plain_json(one) if one else None for one in extensions],
    }


def _keep_what_is_new(tx: Transaction, events: Sequence[Event], first: int) -> list[StoredEvent]:
    """Some keys were not taken: theirs is another event's number. What has none of its own goes again."""
    stored: list[StoredEvent] = []
    seen: list[int] = []
    repeats: dict[tuple[str, str, str], list[int]] = {}
    for seq, event in enumerate(events, start=first):
        owner = tx.row("event_key", id=event.id, source=event.source, account=event.account, seq=seq)
        if owner is None or owner["seq"] == seq:
            stored.append(ACCEPTED)
            continue
        differs = owner["data"] is not None and owner["data"] != event.raw.decode()
        stored.append(MISMATCH if differs else DUPLICATE)
        seen.append(seq)
        times = repeats.setdefault((event.id, event.source, event.account), [0, 0])
        times[0] += 1
        times[1] += differs
    tx.run("purge_events", seqs=json.dumps(seen))
    tx.run("count_repeats", rows=json.dumps([(*key, *times) for key, times in repeats.items()]), now=tx.now)
    return stored


def first_event_since(view: Reading, moment: int) -> int:
    """The number from which on events arrived at a moment or later: numbers rise with time, so few rows are read."""
    low, high = 0, 1 << 62
    while low < high:
        middle = (low + high) // 2
        row = view.row("event_from", seq=middle)
        if row is None or row["received_at"] >= moment:
            high = middle
        else:
            low = row["seq"] + 1
    return low
