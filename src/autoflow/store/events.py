"""Events in the store: kept once, duplicates told by their insert."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from autoflow.model.event import Event
from autoflow.model.json import plain_json
from autoflow.store.base import Row, Transaction


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
    after = first + len(events)
    rows = [
        (
            seq,
            event.id,
            event.source,
            event.account,
            event.type,
            event.subject,
            event.time,
            event.received_at,
            event.depth,
            event.raw.decode(),
            plain_json(event.extensions) if event.extensions else None,
            generation,
            runs,
            parent_run,
        )
        for seq, event, runs in zip(range(first, after), events, matched, strict=True)
    ]
    tx.insert_many("insert_event", rows)
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


def _keep_what_is_new(tx: Transaction, events: Sequence[Event], first: int) -> list[StoredEvent]:
    """Some keys were not taken: theirs is another event's number. What has none of its own goes again."""
    stored: list[StoredEvent] = []
    seen: list[int] = []
    for seq, event in enumerate(events, start=first):
        owner = tx.row("event_key", id=event.id, source=event.source, account=event.account)
        if owner is None or owner["seq"] == seq:
            stored.append(ACCEPTED)
            continue
        known = tx.row("stored_data", seq=owner["seq"])
        stored.append(MISMATCH if known is not None and known["data"] != event.raw.decode() else DUPLICATE)
        seen.append(seq)
    tx.run("purge_events", seqs=json.dumps(seen))
    return stored
