"""Events in the store: kept once, duplicates told by their insert."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from autoflow.model.event import Event
from autoflow.model.json import plain_json
from autoflow.store.base import Row, Transaction


class EventStatus(StrEnum):
    """What became of an event that was offered."""

    #: stored now
    ACCEPTED = "accepted"
    #: its (account, source, id) was seen before; nothing was stored
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event's place in the store; `seq` is None for a duplicate."""

    seq: int | None
    status: EventStatus
    #: a duplicate whose body is another one
    mismatch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An event as it is offered to the store, with what the gate has found out about it."""

    event: Event
    generation: int
    matched: int
    parent_run: str | None = None


def insert_events(tx: Transaction, records: Sequence[EventRecord]) -> list[StoredEvent]:
    """Store what is new. The unique key decides, also between events of one batch."""
    first = tx.take_numbers("events", len(records))
    rows = [_columns(record, first + place) for place, record in enumerate(records)]
    if tx.insert_many("insert_event_key", rows) == len(rows):
        tx.insert_many("insert_event", rows)
        return [StoredEvent(seq=first + place, status=EventStatus.ACCEPTED) for place in range(len(rows))]
    return _insert_what_is_new(tx, rows)


def event_of(row: Row, *, id_column: str = "id") -> Event:
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


def _insert_what_is_new(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> list[StoredEvent]:
    """Some keys were not taken: theirs is another event's number."""
    owners = [tx.row("event_key", id=row["id"], source=row["source"], account=row["account"]) for row in rows]
    fresh = [row for row, owner in zip(rows, owners, strict=True) if owner is not None and owner["seq"] == row["seq"]]
    tx.insert_many("insert_event", fresh)
    stored = []
    for row, owner in zip(rows, owners, strict=True):
        if owner is None or owner["seq"] == row["seq"]:
            stored.append(StoredEvent(seq=row["seq"], status=EventStatus.ACCEPTED))
            continue
        known = tx.row("stored_data", seq=owner["seq"])
        mismatch = known is not None and known["data"] != row["data"]
        stored.append(StoredEvent(seq=None, status=EventStatus.DUPLICATE, mismatch=mismatch))
    return stored


def _columns(record: EventRecord, seq: int) -> Mapping[str, Any]:
    event = record.event
    return {
        "seq": seq,
        "id": event.id,
        "source": event.source,
        "account": event.account,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "received_at": event.received_at,
        "depth": event.depth,
        "data": event.raw.decode(),
        "extensions": plain_json(event.extensions) if event.extensions else None,
        "generation": record.generation,
        "matched": record.matched,
        "parent_run": record.parent_run,
    }
