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
    """An event's place in the store; `seq` is None for a duplicate."""

    seq: int | None
    status: EventStatus = EventStatus.ACCEPTED
    #: a duplicate whose body is another one
    mismatch: bool = False


class EventRecord(NamedTuple):
    """An event as it is offered to the store, with how many runs it leads to."""

    event: Event
    matched: int = 0


def insert_events(
    tx: Transaction, records: Sequence[EventRecord], *, generation: int, parent_run: str | None = None
) -> Sequence[StoredEvent]:
    """Store what is new. The unique key decides, also between events of one batch."""
    first = tx.take_numbers("events", len(records))
    after = first + len(records)
    tx.insert_many(
        "insert_event",
        [
            (seq, *_columns(record.event), generation, record.matched, parent_run)
            for seq, record in zip(range(first, after), records, strict=True)
        ],
    )
    # The keys are taken from the rows: that is done beside the event loop, which binding each of them is not.
    if tx.run("insert_event_keys", first=first, after=after) == len(records):
        return [StoredEvent(seq) for seq in range(first, after)]
    return _keep_what_is_new(tx, records, first)


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


def _keep_what_is_new(tx: Transaction, records: Sequence[EventRecord], first: int) -> list[StoredEvent]:
    """Some keys were not taken: theirs is another event's number. What has none of its own goes again."""
    stored: list[StoredEvent] = []
    for seq, record in enumerate(records, start=first):
        event = record.event
        owner = tx.row("event_key", id=event.id, source=event.source, account=event.account)
        if owner is None or owner["seq"] == seq:
            stored.append(StoredEvent(seq))
            continue
        known = tx.row("stored_data", seq=owner["seq"])
        mismatch = known is not None and known["data"] != event.raw.decode()
        stored.append(StoredEvent(None, EventStatus.DUPLICATE, mismatch))
    seen = [seq for seq, one in enumerate(stored, start=first) if one.seq is None]
    tx.run("purge_events", seqs=json.dumps(seen))
    return stored


def _columns(event: Event) -> tuple[Any, ...]:
    """What the statement says of an event itself, in its order."""
    return (
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
    )
