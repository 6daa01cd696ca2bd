"""What became of an event under one rule version, as far as there is a row that says so. For `why`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from autoflow.clock import to_rfc3339
from autoflow.model.pending import PendingKind
from autoflow.model.run import RunStatus
from autoflow.store.base import Row
from autoflow.store.versions import StoredVersion
from autoflow.web.evidence import Evidence
from autoflow.web.views import time_of


class Outcome(StrEnum):
    """What came of an event under a rule, in the order in which it is told."""

    #: all of its steps were performed
    DONE = "done"
    #: its steps are being performed
    RUNNING = "running"
    #: an attempt failed, and another one is to come
    RETRYING = "retrying"
    #: its delay is not over
    WAITING = "waiting"
    #: an action was given up
    FAILED = "failed"
    #: an event, an edit or a person ended it
    CANCELLED = "cancelled"
    #: it was recorded, and nothing was sent
    SHADOW = "shadow"
    #: it acted; what it did is not kept any more
    REMOVED = "removed"
    #: a condition could not be evaluated
    ERROR = "error"
    #: its condition did not hold
    CONDITION = "condition"
    #: its trigger's source or condition did not hold
    TRIGGER = "trigger"
    #: it was off
    DISABLED = "disabled"
    #: it was not in force yet
    ABSENT = "not-yet"
    #: the version cannot be read by this release
    UNREADABLE = "unreadable"
    #: it is of another account
    ACCOUNT = "account"
    #: it does not wait for events of this type
    TYPE = "type"
    #: as above, and it was not in force yet either
    ABSENT_TYPE = "not-yet-type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of it, in a word and in a sentence."""

    outcome: Outcome
    because: str
    run: str | None = None
    #: what waits of it
    pending: int | None = None
    due_at: str | None = None
    #: numbers of what was given up
    dead_letters: tuple[int, ...] = ()
    #: whether it only records what it would do
    shadow: bool = False


def fate_of(evidence: Evidence, version: StoredVersion) -> Fate | None:
    """What became of the event under this version; None where no row says so."""
    run, waiting = evidence.runs.get(version.id), evidence.pending.get(version.id)
    if waiting is not None:
        return _wait(waiting, evidence)
    if run is None:
        return None
    fate = _end(run, evidence)
    return replace(fate, shadow=True) if version.document.get("enabled") == "shadow" else fate


def _wait(waiting: Row, evidence: Evidence) -> Fate:
    due = to_rfc3339(waiting["due_at"])
    if waiting["cancelled"]:
        outcome, because = Outcome.CANCELLED, f"it ends before its next attempt: {waiting['cancelled']}"
    elif waiting["kind"] == PendingKind.RETRY:
        outcome, because = Outcome.RETRYING, f"{_failure(waiting, evidence)}; the next try is at {due}"
    elif waiting["claim"] or waiting["kind"] == PendingKind.RESUME:
        outcome, because = Outcome.RUNNING, "it is in progress"
    else:
        outcome, because = Outcome.WAITING, f"it waits until {due}"
    if waiting["shadow"]:
        because += "; nothing will be sent"
    return Fate(
        outcome=outcome,
        because=because,
        run=waiting["run_id"],
        pending=waiting["id"],
        due_at=due,
        dead_letters=_letters(waiting["run_id"], evidence),
        shadow=bool(waiting["shadow"]),
    )


def _failure(waiting: Row, evidence: Evidence) -> str:
    last = evidence.attempts.get(waiting["run_id"])
    if last is None:
        return "an attempt failed"
    said = f" ({last['code']}: {last['detail']})" if last["code"] else ""
    return f"attempt {last['number']} at step {last['step']} failed{said}"


def _end(run: Row, evidence: Evidence) -> Fate:
    ended = time_of(run["finished_at"])
    because, error = f"it ended at {ended}", run["error"]
    match RunStatus(run["status"]):
        case RunStatus.DONE:
            outcome, because = Outcome.DONE, f"it acted, and was done at {ended}"
        case RunStatus.SHADOW:
            outcome, because = Outcome.SHADOW, f"in shadow: it was recorded at {ended}, and nothing was sent"
            because += f"; it could not have been sent: {error}" if error else ""
        case RunStatus.CANCELLED:
            outcome, because = Outcome.CANCELLED, f"cancelled at {ended}: {error}"
        case RunStatus.FAILED:
            outcome, because = Outcome.FAILED, _given_up(run, evidence)
        case RunStatus.RUNNING:
            outcome, because = Outcome.RUNNING, f"it is in progress since {time_of(run['started_at'])}"
    return Fate(
        outcome=outcome,
        because=because,
        run=run["id"],
        due_at=time_of(run["due_at"]),
        dead_letters=_letters(run["id"], evidence),
        shadow=outcome is Outcome.SHADOW,
    )


def _given_up(run: Row, evidence: Evidence) -> str:
    letters = evidence.letters.get(run["id"], ())
    if not letters:
        return f"given up at {time_of(run['finished_at'])}: {run['error']}"
    last = letters[-1]
    settled = "" if last["status"] == "dead" else f", {last['status']}"
    times = f"{last['attempts']} attempt{'' if last['attempts'] == 1 else 's'}"
    what = f"step {last['step']} ({last['type']}) was given up after {times}"
    return f"{what}: {last['reason']}, {last['code']}: {last['detail']} (dead letter {last['id']}{settled})"


def _letters(run_id: str, evidence: Evidence) -> tuple[int, ...]:
    return tuple(row["id"] for row in evidence.letters.get(run_id, ()))
