"""One value from outside to the envelope of an event: names in one spelling, every mistake with its place.

Before it: the decoder, which has read the JSON. After it: the event. CloudEvents keep their own names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo

from autoflow.clock import Millis, from_rfc3339
from autoflow.model.event import is_engine_type
from autoflow.model.json import Json

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

Mistakes = list[tuple[str, str]]
"""(JSON pointer, what is wrong) of each mistake."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TYPE = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_YEAR_10000 = 253_402_300_800_000


@dataclass(slots=True, kw_only=True)
class Envelope:
    """The parts of an event that was read without a mistake."""

    named: dict[str, Json]
    extensions: dict[str, Json]
    #: when the sender says it happened
    time: Millis | None


def read_envelope(
    value: Json, pointer: str, mistakes: Mistakes, *, is_cloudevent: bool = False, zone: tzinfo | None = None
) -> Envelope | None:
    """The envelope of a value, or None after its mistakes were added. `zone` is that of times without one."""
    if not isinstance(value, dict):
        mistakes.append((pointer, 'an event is an object: {"type": "...", "data": {...}}'))
        return None
    before = len(mistakes)
    named: dict[str, Json] = {}
    others: dict[str, Json] = {}
    for key, item in value.items():
        if key not in KNOWN:
            others[key] = item
        elif item is not None:  # null means: not set
            named[key] = item
    spelled: dict[str, str] = {}
    extensions = others
    if others and not is_cloudevent:
        extensions = _take_spellings(named, others, spelled, mistakes, pointer)
    for name in ("id", "source", "account", "subject"):
        item = named.get(name)
        if item is not None and (wrong := _judge_word(name, item)):
            mistakes.append((f"{pointer}/{spelled.get(name, name)}", wrong))
    if wrong := judge_type(named.get("type")):
        mistakes.append((f"{pointer}/{spelled.get('type', 'type')}", wrong))
    time = None
    if "time" in named and (time := read_time(named["time"], None if is_cloudevent else zone)) is None:
        place = f"{pointer}/{spelled.get('time', 'time')}"
        mistakes.append((place, "must be an RFC 3339 time, for example 2026-03-29T00:50:00Z"))
    if is_cloudevent or "specversion" in named or "data_base64" in others:
        _judge_cloudevent(named, others, mistakes, pointer, is_strict=is_cloudevent)
    return Envelope(named=named, extensions=extensions, time=time) if len(mistakes) == before else None


def judge_id(text: str) -> str | None:
    """What is wrong with an id; None for a good one."""
    return _judge_word("id", text)


def read_time(value: Json, zone: tzinfo | None = None) -> Millis | None:
    """The moment of an RFC 3339 time; None for anything else, and for times that could not be written out again."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        moment = from_rfc3339(value.upper(), zone)
    except ValueError:
        return None
    return moment if 0 <= moment < _YEAR_10000 else None


def _take_spellings(
    named: dict[str, Json], others: dict[str, Json], spelled: dict[str, str], mistakes: Mistakes, pointer: str
) -> dict[str, Json]:
    """Put other spellings under their name; what is left are extensions."""
    extensions: dict[str, Json] = {}
    for key, item in others.items():
        name = ALIASES.get(key)
        if name is None or (name in named and name not in spelled):
            extensions[key] = item  # where the plain name is given, this is something of the sender's own
        elif item is None:
            continue
        elif name not in spelled:
            named[name], spelled[name] = item, key
        elif item != named[name] or type(item) is not type(named[name]):
            mistakes.append((f"{pointer}/{key}", f"says another {name} than {spelled[name]}: keep one of both"))
    return extensions


def _judge_word(name: str, value: Json) -> str | None:
    if name == "id" and type(value) is int:
        value = str(value)
    if not isinstance(value, str):
        return "must be text"
    if not value:
        return "must not be empty"
    if len(value) > LONGEST_WORD:
        return f"longer than {LONGEST_WORD} characters"
    return "holds a control character" if _CONTROL.search(value) else None


def judge_type(value: Json) -> str | None:
    """What is wrong with an event's type; None for a good one."""
    if value is None:
        return "is missing: what happened? for example job.created"
    if not isinstance(value, str):
        return "must be text"
    if not _TYPE.fullmatch(value):
        return "must be a name without spaces, for example job.created"
    if len(value) > LONGEST_WORD:
        return f"longer than {LONGEST_WORD} characters"
    if value[-1] == "*" and (value == "*" or value.endswith(".*")):
        return "an event's type is a name, not a pattern"
    return "types that begin with autoflow. are the engine's own" if is_engine_type(value) else None


def _judge_cloudevent(
    named: dict[str, Json], others: dict[str, Json], mistakes: Mistakes, pointer: str, *, is_strict: bool
) -> None:
    if is_strict:
        for name in ("specversion", "id", "source"):
            if name not in named:
                mistakes.append((f"{pointer}/{name}", "is missing: every CloudEvent has one"))
    if named.get("specversion", "1.0") != "1.0":
        mistakes.append((f"{pointer}/specversion", 'only CloudEvents "1.0" is understood'))
    if "data_base64" in others:
        mistakes.append((f"{pointer}/data_base64", "binary data is not taken; send JSON in data"))
