"""A value put into an event where a reference looks for it: what the event would be with that one thing changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from autoflow.matching.lookup import MISSING
from autoflow.matching.paths import steps_of
from autoflow.matching.steps import INDEX
from autoflow.model.condition import Reference
from autoflow.model.event import Event
from autoflow.model.json import Json

_WORDS: Final = frozenset({"id", "type", "source"})
"""What an envelope always has, as a text with something in it."""
_FIXED: Final = frozenset({"time", "received_at", "depth", "account"})
"""What no sender could have said otherwise and have been judged by the same rules."""


def put_value(event: Event, reference: Reference, value: Json) -> Event | None:
    """The event with this value there, or without one for MISSING; None where there is no one place for it."""
    steps = [step for step in steps_of(reference.path) if isinstance(step, str)]
    if len(steps) < len(steps_of(reference.path)):
        return None  # a wildcard leads to many places
    place = [reference.fact, *steps]
    if place[0] == "trigger":
        place = place[1:]
    if place[:1] == ["event"]:
        if place[1:2] != ["data"]:
            return _put_envelope(event, place[1:], value)
        place = place[2:]
    if not place:
        return None
    data = _put(event.data if isinstance(event.data, dict) else {}, place, value)
    if data is MISSING:
        return None
    return event._replace(data=data, raw=b"")  # it is only judged, and written nowhere


def _put_envelope(event: Event, place: Sequence[str], value: Json) -> Event | None:
    if len(place) != 1 or place[0] in _FIXED:
        return None
    name = place[0]
    if name in _WORDS:
        changed: dict[str, Json] = {name: value}
        return event._replace(**changed) if isinstance(value, str) and value else None
    if name == "subject":
        subject = None if value is MISSING else value
        return event._replace(subject=subject) if subject is None or isinstance(subject, str) else None
    extensions = _put(dict(event.extensions), place, value)
    return event._replace(extensions=extensions)


def _put(container: Json, place: Sequence[str], value: Json) -> Json:
    """A copy of the container with the value at that place; MISSING where it has no such place."""
    name, rest = place[0], place[1:]
    if isinstance(container, list):
        return _put_element(container, name, rest, value)
    kept = dict(container) if isinstance(container, dict) else {}
    if rest:
        inner = _put(kept.get(name), rest, value)
        return MISSING if inner is MISSING else {**kept, name: inner}
    if value is MISSING:
        kept.pop(name, None)
        return kept
    return {**kept, name: value}


def _put_element(container: list[Json], name: str, rest: Sequence[str], value: Json) -> Json:
    """An element that there is, or the one behind the last."""
    index = int(name) if INDEX.fullmatch(name) else -1
    if not 0 <= index <= len(container) or value is MISSING:
        return MISSING
    kept = [*container, None] if index == len(container) else list(container)
    inner = _put(kept[index], rest, value) if rest else value
    if inner is MISSING:
        return MISSING
    kept[index] = inner
    return kept
