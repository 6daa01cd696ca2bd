"""Rows of the store as JSON: what the API answers and the commands print."""

from __future__ import annotations

import json
from collections.abc import Sequence

from autoflow.clock import to_rfc3339
from autoflow.model.json import Json
from autoflow.store.base import Reading, Row
from autoflow.web.paging import Asked, cut_page, number_of, place_of, refuse_cursor

Page = tuple[list[dict[str, Json]], str | None]
"""Items, and where the next page starts."""

NEWEST = 1 << 62
RUN_PREFIX = "run_"
LAST_ID = "~"
"""Sorts behind every run id."""


def time_of(moment: int | None) -> str | None:
    """A moment as RFC 3339."""
    return None if moment is None else to_rfc3339(moment)


def json_of(text: str | None) -> Json:
    """JSON that the store keeps as text."""
    return None if text is None else json.loads(text)


def event_view(row: Row) -> dict[str, Json]:
    """One stored event."""
    return {
        "id": row["id"],
        "type": row["type"],
        "source": row["source"],
        "account": row["account"],
        "subject": row["subject"],
        "time": time_of(row["time"]),
        "received_at": time_of(row["received_at"]),
        "depth": row["depth"],
        "matched": row["matched"],
        "generation": row["generation"],
        "data": json_of(row["data"]),
        **(json_of(row["extensions"]) or {}),
    }


def event_page(view: Reading, asked: Asked) -> Page:
    """Events, newest first; with `after` oldest first from there."""
    filters = {"type": asked.filters.get("type"), "account": asked.filters.get("account")}
    if "after" in asked.filters:
        after = place_of(asked.filters["after"], 0)
        rows = view.rows("events_after", after=after, limit=asked.limit, **filters)
        following = None  # who follows goes on after the last one seen
    else:
        before = place_of(asked.cursor, NEWEST)
        rows = view.rows("list_events", before=before, limit=asked.limit + 1, **filters)
        rows, following = cut_page(rows, asked.limit, lambda row: str(row["seq"]))
    return [{**event_view(row), "seq": row["seq"]} for row in rows], following


def event_detail(view: Reading, event_id: str) -> list[dict[str, Json]]:
    """All events of an id, each with what it led to."""
    return [
        {
            **event_view(row),
            "runs": [_run_line(run) for run in view.rows("runs_of_event", event_seq=row["seq"])],
            "pending": [
                {
                    "id": waiting["id"],
                    "rule": waiting["rule_id"],
                    "run": waiting["run_id"],
                    "kind": waiting["kind"],
                    "due_at": time_of(waiting["due_at"]),
                }
                for waiting in view.rows("pending_of_event", event_seq=row["seq"])
            ],
            "errors": [
                {"rule": error["rule_id"], "message": error["message"]}
                for error in view.rows("judgement_errors_of", event_seq=row["seq"])
            ],
        }
        for row in view.rows("events_by_id", id=event_id)
    ]


def pending_view(row: Row) -> dict[str, Json]:
    """One pending trigger."""
    return {
        "id": row["id"],
        "kind": row["kind"],
        "rule": row["rule_id"],
        "name": row["name"],
        "account": row["account"],
        "version": row["hash"],
        "run": row["run_id"],
        "event": row["event_id"],
        "event_type": row["event_type"],
        "due_at": time_of(row["due_at"]),
        "created_at": time_of(row["created_at"]),
        "in_progress": bool(row["claim"]),
        "shadow": bool(row["shadow"]),
        "target": row["target"],
    }


def pending_page(view: Reading, asked: Asked) -> Page:
    """What waits, soonest first."""
    due, _, number = (asked.cursor or "").partition(".")
    rows = view.rows(
        "list_pending",
        after_due=place_of(due if asked.cursor is not None else None, -1),
        after_id=place_of(number if asked.cursor is not None else None, -1),
        rule=asked.filters.get("rule"),
        account=asked.filters.get("account"),
        limit=asked.limit + 1,
    )
    rows, following = cut_page(rows, asked.limit, lambda row: f"{row['due_at']}.{row['id']}")
    return [pending_view(row) for row in rows], following


def pending_detail(view: Reading, number: str) -> list[dict[str, Json]]:
    """One pending trigger by its id."""
    return [pending_view(row) for row in view.rows("show_pending", id=number_of(number))]


