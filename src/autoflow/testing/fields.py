"""What scenario files are made of: kinds of values, each with how it is read and how a JSON Schema says so.

The tables of keys stand in `keys`; the reader and the schema are both made of them, so that they cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from autoflow.model.json import Json, JsonObject
from autoflow.model.json_schema import closed_map, describe
from autoflow.model.span import parse_span
from autoflow.rules.findings import Findings, known_words, near_match
from autoflow.rules.parts import Part
from autoflow.rules.schema import shape_of
from autoflow.strict_yaml import Pointer
from autoflow.testing import codes
from autoflow.testing.scenario import Moment, Spot

SPAN_SCHEMA: JsonObject = {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d|w))+$", "examples": ["30s", "5m", "1h30m"]}

_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """The part that is being read, and what was found to be wrong with it."""

    part: Part
    #: paths in the file start from here
    folder: Path
    #: spans and times that depend on nothing else are read in this zone where none is written
    findings: Findings = field(default_factory=Findings)

    def add(
        self,
        at: Pointer,
        message: str,
        hint: str | None = None,
        *,
        code: str = codes.WRONG_VALUE,
        on_key: bool = False,
    ) -> None:
        """Note an error."""
        self.findings.add(at, code, message, hint, on_key=on_key)

    def spot(self, at: Pointer) -> Spot:
        """Where that stands."""
        return Spot(part=self.part, pointer=at)


Read = Callable[[Json, Pointer, Notes], Any]
"""Reads what stands at a place: the value as it is used, or a note of what is wrong with it, and None."""


class Kind(NamedTuple):
    """One kind of value."""

    read: Read
    schema: JsonObject


class Key(NamedTuple):
    """A key of a map."""

    kind: Kind
    doc: str
    needed: bool = False


Keys = Mapping[str, Key]


def texts(read: Callable[[str], Any], wanted: str, schema: JsonObject | None = None) -> Kind:
    """A text that is read by a function, which raises ValueError where it cannot be."""

    def read_text(value: Json, at: Pointer, notes: Notes) -> Any:
        if not isinstance(value, str):
            note_shape(value, at, wanted, notes)
            return None
        try:
            return read(value)
        except ValueError as error:
            notes.add(at, str(error))
            return None

    return Kind(read=read_text, schema=schema or {"type": "string", "minLength": 1})


def words(*choices: str) -> Kind:
    """One of a few words."""

    def read(value: Json, at: Pointer, notes: Notes) -> Any:
        if value in choices and isinstance(value, str):
            return value
        hint = (near_match(value, choices) if isinstance(value, str) else None) or known_words(choices)
        notes.add(at, f"{_name(at)} cannot be {_show(value)}", hint)
        return None

    return Kind(read=read, schema={"enum": list(choices)})


def numbers(lowest: int, highest: int) -> Kind:
    """A whole number between two."""

    def read(value: Json, at: Pointer, notes: Notes) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        notes.add(at, f"{_name(at)} is a whole number from {lowest} to {highest}, not {_show(value)}")
        return None

    return Kind(read=read, schema={"type": "integer", "minimum": lowest, "maximum": highest})


def lists(item: Kind, *, least: int = 0) -> Kind:
    """A list of so many at least; what could not be read is left out."""

    def read(value: Json, at: Pointer, notes: Notes) -> Any:
        if not isinstance(value, list):
            note_shape(value, at, "a list", notes)
            return ()
        if len(value) < least:
            notes.add(at, f"{_name(at)} must not be empty")
        found = [item.read(part, (*at, index), notes) for index, part in enumerate(value)]
        return tuple(one for one in found if one is not None)

    return Kind(read=read, schema={"type": "array", "items": item.schema, "minItems": least})


def one_or_list(item: Kind) -> Kind:
    """One, or a list of them; read as a list."""
    several = lists(item, least=1)

    def read(value: Json, at: Pointer, notes: Notes) -> Any:
        if isinstance(value, list):
            return several.read(value, at, notes)
        one = item.read(value, at, notes)
        return () if one is None else (one,)

    return Kind(read=read, schema={"anyOf": [item.schema, several.schema]})


def names(item: Kind, what: str) -> Kind:
    """A map of names to values of one kind."""

    def read(value: Json, at: Pointer, notes: Notes) -> Any:
        if not isinstance(value, dict):
            note_shape(value, at, f"a map of {what}", notes)
            return {}
        found = {name: item.read(part, (*at, name), notes) for name, part in value.items()}
        return {name: one for name, one in found.items() if one is not None}

    return Kind(read=read, schema={"type": "object", "additionalProperties": item.schema})


def maps(keys: Keys, make: Callable[..., Any] = dict) -> Kind:
    """A map of these keys and no others. None where one is missing."""

    def read(value: Json, at: Pointer, notes: Notes) -> Any:
        found = read_keys(value, keys, at, notes)
        return None if found is None else make(**found)

    return Kind(read=read, schema=schema_of(keys))


def read_keys(value: Json, keys: Keys, at: Pointer, notes: Notes) -> dict[str, Any] | None:
    """What stands at these keys; None where it is no map, or one that is needed is missing."""
    if not isinstance(value, dict):
        note_shape(value, at, "a map", notes)
        return None
    for name in value:
        if name not in keys:
            hint = near_match(name, keys) or known_words(keys)
            notes.add((*at, name), f"unknown key {name!r}", hint, code=codes.UNKNOWN_KEY, on_key=True)
    missing = [name for name, key in keys.items() if key.needed and name not in value]
    for name in missing:
        doc = keys[name].doc
        about = f"{name}: {doc[:1].lower()}{doc[1:].rstrip('.')}" if doc else None
        notes.add(at, f"{_whole(at)} has no {name!r}", about, code=codes.MISSING_KEY)
    read: dict[str, Any] = {}
    for name, key in keys.items():
        if name in value and value[name] is None:
            hint = "give one, or leave the key out"
            notes.add((*at, name), f"{name} needs a value", hint, code=codes.WRONG_SHAPE, on_key=True)
        elif name in value:
            one = key.kind.read(value[name], (*at, name), notes)
            read |= {} if one is None else {name: one}
    return None if missing else read


def schema_of(keys: Keys) -> JsonObject:
    """The JSON Schema of a map of these keys."""
    properties = {name: describe(key.kind.schema, name, key.doc) for name, key in keys.items()}
    return closed_map(properties, [name for name, key in keys.items() if key.needed])


def note_shape(value: Json, at: Pointer, wanted: str, notes: Notes, hint: str | None = None) -> None:
    """Note that a value of another shape is wanted."""
    if isinstance(value, bool | int | float) and wanted == "text" and hint is None:
        hint = f'quote it: "{_show(value)}"'
    notes.add(at, f"{_name(at)} must be {wanted}, not {shape_of(value)}", hint, code=codes.WRONG_SHAPE)


_FIRST_YEAR, _LAST_YEAR = 1971, 9998
"""Times are milliseconds since 1970, and a zone may lie a day off at either end."""


def read_moment(text: str) -> Moment:
    """`09:00`, or a day and a time."""
    if _TIME_OF_DAY.fullmatch(text):
        return Moment(value=time.fromisoformat(text.zfill(8) if text.count(":") == 2 else text.zfill(5)))
    return Moment(value=read_datetime(text))


def read_datetime(text: str) -> datetime:
    """A day and a time, with or without an offset."""
    if _MOMENT.fullmatch(text):
        try:
            read = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is no time: {error}") from error
        if not _FIRST_YEAR <= read.year <= _LAST_YEAR:
            raise ValueError(f"{text!r} is too far away; the clock knows the years {_FIRST_YEAR} to {_LAST_YEAR}")
        return read
    raise ValueError(f"{text!r} is no time; write 2026-03-29T09:00:00, or with an offset 2026-03-29T09:00:00+02:00")


def _read_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"{text!r} is no time zone; write for example Europe/Berlin") from None
    return text


def _read_span(value: Json, at: Pointer, notes: Notes) -> Any:
    if isinstance(value, dict | list | bool) or value is None:
        note_shape(value, at, "a span", notes, "write for example 5m")
        return None
    try:
        return parse_span(str(value))
    except ValueError as error:
        notes.add(at, str(error))
        return None


def _read_flag(value: Json, at: Pointer, notes: Notes) -> Any:
    if isinstance(value, bool):
        return value
    note_shape(value, at, "true or false", notes)
    return None


def _read_word(text: str) -> str:
    if not text.strip():
        raise ValueError("this is empty")
    return text


def _show(value: Json) -> str:
    return (
        str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)[:60]
    )


def _whole(at: Pointer) -> str:
    """A map by its key; one of a list by its place in it."""
    return f"item {at[-1] + 1} of {_name(at)}" if at and isinstance(at[-1], int) else _name(at)


def _name(at: Pointer) -> str:
    names: Sequence[str] = [str(step) for step in at if isinstance(step, str)]
    return names[-1] if names else "it"


TEXT = texts(_read_word, "text")
ZONE = texts(_read_zone, "text", {"type": "string", "examples": ["Europe/Berlin", "America/New_York", "UTC"]})
DATETIME = texts(read_datetime, "text", {"type": "string", "examples": ["2026-03-29T00:50:00"]})
MOMENT = texts(read_moment, "text", {"type": "string", "examples": ["09:00", "2026-03-29T09:00:00"]})
SPAN = Kind(read=_read_span, schema=SPAN_SCHEMA)
FLAG = Kind(read=_read_flag, schema={"type": "boolean"})
ANYTHING = Kind(read=lambda value, at, notes: value, schema={})
