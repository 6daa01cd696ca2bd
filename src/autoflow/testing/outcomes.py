"""What came of an event in a replay: each run of each rule, as it is compared with another replay's.

Before it: the store of a rig. After it: `comparison`. Ids in a replay follow from what led to them, so that the
runs of two replays, and the events that these made, are known by the same names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

from autoflow.model.event import Event
from autoflow.model.json import Json, JsonObject, canonical_json
from autoflow.store.base import Reading, Row

OutcomeKey = tuple[str, str, str, str]
"""(account, event id, source, rule id)."""

NOT_JUDGED = "error"
"""The status of what never became a run, because a condition could not be evaluated."""


class Outcome(NamedTuple):
    """What one rule did because of one event."""

    account: str
    event_id: str
    source: str
    rule_id: str
    event_type: str
    received_at: int
    #: the run that made the event: rule and event id; None where it came from outside
    origin: str | None
    #: what is compared, as canonical JSON: of equal text, of equal meaning
    body: str

    @property
    def key(self) -> OutcomeKey:
        """What it is known by in every replay."""
        return self[:4]


class StepOutcome(NamedTuple):
    """What a step sent."""

    step: str
    type: str
    params: JsonObject


class Body(NamedTuple):
    """The part of an outcome that is compared."""

    status: str
    due_at: int | None
    #: why it ended, where it did not end well
    reason: str | None
    steps: tuple[StepOutcome, ...]

    @classmethod
    def read(cls, text: str) -> Body:
        """From its canonical JSON."""
        status, due_at, reason, steps = json.loads(text)
        return cls(status, due_at, reason, tuple(StepOutcome(*step) for step in steps))


def run_id_for(event: Event, rule_id: str) -> str:
    """The id of the run that an event leads to under a rule; keys of actions, and ids of their events, follow."""
    names = json.dumps([event.account, event.source, event.id, rule_id])
    return f"run_{hashlib.sha256(names.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def read_outcomes(view: Reading, first: int, after: int) -> Iterator[Outcome]:
    """Everything that came of the events with these numbers."""
    for row in view.rows("outcomes_between", first=first, after=after):
        steps = json.loads(row["steps"])
        yield _outcome(row, [row["status"], row["due_at"], row["error"], steps])
    for row in view.rows("misjudged_between", first=first, after=after):
        yield _outcome(row, [NOT_JUDGED, None, row["message"], []])


def _outcome(row: Row, body: Json) -> Outcome:
    origin = None if row["origin_rule"] is None else f"{row['origin_rule']} on {row['origin_event']}"
    return Outcome(
        account=row["account"],
        event_id=row["event_id"],
        source=row["source"],
        rule_id=row["rule_id"],
        event_type=row["type"],
        received_at=row["received_at"],
        origin=origin,
        body=canonical_json(body),
    )