def run_view(row: Row) -> dict[str, Json]:
    """One run, without its steps."""
    return {
        "id": row["id"],
        "rule": row["rule_id"],
        "name": row["name"],
        "account": row["account"],
        "status": row["status"],
        "event": row["event_id"],
        "event_type": row["event_type"],
        "version": row["hash"],
        "due_at": time_of(row["due_at"]),
        "started_at": time_of(row["started_at"]),
        "finished_at": time_of(row["finished_at"]),
        "error": row["error"],
    }


def run_page(view: Reading, asked: Asked) -> Page:
    """Runs, newest first."""
    if asked.cursor is not None and not asked.cursor.startswith(RUN_PREFIX):
        raise refuse_cursor()
    rows = view.rows(
        "list_runs",
        before=asked.cursor or LAST_ID,
        status=asked.filters.get("status"),
        rule=asked.filters.get("rule"),
        account=asked.filters.get("account"),
        limit=asked.limit + 1,
    )
    rows, following = cut_page(rows, asked.limit, lambda row: str(row["id"]))
    return [run_view(row) for row in rows], following


def run_detail(view: Reading, run_id: str) -> list[dict[str, Json]]:
    """One run with its steps, their attempts, and where its rule stood."""
    row = view.row("run_by_id", id=run_id)
    if row is None:
        return []
    attempts = view.rows("attempts_of_run", run_id=run_id)
    return [
        {
            **run_view(row),
            "rule_version": {
                "hash": row["hash"],
                "path": row["path"],
                "line": row["line"],
                "commit": row["git_commit"],
                "author": row["author"],
                "dirty": None if row["dirty"] is None else bool(row["dirty"]),
            },
            "steps": [
                _step_view(step, [a for a in attempts if a["step"] == step["step"]])
                for step in view.rows("steps_of_run", run_id=run_id)
            ],
            "events": [
                {"id": made["id"], "type": made["type"]}
                for made in view.rows("events_of_run", run_id=run_id, event_seq=row["event_seq"])
            ],
        }
    ]


def dead_letter_view(row: Row) -> dict[str, Json]:
    """One dead letter: what was sent, how often, and why it was given up."""
    return {
        "id": row["id"],
        "status": row["status"],
        "rule": row["rule_id"],
        "account": row["account"],
        "run": row["run_id"],
        "step": row["step"],
        "event": row["event_id"],
        "event_type": row["event_type"],
        "action": row["type"],
        "target": row["target"],
        "key": row["key"],
        "reason": row["reason"],
        "code": row["code"],
        "detail": row["detail"],
        "attempts": row["attempts"],
        "created_at": time_of(row["created_at"]),
        "settled_at": time_of(row["settled_at"]),
    }


def dead_letter_page(view: Reading, asked: Asked) -> Page:
    """Dead letters, newest first; those that somebody decided on only when asked for."""
    status = asked.filters.get("status", "dead")
    rows = view.rows(
        "list_dead_letters",
        before=place_of(asked.cursor, NEWEST),
        status=None if status == "all" else status,
        rule=asked.filters.get("rule"),
        account=asked.filters.get("account"),
        limit=asked.limit + 1,
    )
    rows, following = cut_page(rows, asked.limit, lambda row: str(row["id"]))
    return [dead_letter_view(row) for row in rows], following


def dead_letter_detail(view: Reading, number: str) -> list[dict[str, Json]]:
    """One dead letter with its parameters."""
    rows = view.rows("dead_letter_by_id", id=number_of(number))
    return [{**dead_letter_view(row), "params": json_of(row["params"])} for row in rows]


def _run_line(row: Row) -> dict[str, Json]:
    return {
        "id": row["id"],
        "rule": row["rule_id"],
        "status": row["status"],
        "started_at": time_of(row["started_at"]),
        "finished_at": time_of(row["finished_at"]),
        "error": row["error"],
    }


def _step_view(step: Row, attempts: Sequence[Row]) -> dict[str, Json]:
    return {
        "step": step["step"],
        "action": step["type"],
        "status": step["status"],
        "target": step["target"],
        "key": step["key"],
        "params": json_of(step["params"]),
        "output": json_of(step["output"]),
        "started_at": time_of(step["started_at"]),
        "finished_at": time_of(step["finished_at"]),
        "attempts": [
            {
                "number": attempt["number"],
                "started_at": time_of(attempt["started_at"]),
                "finished_at": time_of(attempt["finished_at"]),
                "result": attempt["result"],
                "code": attempt["code"],
                "detail": attempt["detail"],
            }
            for attempt in attempts
        ],
    }
