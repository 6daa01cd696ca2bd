"""An event: a fact that arrived. Made at the gate, stored once, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

from autoflow.model.json import Json, JsonObject

DEFAULT_ACCOUNT = "default"
DEFAULT_SOURCE = "autoflow"
ENGINE_PREFIX = "autoflow."
"""Types of the engine's own events begin so; `*` never matches them."""


NO_EXTENSIONS: Final[JsonObject] = {}
"""Of most events: one map for all of them."""


class Event(NamedTuple):
    """One event as it was taken in. Times are UTC milliseconds.

    A named tuple, unlike the other nouns: it is made with every event that arrives, in a quarter of the time.
    """

    #: the sender's id, or a UUIDv7 of ours
    id: str
    type: str
    #: when the sender says it happened
    time: int
    #: when it arrived here; delays count from it
    received_at: int
    #: the data as JSON text, written as one line
    raw: bytes
    #: the data decoded: its top-level keys are the facts
    data: Json
    source: str = DEFAULT_SOURCE
    account: str = DEFAULT_ACCOUNT
    subject: str | None = None
    #: how many actions of ours stand between this event and one from outside
    depth: int = 0
    #: attributes of the envelope that we have no name for
    extensions: JsonObject = NO_EXTENSIONS

    def envelope(self) -> dict[str, Json]:
        """What the name `event` means in conditions and templates."""
        return {
            **self.extensions,
            "id": self.id,
            "type": self.type,
            "source": self.source,
            "account": self.account,
            "subject": self.subject,
            "time": self.time,
            "received_at": self.received_at,
            "depth": self.depth,
            "data": self.data,
        }


make_event = partial(tuple.__new__, Event)
"""An event of all its values in their order, for who makes many: half the time of the name's own call."""


def facts_of(event: Event) -> dict[str, Json]:
    """The names a condition or template can use: the data's top-level keys, then the roots, which win."""
    facts: dict[str, Json] = dict(event.data) if isinstance(event.data, dict) else {}
    envelope = event.envelope()
    facts["event"] = envelope
    facts["trigger"] = facts_of_trigger(event, envelope)
    return facts


class _ArrivalFacts(dict[str, Json]):
    """The facts of an event; the roots are made where a condition asks for them, which few do."""

    __slots__ = ("_event",)
    _event: Event

    def __missing__(self, name: str) -> Json:
        if name == "event":
            found: Json = self._event.envelope()
        elif name == "trigger":
            found = facts_of_trigger(self._event, self["event"])
        else:
            raise KeyError(name)
        self[name] = found
        return found


def arrival_facts(event: Event) -> Mapping[str, Json]:
    """The facts for who asks for some of them by name; `facts_of` for who wants to see them all."""
    data = event.data
    if type(data) is not dict or "event" in data or "trigger" in data:
        return facts_of(event)
    facts = _ArrivalFacts(data)
    facts._event = event
    return facts


def facts_of_trigger(event: Event, envelope: Mapping[str, Json]) -> dict[str, Json]:
    """What `trigger` means: the event that started the run, its data beside its envelope."""
    data = event.data if isinstance(event.data, dict) else {}
    return {**data, "event": envelope}


def is_engine_type(event_type: str) -> bool:
    """Whether the type is one of the engine's own."""
    return event_type.startswith(ENGINE_PREFIX)
