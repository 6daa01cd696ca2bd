"""Bytes from outside to events: three shapes of body, one event form, every mistake with its place.

Before it: a door. After it: the gate. Nothing here knows a rule or the store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from autoflow.clock import from_rfc3339
from autoflow.errors import IntakeError
from autoflow.model.event import DEFAULT_ACCOUNT, DEFAULT_SOURCE, Event
from autoflow.model.ids import IdSource
from autoflow.model.json import Json

JSON = "application/json"
CLOUDEVENT = "application/cloudevents+json"
CLOUDEVENT_BATCH = "application/cloudevents-batch+json"
LINES = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
ACCEPTED = (JSON, CLOUDEVENT, CLOUDEVENT_BATCH, *sorted(LINES))

ALIASES: Mapping[str, str] = {
    "name": "type",
    "event_type": "type",
    "eventName": "type",
    "payload": "data",
    "accountId": "account",
    "tenant_id": "account",
    "org_id": "account",
    "organization_id": "account",
    "timestamp": "time",
    "plugin_id": "source",
    "source_plugin": "source",
}
"""Accepted spellings of the envelope's names."""

KNOWN = frozenset({"id", "type", "source", "account", "time", "subject", "data", "specversion", "datacontenttype"})
LONGEST_WORD = 256
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TYPE = re.compile(r"[^\s\x00-\x1f\x7f]+")


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

    def decode_body(self, body: bytes, content_type: str, *, now: int, default_id: str | None = None) -> list[Event]:
        """All events of a request. IntakeError names every mistake; a request is taken whole or not at all."""
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type in LINES:
            return self._decode_lines(body, now=now)
        if media_type not in (JSON, CLOUDEVENT, CLOUDEVENT_BATCH):
            raise IntakeError(
                f"events do not come as {media_type or 'a body without a Content-Type'}",
                status=415,
                hint=f"send one of {', '.join(ACCEPTED)}",
                headers=[("Accept-Post", ", ".join(ACCEPTED))],
                code="AF415",
            )
        value = self._parse(body, pointer="")
        if isinstance(value, list):
            return self._decode_all([(f"/{n}", item) for n, item in enumerate(value)], now=now)
        return self._decode_all([("", value)], now=now, default_id=default_id)

    def decode_line(self, line: bytes, *, now: int) -> Event:
        """The event of one JSON line."""
        if len(line) > self.limits.event_bytes:
            raise IntakeError(f"the line is longer than {self.limits.event_bytes} bytes", status=413, code="AF413")
        return self._decode_all([("", self._parse(line, pointer=""))], now=now)[0]

    def _decode_lines(self, body: bytes, *, now: int) -> list[Event]:
        values: list[tuple[str, Json]] = []
        problems: list[tuple[str, str]] = []
        for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
            if not line.strip():
                continue
            try:
                values.append((f"/line/{number}", self._parse(line, pointer=f"/line/{number}")))
            except IntakeError as error:
                problems += error.problems
        if problems:
            raise _refused(problems)
        return self._decode_all(values, now=now)

    def _parse(self, text: bytes, *, pointer: str) -> Json:
        try:
            value = msgspec.json.decode(text)
        except RecursionError:
            raise _refused([(pointer, f"nested deeper than {self.limits.depth} levels")]) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _refused([(pointer, f"not JSON: {error}")]) from None
        # Only a text with that many brackets can be that deep.
        if text.count(b"{") + text.count(b"[") > self.limits.depth and _is_deeper(value, self.limits.depth):
            raise _refused([(pointer, f"nested deeper than {self.limits.depth} levels")])
        return value

    def _decode_all(self, values: list[tuple[str, Json]], *, now: int, default_id: str | None = None) -> list[Event]:
        if len(values) > self.limits.events:
            raise IntakeError(
                f"{len(values)} events in one request; at most {self.limits.events}", status=413, code="AF413"
            )
        problems: list[tuple[str, str]] = []
        events = []
        for pointer, value in values:
            found = list(_problems_of(value, pointer))
            if found:
                problems += found
            else:
                events.append(self._make(value, now=now, default_id=default_id))
        if problems:
            raise _refused(problems)
        return events

    def _make(self, value: dict[str, Json], *, now: int, default_id: str | None) -> Event:
        named, extensions = _rename(value)
        data = named.get("data")
        data = {} if data is None else data
        event_id = named.get("id") or default_id
        return Event(
            id=str(event_id) if event_id else self.ids.make(now),
            type=named["type"],
            source=named.get("source") or DEFAULT_SOURCE,
            account=named.get("account") or DEFAULT_ACCOUNT,
            subject=named.get("subject"),
            time=from_rfc3339(named["time"]) if named.get("time") else now,
            received_at=now,
            raw=msgspec.json.encode(data),
            data=data,
            extensions=extensions,
        )


def _rename(value: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """The known names in one spelling, and what we have no name for."""
    named: dict[str, Json] = {}
    extensions: dict[str, Json] = {}
    for key, item in value.items():
        if key in KNOWN:
            named[key] = item
        elif key in ALIASES:
            named.setdefault(ALIASES[key], item)
        else:
            extensions[key] = item
    return named, extensions


def _problems_of(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    """Every mistake of one event: (pointer, what is wrong)."""
    if not isinstance(value, dict):
        yield pointer, 'an event is an object: {"type": "...", "data": {...}}'
        return
    spelling = {ALIASES.get(key, key): key for key in value if key in KNOWN or key in ALIASES}
    spelling |= {key: key for key in value if key in KNOWN}
    for name in ("id", "source", "account", "subject"):
        yield from _word_problems(value.get(spelling.get(name, name)), f"{pointer}/{spelling.get(name, name)}")
    yield from _type_problems(value.get(spelling.get("type", "type")), f"{pointer}/{spelling.get('type', 'type')}")
    yield from _time_problems(value.get(spelling.get("time", "time")), f"{pointer}/{spelling.get('time', 'time')}")
    if value.get("specversion", "1.0") != "1.0":
        yield f"{pointer}/specversion", 'only CloudEvents "1.0" is understood'
    if "data_base64" in value:
        yield f"{pointer}/data_base64", "binary data is not taken; send JSON in data"


def _word_problems(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, int) and not isinstance(value, bool) and pointer.endswith("/id"):
        return
    if not isinstance(value, str):
        yield pointer, "must be text"
    elif not value:
        yield pointer, "must not be empty"
    elif len(value) > LONGEST_WORD:
        yield pointer, f"longer than {LONGEST_WORD} characters"
    elif _CONTROL.search(value):
        yield pointer, "holds a control character"


def _type_problems(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    if value is None:
        yield pointer, "is missing: what happened? for example job.created"
    elif not isinstance(value, str):
        yield pointer, "must be text"
    elif not _TYPE.fullmatch(value):
        yield pointer, "must be a name without spaces, for example job.created"
    elif len(value) > LONGEST_WORD:
        yield pointer, f"longer than {LONGEST_WORD} characters"
    elif value == "*" or value.endswith(".*"):
        yield pointer, "an event's type is a name, not a pattern"


def _time_problems(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    try:
        from_rfc3339(value)
    except (TypeError, ValueError):
        yield pointer, "must be an RFC 3339 time with a zone, for example 2026-03-29T00:50:00Z"


def _is_deeper(value: Json, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if levels == 0:
        return True
    items = value.values() if isinstance(value, dict) else value
    return any(_is_deeper(item, levels - 1) for item in items)


def _refused(problems: list[tuple[str, str]]) -> IntakeError:
    first_place, first = problems[0]
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return IntakeError(f"{first_place or 'the body'}: {first}{more}", problems=problems)
