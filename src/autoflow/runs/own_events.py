"""The events that come out of runs: what an `emit` made, and the news of a dead letter."""

from __future__ import annotations

from collections.abc import Sequence

from autoflow.model.event import Event
from autoflow.model.ids import IdSource
from autoflow.model.json import plain_json
from autoflow.model.run import EmittedEvent
from autoflow.store.history import DeadLetter

_IDS = IdSource()

DEAD_LETTERED = "autoflow.action.dead_lettered"


def emitted_events(cause: Event, key: str, events: Sequence[EmittedEvent], *, now: int) -> list[Event]:
    """The events of one action. Their ids come from its key, so that a repeated attempt makes duplicates."""
    return [
        _own_event(cause, emitted, event_id=key if number == 0 else f"{key}.{number}", now=now)
        for number, emitted in enumerate(events)
    ]


def obituary(cause: Event, letter: DeadLetter, *, rule_name: str, now: int) -> Event:
    """The event that tells of a dead letter, so that a rule can tell somebody.

    Its id is new each time: an action can be given up again, and each time somebody is told.
    """
    record = letter.record
    told = EmittedEvent(
        type=DEAD_LETTERED,
        data={
            "action": {"type": record.type, "target": record.target, "key": record.key},
            "rule": {"id": letter.pending.rule_id, "name": rule_name},
            "run": {"id": record.run_id, "step": record.step},
            "reason": letter.reason.value,
            "code": letter.code,
            "detail": letter.detail,
            "attempts": letter.attempts,
            "event_id": cause.id,
            "event_type": cause.type,
        },
    )
    return _own_event(cause, told, event_id=_IDS.make(now), now=now)


def _own_event(cause: Event, emitted: EmittedEvent, *, event_id: str, now: int) -> Event:
    return Event(
        id=event_id,
        type=emitted.type,
        account=cause.account,
        subject=emitted.subject,
        time=now,
        received_at=now,
        raw=plain_json(emitted.data).encode(),
        data=emitted.data,
        depth=cause.depth + 1,
    )
