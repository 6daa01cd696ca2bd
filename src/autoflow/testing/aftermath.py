"""What became of work that a test started, told where something was expected and did not come."""

from __future__ import annotations

from typing import NamedTuple

from autoflow.model.event import is_engine_type
from autoflow.model.pending import PendingKind
from autoflow.model.run import RunStatus
from autoflow.store.base import Reading, Row
from autoflow.testing.matchers import Lapse
from autoflow.testing.views import Views, ended_runs, letter_rows, waiting_rows


class Aftermath(NamedTuple):
    """What came of an event under a rule."""

    account: str
    rule: str
    event: str
    event_type: str
    #: `it waits until 2026-01-01T00:05:00+00:00 (5m from now)`
    told: str


def find_aftermaths(view: Reading, views: Views, now: int) -> list[Aftermath]:
    """What waits, what was given up, and what ended otherwise than by acting; what acted shows itself."""
    found: dict[str, tuple[Row, str]] = {}
    for run, _ in ended_runs(view):
        if told := _tell_end(run):
            found[run["id"]] = run, told
    for letter in letter_rows(view):
        found[letter["run_id"]] = letter, _tell_letter(letter)
    for waiting in waiting_rows(view):
        found[waiting["run_id"]] = waiting, _tell_wait(waiting, views, now)
    return [
        Aftermath(row["account"], row["rule_id"], row["event_id"], row["event_type"], told)
        for row, told in found.values()
        if not is_engine_type(row["event_type"])
    ]


def _tell_end(run: Row) -> str | None:
    match RunStatus(run["status"]):
        case RunStatus.SHADOW:
            return "the rule is in shadow: it was recorded, and nothing is sent"
        case RunStatus.CANCELLED:
            return f"it was cancelled: {run['error']}"
        case RunStatus.FAILED:
            return f"it failed: {run['error']}"
        case _:
            return None


def _tell_letter(letter: Row) -> str:
    step = int(letter["step"])
    return f"step {step} ({letter['type']}) was given up: {letter['reason']} ({letter['code']}), {letter['detail']}"


def _tell_wait(waiting: Row, views: Views, now: int) -> str:
    what = "the next attempt comes at" if waiting["kind"] == PendingKind.RETRY else "it waits until"
    shadow = ", and is in shadow: nothing will be sent" if waiting["shadow"] else ""
    return f"{what} {views.instant(waiting['due_at'])} ({Lapse.of(waiting['due_at'] - now)} from now){shadow}"
