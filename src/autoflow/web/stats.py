"""Statistics as JSON: what rules did in a span, and which of their conditions were only ever seen one way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from autoflow.clock import Millis, from_rfc3339
from autoflow.errors import UsageError
from autoflow.matching.wording import write_leaf
from autoflow.model.json import Json
from autoflow.model.run import RunStatus
from autoflow.model.span import parse_span
from autoflow.rules.coverage import LeafCount, document_leaves, name_condition
from autoflow.store.base import Reading, Row
from autoflow.store.counts import VersionCounts, load_counts
from autoflow.store.events import first_event_since
from autoflow.web.rule_views import rule_rows
from autoflow.web.views import json_of, time_of

USUAL_SPAN = "7d"
MOST_TIMED = 100_000
"""Runs whose times are put in order: the newest, however many there are."""
_ENDS = tuple(status.value for status in RunStatus if status is not RunStatus.RUNNING)
Key = tuple[str, str]


def read_since(text: str | None, now: Millis) -> Millis:
    """Where a span begins: `7d` before now, or a time. UsageError for what is neither."""
    text = USUAL_SPAN if text is None else text
    try:
        return max(0, now - parse_span(text))
    except ValueError as error:
        if not text[:4].isdigit() or text.isdigit():
            raise UsageError(f"since: {error}", hint="or a time: 2026-03-29T00:50:00Z") from None
    try:
        return from_rfc3339(text)
    except ValueError as error:
        raise UsageError(f"since: {error}", hint="write 7d, or 2026-03-29T00:50:00Z") from None


def stats_view(view: Reading, filters: Mapping[str, str]) -> dict[str, Json]:
    """What happened since a moment, in all and by rule in force."""
    since = read_since(filters.get("since"), view.now)
    asked = {"rule": filters.get("rule"), "account": filters.get("account")}
    ended = _ended(view.rows("ended_runs", since=since, **asked))
    times = {
        (row["account"], row["rule_id"]): row
        for row in view.rows("run_times", since=since, limit=MOST_TIMED, **asked)
    }
    rules = [
        row
        for row in rule_rows(view)
        if asked["rule"] in (None, row["rule_id"]) and asked["account"] in (None, row["account"])
    ]
    activity = _activity(view, rules)
    counts = load_counts(view, [row["id"] for row in rules])
    return {
        "schema_version": 1,
        "since": time_of(since),
        "until": time_of(view.now),
        "events": _number(view.row("count_events_from", seq=first_event_since(view, since))),
        "runs": {status: sum(one[status] for one in ended.values()) for status in _ENDS},
        "pending": _number(view.row("count_pending")),
        "dead_letters": _number(view.row("count_dead_letters")),
        "actions": [_action_view(row) for row in view.rows("step_figures", since=since, **asked)],
        "items": [_rule_view(row, ended, times, activity, counts.get(row["id"])) for row in sorted(rules, key=_key)],
    }


def _key(row: Row) -> Key:
    return row["account"], row["rule_id"]


def _number(row: Row | None) -> int:
    assert row is not None  # noqa: S101 - a count always gives a row
    return int(row["number"])


def _ended(rows: Sequence[Row]) -> dict[Key, dict[str, int]]:
    ended: dict[Key, dict[str, int]] = {}
    for row in rows:
        known = ended.setdefault(_key(row), dict.fromkeys(_ENDS, 0))
        known[row["status"]] = row["number"]
    return ended


def _activity(view: Reading, rules: Sequence[Row]) -> dict[Key, Row]:
    keys = json.dumps([_key(row) for row in rules])
    return {_key(row): row for row in view.rows("rule_activity", rules=keys)}


def _action_view(row: Row) -> dict[str, Json]:
    return {name: row[name] for name in ("type", "number", "done", "failed", "shadow", "attempts")}


def _rule_view(
    row: Row,
    ended: Mapping[Key, dict[str, int]],
    times: Mapping[Key, Row],
    activity: Mapping[Key, Row],
    counts: VersionCounts | None,
) -> dict[str, Json]:
    key = _key(row)
    document = json_of(row["document"])
    now = activity[key]
    return {
        "rule": row["rule_id"],
        "account": row["account"],
        "enabled": document.get("enabled", True),
        "path": row["path"],
        "line": row["line"],
        "version": row["hash"],
        "runs": ended.get(key) or dict.fromkeys(_ENDS, 0),
        "pending": now["waiting"],
        "last_run_at": time_of(now["last_run"]),
        "late_ms": _times_view(times.get(key), "late"),
        "took_ms": _times_view(times.get(key), "took"),
        "counted_since": time_of(counts.since) if counts is not None else None,
        "judged": counts.judged if counts is not None else 0,
        "woken": counts.woken if counts is not None else 0,
        "leaves": _leaf_views(document, counts),
    }


def _times_view(row: Row | None, name: str) -> dict[str, Json] | None:
    return None if row is None else {share: row[f"{name}_{share}"] for share in ("p50", "p95", "p99")}


def _leaf_views(document: Mapping[str, Json], counts: VersionCounts | None) -> list[Json]:
    seen = counts.leaves if counts is not None else ()
    found: list[Json] = []
    for number, (at, leaf) in enumerate(document_leaves(document)):
        true, false, failed = seen[number] if number < len(seen) else (0, 0, 0)
        count = LeafCount(true=true, false=false, failed=failed)
        found.append(
            {
                "condition": name_condition(at),
                "text": write_leaf(leaf),
                "true": true,
                "false": false,
                "failed": failed,
                "lacks": count.lacks,
            }
        )
    return found
