"""Rows of the store as JSON: what the API answers and the commands print."""

from __future__ import annotations

import json
from collections.abc import Mapping

from autoflow.clock import to_rfc3339
from autoflow.model.json import Json
from autoflow.store.base import Reading, Row

NEWEST = 1 << 62
LAST_ID = "~"
"""Sorts behind every run id."""


def _time(moment: int | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)


def _json(text: str | None) -> Json:
    return None if text is None else json.loads(text)


def event_view(row: Row) -> dict[str, Json]:
    """One stored event."""
    return {
        "id": row["id"],
        "type": row["type"],
        "source": row["source"],
        "account": row["account"],
        "subject": row["subject"],
        "time": _time(row["time"]),
        "received_at": _time(row["received_at"]),
        "depth": row["depth"],
        "matched": row["matched"],
        "generation": row["generation"],
        "data": _json(row["data"]),
        **(_json(row["extensions"]) or {}),
    }


def event_page(view: Reading, query: Mapping[str, str], limit: int) -> tuple[list[dict[str, Json]], str | None]:
    """Events, newest first; with `after` oldest first from there."""
    filters = {"type": query.get("type"), "account": query.get("account")}
    if "after" in query:
        rows = view.rows("events_after", after=int(query["after"]), limit=limit, **filters)
    else:
        rows = view.rows("list_events", before=int(query.get("cursor", NEWEST)), limit=limit, **filters)
    items = [{**event_view(row), "seq": row["seq"]} for row in rows]
    return items, _cursor(rows, limit, "seq")


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
                    "due_at": _time(waiting["due_at"]),
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
        "due_at": _time(row["due_at"]),
        "created_at": _time(row["created_at"]),
        "in_progress": bool(row["claim"]),
        "shadow": bool(row["shadow"]),
        "target": row["target"],
    }


def pending_page(view: Reading, query: Mapping[str, str], limit: int) -> tuple[list[dict[str, Json]], str | None]:
    """What waits, soonest first."""
    due, _, number = query.get("cursor", "-1.-1").partition(".")
    rows = view.rows(
        "list_pending",
        after_due=int(due),
        after_id=int(number or -1),
        rule=query.get("rule"),
        account=query.get("account"),
        limit=limit,
    )
    following = f"{rows[-1]['due_at']}.{rows[-1]['id']}" if len(rows) == limit else None
    return [pending_view(row) for row in rows], following


def pending_detail(view: Reading, number: str) -> list[dict[str, Json]]:
    """One pending trigger by its id."""
    return [pending_view(row) for row in view.rows("show_pending", id=_number(number))]


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
        "due_at": _time(row["due_at"]),
        "started_at": _time(row["started_at"]),
        "finished_at": _time(row["finished_at"]),
        "error": row["error"],
    }


def run_page(view: Reading, query: Mapping[str, str], limit: int) -> tuple[list[dict[str, Json]], str | None]:
    """Runs, newest first."""
    rows = view.rows(
        "list_runs",
        before=query.get("cursor", LAST_ID),
        status=query.get("status"),
        rule=query.get("rule"),
        account=query.get("account"),
        limit=limit,
    )
    return [run_view(row) for row in rows], _cursor(rows, limit, "id")


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
        "created_at": _time(row["created_at"]),
        "settled_at": _time(row["settled_at"]),
    }


def dead_letter_page(view: Reading, query: Mapping[str, str], limit: int) -> tuple[list[dict[str, Json]], str | None]:
    """Dead letters, newest first; those that somebody decided on only when asked for."""
    rows = view.rows(
        "list_dead_letters",
        before=int(query.get("cursor", NEWEST)),
        status=None if query.get("status") == "all" else query.get("status", "dead"),
        rule=query.get("rule"),
        account=query.get("account"),
        limit=limit,
    )
    return [dead_letter_view(row) for row in rows], _cursor(rows, limit, "id")


def dead_letter_detail(view: Reading, number: str) -> list[dict[str, Json]]:
    """One dead letter with its parameters."""
    rows = view.rows("dead_letter_by_id", id=_number(number))
    return [{**dead_letter_view(row), "params": _json(row["params"])} for row in rows]


def rule_page(view: Reading, query: Mapping[str, str], limit: int) -> tuple[list[dict[str, Json]], str | None]:
    """The rules of the generation that ran last, by id."""
    del limit  # a set of rules is one thing: it is answered whole
    generation = view.row("last_generation")
    if generation is None:
        return [], None
    rows = view.rows("versions_by_ids", ids=generation["versions"])
    items = [rule_view(row) for row in rows]
    account, label = query.get("account"), query.get("label")
    items = [
        item
        for item in items
        if (account is None or item["account"] == account) and (label is None or label in item["labels"])
    ]
    return sorted(items, key=lambda item: (item["account"], item["id"])), None


def rule_detail(view: Reading, rule_id: str) -> list[dict[str, Json]]:
    """The rules of this id, in every account, with their documents."""
    generation = view.row("last_generation")
    if generation is None:
        return []
    rows = view.rows("versions_by_ids", ids=generation["versions"])
    return [{**rule_view(row), "document": _json(row["document"])} for row in rows if row["rule_id"] == rule_id]


def rule_view(row: Row) -> dict[str, Json]:
    """One rule version, without its document."""
    document = _json(row["document"])
    return {
        "id": row["rule_id"],
        "account": row["account"],
        "name": document.get("name", row["rule_id"]),
        "enabled": document.get("enabled", True),
        "labels": document.get("labels", []),
        "trigger": document["trigger"],
        "delay": document.get("delay", "0s"),
        "version": row["hash"],
        "path": row["path"],
        "line": row["line"],
        "commit": row["git_commit"],
        "author": row["author"],
        "dirty": None if row["dirty"] is None else bool(row["dirty"]),
    }


def _run_line(row: Row) -> dict[str, Json]:
    return {
        "id": row["id"],
        "rule": row["rule_id"],
        "status": row["status"],
        "started_at": _time(row["started_at"]),
        "finished_at": _time(row["finished_at"]),
        "error": row["error"],
    }


def _step_view(step: Row, attempts: list[Row]) -> dict[str, Json]:
    return {
        "step": step["step"],
        "action": step["type"],
        "status": step["status"],
        "target": step["target"],
        "key": step["key"],
        "params": _json(step["params"]),
        "output": _json(step["output"]),
        "started_at": _time(step["started_at"]),
        "finished_at": _time(step["finished_at"]),
        "attempts": [
            {
                "number": attempt["number"],
                "started_at": _time(attempt["started_at"]),
                "finished_at": _time(attempt["finished_at"]),
                "result": attempt["result"],
                "code": attempt["code"],
                "detail": attempt["detail"],
            }
            for attempt in attempts
        ],
    }


def _cursor(rows: object, limit: int, column: str) -> str | None:
    """Where the next page starts; None on the last one."""
    if not isinstance(rows, list) or len(rows) < limit:
        return None
    return str(rows[-1][column])


def _number(text: str) -> int:
    """An id out of a URL; what is no number is no id of anything."""
    return int(text) if text.isdigit() and len(text) < 19 else -1
