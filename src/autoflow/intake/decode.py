"""Bytes from outside to events: three shapes of body, one event form, every mistake with its place.

Before it: a door. After it: the gate. Nothing here knows a rule or the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache

import msgspec

from autoflow.errors import IntakeError
from autoflow.intake.envelope import (
    ALIASES,
    KNOWN,
    LONGEST_WORD,
    Envelope,
    Mistakes,
    judge_id,
    read_envelope,
    read_time,
)
from autoflow.intake.plain import PlainEvent, read_plain, read_plain_array, read_plain_lines
from autoflow.model.event import DEFAULT_ACCOUNT, DEFAULT_SOURCE, NO_EXTENSIONS, Event, make_event
from autoflow.model.ids import IdSource
from autoflow.model.json import Json, is_deeper

__all__ = ["ALIASES", "KNOWN", "LONGEST_WORD", "DecodeLimits", "Decoder"]

JSON = "application/json"
CLOUDEVENT = "application/cloudevents+json"
CLOUDEVENT_BATCH = "application/cloudevents-batch+json"
LINES = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
ACCEPTED = (JSON, CLOUDEVENT, CLOUDEVENT_BATCH, *sorted(LINES))

MOST_MISTAKES = 100
"""Told of one request: who has more corrects these first."""
_BOM = b"\xef\xbb\xbf"

KNOWN_TIMES = 1_024
_read_time_again = lru_cache(maxsize=KNOWN_TIMES)(read_time)
"""Many events of one sender say the same second."""

read_json = msgspec.json.Decoder().decode
write_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """How much a request may hold."""

    event_bytes: int = 1 << 20
    depth: int = 64
    events: int = 1_000


@dataclass(slots=True)
class Decoder:
    """Makes events of bodies; ids for those that have none."""

    ids: IdSource
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    #: of times that are written without one; None: those are refused
    zone: tzinfo | None = None

    def decode_body(self, body: bytes, content_type: str, *, now: int, default_id: str | None = None) -> list[Event]:
        """All events of a request. IntakeError names every mistake; a request is taken whole or not at all."""
        media_type = _media_type(content_type)
        if default_id is None and (events := self._decode_plain(body, media_type, now=now)) is not None:
            return events
        if media_type in LINES:
            mistakes: Mistakes = []
            values = self._parse_lines(body, mistakes)
            return self._decode_all(values, mistakes, now=now, default_id=default_id)
        if media_type not in (JSON, CLOUDEVENT, CLOUDEVENT_BATCH):
            raise _unknown_type(media_type, ACCEPTED)
        value = self._parse(body)
        if media_type != JSON and isinstance(value, list) is not (media_type == CLOUDEVENT_BATCH):
            wanted = "an array of CloudEvents" if media_type == CLOUDEVENT_BATCH else "one CloudEvent"
            raise _refused([("", f"{media_type} is {wanted}")])
        values = [(f"/{n}", item) for n, item in enumerate(value)] if isinstance(value, list) else [("", value)]
        return self._decode_all(values, [], now=now, default_id=default_id, is_cloudevent=media_type != JSON)

    def decode_line(self, line: bytes, *, now: int) -> Event:
        """The event of one JSON line."""
        if len(line) > self.limits.event_bytes:
            raise _too_large(self.limits.event_bytes, "")
        one = read_plain(line, depth=self.limits.depth)
        made = None if one is None else self._make_plain((one,), now=now)
        return (made or self._decode_all([("", self._parse(line))], [], now=now))[0]

    def decode_binary(
        self, attributes: Mapping[str, str], body: bytes, content_type: str, *, mistakes: Mistakes, now: int
    ) -> list[Event]:
        """The CloudEvent whose attributes stood in headers; `mistakes` are those that were found there."""
        media_type = _media_type(content_type)
        value: dict[str, Json] = dict(attributes)
        if body:
            if media_type != JSON and not media_type.endswith(("/json", "+json")):
                raise _unknown_type(media_type, (JSON,))
            value["data"] = self._parse(body)
        told = {place for place, _ in mistakes}
        found: Mistakes = []
        envelope = read_envelope(value, "", found, is_cloudevent=True)
        mistakes += [(place, wrong) for place, wrong in found if place not in told]
        if envelope is None or mistakes:
            raise _refused(mistakes)
        return [self._make(envelope, "", now=now, default_id=None)]

    def _decode_plain(self, body: bytes, media_type: str, *, now: int) -> list[Event] | None:
        """The events of a body that holds nothing unusual; None for any other."""
        depth, most = self.limits.depth, self.limits.events
        found: Sequence[PlainEvent] | None = None
        if media_type in LINES:
            found = read_plain_lines(body, depth=depth, most=most)
        elif media_type == JSON and body.startswith(b"["):
            found = read_plain_array(body, depth=depth, most=most)
        elif media_type == JSON and (one := read_plain(body, depth=depth)) is not None:
            found = (one,)
        return None if found is None else self._make_plain(found, now=now)

    def _make_plain(self, found: Sequence[PlainEvent], *, now: int) -> list[Event] | None:
        made = []
        unnamed = [one.id for one in found].count(None)
        fresh = self.ids.make_many(now, unnamed) if unnamed > 1 else [self.ids.make(now)] * unnamed
        fresh.reverse()
        for one in found:
            time = now if one.time is None else _read_time_again(one.time, self.zone)
            data = {} if one.data is None else one.data
            raw = write_json(data)
            if time is None or len(raw) > self.limits.event_bytes:
                return None
            source, account = one.source or DEFAULT_SOURCE, one.account or DEFAULT_ACCOUNT
            name = one.id or fresh.pop()
            made.append(
                make_event((name, one.type, time, now, raw, data, source, account, one.subject, 0, NO_EXTENSIONS))
            )
        return made

    def _parse_lines(self, body: bytes, mistakes: Mistakes) -> list[tuple[str, Json]]:
        values: list[tuple[str, Json]] = []
        for number, line in enumerate(body.removeprefix(_BOM).split(b"\n"), start=1):
            if not line.strip():
                continue
            if len(values) + len(mistakes) >= self.limits.events:
                raise _too_many(self.limits.events)
            place = f"/line/{number}"
            try:
                values.append((place, self._parse(line)))
            except IntakeError as error:
                mistakes += [(place, wrong) for _, wrong in error.problems]
        return values

    def _parse(self, text: bytes) -> Json:
        depth = self.limits.depth
        try:
            value = read_json(text.removeprefix(_BOM))
        except RecursionError:
            raise _refused([("", f"nested deeper than {depth} levels")]) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            wrong = f"not JSON: {error}" if text.strip() else "nothing is in it: an event is a JSON object"
            raise _refused([("", wrong)]) from None
        # Only a text with that many brackets can be that deep.
        if text.count(b"{") + text.count(b"[") > depth and is_deeper(value, depth + isinstance(value, list)):
            raise _refused([("", f"nested deeper than {depth} levels")])
        return value

    def _decode_all(
        self,
        values: list[tuple[str, Json]],
        mistakes: Mistakes,
        *,
        now: int,
        default_id: str | None = None,
        is_cloudevent: bool = False,
    ) -> list[Event]:
        if len(values) > self.limits.events:
            raise _too_many(self.limits.events)
        read = [
            (place, read_envelope(value, place, mistakes, is_cloudevent=is_cloudevent, zone=self.zone))
            for place, value in values
        ]
        if default_id is not None:
            _judge_default_id(default_id, read, mistakes)
        if mistakes:
            raise _refused(mistakes)
        return [
            self._make(envelope, pointer, now=now, default_id=default_id)
            for pointer, envelope in read
            if envelope is not None
        ]

    def _make(self, envelope: Envelope, pointer: str, *, now: int, default_id: str | None) -> Event:
        named = envelope.named
        data = named.get("data", {})
        raw = write_json(data)
        if len(raw) > self.limits.event_bytes:
            raise _too_large(self.limits.event_bytes, pointer)
        event_id = named.get("id", default_id)
        return Event(
            id=self.ids.make(now) if event_id is None else str(event_id),
            type=named["type"],
            source=named.get("source", DEFAULT_SOURCE),
            account=named.get("account", DEFAULT_ACCOUNT),
            subject=named.get("subject"),
            time=now if envelope.time is None else envelope.time,
            received_at=now,
            raw=raw,
            data=data,
            extensions=envelope.extensions,
        )


def _judge_default_id(given: str, read: list[tuple[str, Envelope | None]], mistakes: Mistakes) -> None:
    """An Idempotency-Key is the id of one event: for several it would silently guard none of them."""
    if wrong := judge_id(given):
        mistakes.append(("", f"the Idempotency-Key {wrong}"))
    if len(read) > 1:
        mistakes += [
            (f"{pointer}/id", "is missing: an Idempotency-Key is the id of a single event, and here are several")
            for pointer, envelope in read
            if envelope is not None and "id" not in envelope.named
        ]


@lru_cache(maxsize=256)
def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _unknown_type(media_type: str, accepted: tuple[str, ...]) -> IntakeError:
    return IntakeError(
        f"events do not come as {media_type or 'a body without a Content-Type'}",
        status=415,
        hint=f"send one of {', '.join(accepted)}",
        headers=[("Accept-Post", ", ".join(accepted))],
        code="AF415",
    )


def _too_many(limit: int) -> IntakeError:
    return IntakeError(f"more than {limit} events in one request", status=413, code="AF413", hint="send less at once")


def _too_large(limit: int, pointer: str) -> IntakeError:
    wrong = f"the event is larger than {limit} bytes"
    told = f"{pointer}: {wrong}" if pointer else wrong
    return IntakeError(told, status=413, problems=[(pointer, wrong)], code="AF413")


def _refused(mistakes: Mistakes) -> IntakeError:
    first_place, first = mistakes[0]
    more = f" and {len(mistakes) - 1} more" if len(mistakes) > 1 else ""
    return IntakeError(f"{first_place or 'the body'}: {first}{more}", problems=mistakes[:MOST_MISTAKES])
