"""A stored event, fetched for a command that tries rules on it: from the daemon, or from the file without one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from autoflow.cli.client import call
from autoflow.clock import from_rfc3339
from autoflow.errors import UsageError
from autoflow.model.event import Event
from autoflow.model.json import plain_json

_OURS = frozenset(
    {"schema_version", "id", "type", "source", "account", "subject", "time", "received_at", "depth", "data"}
    | {"matched", "generation", "seq", "runs", "pending", "errors"}
)
"""What the answer holds beside attributes of the sender's own."""


def fetch_event(state: Path, event_id: str, *, at: int | None) -> Event:
    """The event of this id, arriving at `at`, else when it did. UsageError where there is none, or several."""
    found = call(state, "GET", f"/v1/events/{quote(event_id, safe='')}")
    if "items" in found:
        places = ", ".join(f"{one['source']} of {one['account']}" for one in found["items"])
        raise UsageError(
            f"--event-id {event_id}: {len(found['items'])} events have this id, of the sources {places}",
            hint="give the one that is meant with --event; `autoflow events show` prints them",
        )
    return _event_of(found, at)


def _event_of(item: Mapping[str, Any], at: int | None) -> Event:
    return Event(
        id=item["id"],
        type=item["type"],
        time=from_rfc3339(item["time"]),
        received_at=from_rfc3339(item["received_at"]) if at is None else at,
        raw=plain_json(item["data"]).encode(),
        data=item["data"],
        source=item["source"],
        account=item["account"],
        subject=item["subject"],
        depth=item["depth"],
        extensions={name: value for name, value in item.items() if name not in _OURS},
    )
