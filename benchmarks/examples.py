"""The events and rules that are measured: one job of a field-service system, and rules about jobs."""

from __future__ import annotations

import json
from dataclasses import replace

from benchmarks.load import LoadOrder
from benchmarks.processes import Target

EVENT = {
    "type": "job.created",
    "source": "crm",
    "time": "2026-03-02T09:30:00Z",
    "data": {
        "job": {
            "id": "job_abc123",
            "number": "J-5541",
            "status": "Open",
            "total": 1234.5,
            "tags": ["heating", "urgent", "contract"],
            "client": {"id": 7, "name": "John Smith", "type": "Commercial", "email": "john.smith@example.com"},
            "assignedTechnician": {"name": "Jane Doe", "phone": "+15557654321"},
            "note": "y" * 120,
        }
    },
}
"""About 500 bytes, without an id: autoflow makes one, so that no event is a duplicate."""

JSON = "application/json"
LINES = "application/x-ndjson"

QUIET_RULE = """\
id: large-jobs
trigger: { event: job.created }
when:
  - job.client.type == "Commercial"
  - job.total >= 2000
actions:
  - log: { message: "job {{ job.number }}" }
"""
"""Listens to the event and is judged on it; its condition does not hold."""

_WAITING_RULE = """\
id: later
trigger: {{ event: job.created }}
delay: {delay}
when:
  - job.client.type == "Commercial"
actions:
  - {action}
"""

LOG_ACTION = 'log: { message: "job {{ job.number }}" }'


def event_text() -> str:
    """The event as one line of JSON."""
    return json.dumps(EVENT, separators=(",", ":"))


def lines_text(count: int) -> str:
    """That many events as JSON lines."""
    return "\n".join([event_text()] * count)


def waiting_rule(delay: str, action: str = LOG_ACTION) -> str:
    """A rule whose condition holds, and which then waits."""
    return _WAITING_RULE.format(delay=delay, action=action)


def single_order(target: Target, *, connections: int, seconds: float) -> LoadOrder:
    """One event a request."""
    return _order(target, event_text(), JSON, connections=connections, seconds=seconds)


def lines_order(target: Target, *, lines: int, connections: int, seconds: float, **more: float | None) -> LoadOrder:
    """Many events a request; `more` is what an order says besides, where `pace` and `most` count requests."""
    order = _order(target, lines_text(lines), LINES, connections=connections, seconds=seconds)
    return replace(order, **more)  # type: ignore[arg-type]  # fields of an order by name


def _order(target: Target, body: str, content_type: str, *, connections: int, seconds: float) -> LoadOrder:
    return LoadOrder(
        host="127.0.0.1",
        port=target.port,
        path="/v1/events",
        content_type=content_type,
        token=target.token,
        body=body,
        connections=connections,
        seconds=seconds,
    )
