"""What a door answers after the commit: the same shape on HTTP and on stdin."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from autoflow.clock import to_rfc3339
from autoflow.engine import Receipt
from autoflow.model.json import Json
from autoflow.preview import meets_trigger
from autoflow.rules.rulebook import Rulebook
from autoflow.store.events import ACCEPTED


def answer_of(receipts: Sequence[Receipt]) -> dict[str, Json]:
    """The body of a 202."""
    accepted = [receipt.stored for receipt in receipts].count(ACCEPTED)
    return {
        "accepted": accepted,
        "duplicates": len(receipts) - accepted,
        "events": [event_answer(receipt) for receipt in receipts],
    }


def event_answer(receipt: Receipt) -> dict[str, Json]:
    """One event of an answer; `runs` says what it led to and when that is due."""
    event, stored, planned, ended = receipt
    answer: dict[str, Json] = {"id": event.id, "source": event.source, "status": stored.status}
    if planned:
        answer["runs"] = [
            {"rule": new.rule_id, "run": new.run_id, "due_at": to_rfc3339(new.due_at)} for new in planned
        ]
    if ended:
        answer["ended"] = [{"rule": rule, "run": run} for rule, run in ended]
    return answer


def note_of(receipt: Receipt, rulebook: Rulebook) -> str | None:
    """Why an accepted event led to nothing, for the daemon's own user: other accounts are named here."""
    event = receipt.event
    if receipt.planned or receipt.ended or receipt.stored is not ACCEPTED:
        return None
    others = {
        version.rule.account
        for version in rulebook.foreign_listeners(event)
        if meets_trigger(version.rule, event._replace(account=version.rule.account))
    }
    if others:
        return f"a trigger is met but for the account: rules of {_words(others)}, the event of {event.account}"
    listening = {version.rule.id for version in rulebook.listeners(event)}
    if listening:
        asked = f"autoflow why {quote(event.id)}"
        return f"{_words(listening)} would listen, but the conditions do not hold: `{asked}` tells why"
    return f"no rule is triggered by {event.type}"


def _words(names: set[str]) -> str:
    first = sorted(names)[:3]
    return ", ".join(first) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
