"""What happened in a scenario, as maps that expectations are compared with. Times are told in the test's zone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from autoflow.model.event import is_engine_type
from autoflow.model.run import RunStatus
from autoflow.store.base import Reading, Row
from autoflow.testing.cast import Attempt
from autoflow.testing.matchers import Instant, Lapse, show

NEWEST = 1 << 62
LAST_ID = "~"
MOST = 100_000
LONGEST_TOLD = 160
"""Characters of what was sent, where it is told on one line."""


class Seen(NamedTuple):
    """One thing that happened: when, as it is compared, and what is told of it where nobody expected it."""

    moment: int
    view: Mapping[str, Any]
    told: str


class Views:
    """Makes views in one zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._keys: dict[str, int] = {}

    def number_keys(self, attempts: Iterable[Attempt]) -> None:
        """Keys are told by their numbers, in the order in which they were first used."""
        for attempt in attempts:
            self._keys.setdefault(attempt.key, len(self._keys) + 1)

    def attempt(self, attempt: Attempt, *, with_result: bool) -> Seen:
        """An attempt, or the action that came of it."""
        view = {
            "type": attempt.type,
            "rule": attempt.rule_id,
            "account": attempt.account,
            "event": attempt.event_id,
            "event_type": attempt.event_type,
            "params": attempt.params,
            "notifier": attempt.params.get("notifier"),
            "step": attempt.step_id or int(attempt.step),
            "at": self.instant(attempt.at),
            "attempt": attempt.number,
            "key": self._keys[attempt.key],
        }
        if with_result:
            view |= {"result": attempt.result.value, "code": attempt.code, "detail": attempt.detail}
        what = f"{attempt.type} {attempt.result.value}" if with_result else attempt.type
        return self._seen(attempt.at, view, f"{what} of {attempt.rule_id}", "params")

    def pending(self, row: Row, now: int) -> Seen:
        """Something that waits."""
        view = {
            **_about(row),
            "kind": row["kind"],
            "due": self.instant(row["due_at"]),
            "in": Lapse.of(row["due_at"] - now),
            "step": row["step"] + 1,
            "shadow": bool(row["shadow"]),
        }
        return self._seen(row["due_at"], view, f"{row['kind']} of {row['rule_id']}")

    def run(self, row: Row, steps: Sequence[Row]) -> Seen:
        """A run that ended."""
        view = {
            **_about(row),
            "status": row["status"],
            "error": row["error"],
            "at": self.instant(row["finished_at"]),
            "steps": [
                {
                    "step": int(step["step"]),
                    "type": step["type"],
                    "status": step["status"],
                    "params": json.loads(step["params"]),
                }
                for step in steps
            ],
        }
        more = f": {row['error']}" if row["error"] else ""
        return self._seen(row["finished_at"], view, f"{row['rule_id']} {row['status']}{more}")

    def letter(self, row: Row) -> Seen:
        """An action that was given up."""
        view = {
            **_about(row),
            "type": row["type"],
            "step": int(row["step"]),
            "params": json.loads(row["params"]),
            "at": self.instant(row["created_at"]),
            **{name: row[name] for name in ("reason", "code", "detail", "attempts")},
        }
        told = f"{row['type']} of {row['rule_id']} given up: {row['reason']} ({row['code']}), {row['detail']}"
        return self._seen(row["created_at"], view, told)

    def event(self, row: Row, rule: str | None) -> Seen:
        """An event that a rule made."""
        view = {
            "type": row["type"],
            "data": json.loads(row["data"]),
            "subject": row["subject"],
            "account": row["account"],
            "rule": rule,
            "depth": row["depth"],
        }
        return self._seen(row["received_at"], view, str(row["type"]), "data")

    def instant(self, moment: int) -> Instant:
        """A moment in the test's zone."""
        return Instant.of(moment, self._zone)

    def _seen(self, moment: int, view: Mapping[str, Any], what: str, detail: str | None = None) -> Seen:
        more = f" {show(view[detail], longest=LONGEST_TOLD)}" if detail else ""
        return Seen(moment, view, f"{self.instant(moment)} {what}{more}")


def _about(row: Row) -> dict[str, Any]:
    return {
        "rule": row["rule_id"],
        "account": row["account"],
        "event": row["event_id"],
        "event_type": row["event_type"],
    }


def waiting_rows(view: Reading) -> Sequence[Row]:
    """All that waits, soonest first."""
    return view.rows("list_pending", after_due=-1, after_id=-1, rule=None, account=None, limit=MOST)


def letter_rows(view: Reading, *, status: str | None = None) -> Sequence[Row]:
    """All dead letters, oldest first."""
    rows = view.rows("list_dead_letters", before=NEWEST, status=status, rule=None, account=None, limit=MOST)
    return list(reversed(rows))


def ended_runs(view: Reading) -> list[tuple[Row, Sequence[Row]]]:
    """All runs that ended with their steps, in order of their ends."""
    rows = view.rows("list_runs", before=LAST_ID, status=None, rule=None, account=None, limit=MOST)
    ended = sorted((row for row in rows if row["status"] != RunStatus.RUNNING), key=_by_end)
    return [(row, view.rows("steps_of_run", run_id=row["id"])) for row in ended]


def event_rows(view: Reading, after: int) -> Sequence[Row]:
    """Events that came after a number, oldest first."""
    return view.rows("events_after", after=after, type=None, account=None, limit=MOST)


def made_events(view: Reading, after: int) -> list[tuple[Row, str | None]]:
    """Events that rules made, with the rule of each; the engine's own are told by dead letters."""
    rows = [row for row in event_rows(view, after) if row["parent_run"] and not is_engine_type(row["type"])]
    return [(row, _rule_of(view, row["parent_run"])) for row in rows]


def _rule_of(view: Reading, run_id: str) -> str | None:
    row = view.row("run_by_id", id=run_id)
    return row["rule_id"] if row else None


def _by_end(row: Row) -> tuple[int, str]:
    return row["finished_at"], row["id"]
