"""What a rule may look like: the keys it has, and what may stand at each. Before it: one spelling; after it: the
builder.

Every error of a rule is found at once and said in our words. Conditions and the parameters of actions are
checked by the builder, which knows the actions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from autoflow.model.json import Json, JsonObject
from autoflow.model.retry import PRESETS, parse_retry
from autoflow.model.span import parse_span
from autoflow.model.step import RetryPolicy
from autoflow.rules import codes
from autoflow.rules.findings import Findings, known_words, near_match
from autoflow.rules.vocabulary import MEANT, NOT_YET_PATTERN_KEYS, NOT_YET_RULE_KEYS
from autoflow.strict_yaml import Pointer

_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_EVENT = re.compile(r"\*|[^\s*{},\"']+(?:\.\*)?")
_BLANKS = re.compile(r"\s")
MAX_ID = 128
MAX_NAME = 255

Read = Callable[[Json, Pointer, Findings], Any]
"""Reads what stands at a key: the value as it is used, or a note of what is wrong with it."""


class PatternShape(NamedTuple):
    """Which events are meant."""

    event: Sequence[str]
    source: Sequence[str] = ()
    when: Json = None


class CancelShape(NamedTuple):
    """Which events end waiting and running work, and what must be equal."""

    event: Sequence[str]
    by: Json
    source: Sequence[str] = ()
    when: Json = None


class RuleShape(NamedTuple):
    """A rule in canonical spelling."""

    id: str
    trigger: Sequence[PatternShape]
    actions: Sequence[Json]
    name: str = ""
    description: str | None = None
    labels: Sequence[str] = ()
    account: str = "default"
    enabled: Json = True
    delay: int = 0
    cancel_on: Sequence[CancelShape] = ()
    when: Json = None
    retry: RetryPolicy | None = None
    on_change: str = "finish_old"
    #: read where tests are played, by nobody else
    tests: Json = None


class _Key(NamedTuple):
    """A key of a map: how what stands there is read."""

    read: Read
    needed: bool = False
    #: whether nothing may stand there
    nullable: bool = False


def check_shape(rule: JsonObject, findings: Findings) -> RuleShape | None:
    """The rule in its shape, or None where something was found to be wrong with it."""
    known = _drop_what_comes_later(rule, findings)
    read = _read_map(known, _RULE_KEYS, (), findings)
    return None if findings.failed else RuleShape(**read)


def _read_map(value: JsonObject, keys: Mapping[str, _Key], at: Pointer, findings: Findings) -> dict[str, Any]:
    """What stands at the keys; first what is wrong with those that are known, in their order."""
    read: dict[str, Any] = {}
    for name, key in keys.items():
        if name not in value:
            if key.needed:
                _note_missing((*at, name), findings)
        elif value[name] is None and not key.nullable:
            _note_nothing((*at, name), findings)
        else:
            read[name] = key.read(value[name], (*at, name), findings)
    for name in value:
        if name not in keys:
            _note_unknown((*at, name), keys, findings)
    return read


def _read_anything(value: Json, at: Pointer, findings: Findings) -> Json:
    return value


def _read_text(value: Json, at: Pointer, findings: Findings) -> str:
    if isinstance(value, str):
        return value
    hint = None
    if isinstance(value, bool | int | float):
        hint = f'quote it: "{str(value).lower() if isinstance(value, bool) else value}"'
    _note_shape(at, "text", value, findings, hint)
    return ""


def _read_id(value: Json, at: Pointer, findings: Findings) -> str:
    text = _read_text(value, at, findings)
    if isinstance(value, str) and (len(text) > MAX_ID or not _ID.fullmatch(text)):
        hint = f"lower-case letters, digits, . _ and -, at most {MAX_ID} characters"
        findings.add(at, codes.WRONG_ID, f"{text[:40]!r} cannot be an id", hint)
    return text


def _read_name(value: Json, at: Pointer, findings: Findings) -> str:
    text = _read_text(value, at, findings)
    if value == "":
        _note_empty(at, findings)
    return text


def _read_description(value: Json, at: Pointer, findings: Findings) -> str | None:
    return None if value is None else _read_text(value, at, findings)


def _read_word(value: Json, at: Pointer, findings: Findings) -> str:
    text = _read_text(value, at, findings)
    if isinstance(value, str) and (not text or _BLANKS.search(text) or len(text) > MAX_NAME):
        findings.add(at, codes.WRONG_VALUE, f"{text[:40]!r} is not one word")
    return text


def _read_event(value: Json, at: Pointer, findings: Findings) -> str:
    text = _read_text(value, at, findings)
    if "{{" in text:
        message = "an event's name is never a template"
        findings.add(at, codes.TEMPLATE_PLACE, message, "name the event as it is sent")
    elif isinstance(value, str) and (len(text) > MAX_NAME or not _EVENT.fullmatch(text)):
        hint = 'a name (job.created), a prefix (job.*), "*", or a list of them'
        findings.add(at, codes.EVENT_NAME, f"{text[:60]!r} names no event", hint)
    return text


def _read_enabled(value: Json, at: Pointer, findings: Findings) -> Json:
    if not isinstance(value, bool) and value != "shadow":
        findings.add(at, codes.WRONG_VALUE, f"enabled cannot be {value!r}", "write true, false or shadow")
    return value


def _read_span(value: Json, at: Pointer, findings: Findings) -> int:
    if isinstance(value, dict) and "until" in value:
        message = "'delay: { until: ... }' is not there yet in this release"
        findings.add(at, codes.NOT_YET, message, "write a span: 5m")
    elif isinstance(value, dict | list | bool):
        _note_shape(at, "a span", value, findings)
    else:
        try:
            return parse_span(str(value))
        except ValueError as error:
            findings.add(at, codes.WRONG_SPAN, str(error))
    return 0


def _read_retry(value: Json, at: Pointer, findings: Findings) -> RetryPolicy | None:
    try:
        return None if value is None else parse_retry(value)
    except ValueError as error:
        findings.add(at, codes.WRONG_RETRY, str(error), near_match(value, PRESETS))
    return None


def _read_on_change(value: Json, at: Pointer, findings: Findings) -> Json:
    if value == "migrate":
        message = "'on_change: migrate' is not there yet in this release"
        findings.add(at, codes.NOT_YET, message, "finish_old or cancel")
    elif value not in ("finish_old", "cancel"):
        hint = "one of 'finish_old' or 'cancel'"
        findings.add(at, codes.WRONG_VALUE, f"{_name(at)} cannot be {value!r}", hint)
    return value


def _list_of(read: Read, *, least: int = 0) -> Read:
    """Reads a list of so many at least."""

    def read_list(value: Json, at: Pointer, findings: Findings) -> list[Any]:
        if not isinstance(value, list):
            _note_no_list(at, value, findings)
            return []
        if len(value) < least:
            _note_empty(at, findings)
        return [_read_item(read, item, (*at, index), findings) for index, item in enumerate(value)]

    return read_list


def _read_item(read: Read, item: Json, at: Pointer, findings: Findings) -> Any:
    if item is None and read is not _read_anything:
        _note_nothing(at, findings)
        return None
    return read(item, at, findings)


def _read_pattern(value: Json, at: Pointer, findings: Findings) -> PatternShape | CancelShape | None:
    cancels = at[0] == "cancel_on"
    if not isinstance(value, dict):
        _note_shape(at, "a map", value, findings, _pattern_hint(at, value))
        return None
    read = _read_map(value, _CANCEL_KEYS if cancels else _PATTERN_KEYS, at, findings)
    if findings.failed:
        return None
    return CancelShape(**read) if cancels else PatternShape(**read)


_PATTERN_KEYS = {
    "event": _Key(read=_list_of(_read_event, least=1), needed=True),
    "source": _Key(read=_list_of(_read_word, least=1)),
    "when": _Key(read=_read_anything, nullable=True),
}
_CANCEL_KEYS = {**_PATTERN_KEYS, "by": _Key(read=_read_anything, needed=True, nullable=True)}
_RULE_KEYS = {
    "id": _Key(read=_read_id, needed=True),
    "name": _Key(read=_read_name),
    "description": _Key(read=_read_description, nullable=True),
    "labels": _Key(read=_list_of(_read_word)),
    "account": _Key(read=_read_word),
    "enabled": _Key(read=_read_enabled),
    "trigger": _Key(read=_list_of(_read_pattern, least=1), needed=True),
    "delay": _Key(read=_read_span),
    "cancel_on": _Key(read=_list_of(_read_pattern)),
    "when": _Key(read=_read_anything, nullable=True),
    "retry": _Key(read=_read_retry, nullable=True),
    "on_change": _Key(read=_read_on_change),
    "actions": _Key(read=_list_of(_read_anything, least=1), needed=True),
    "tests": _Key(read=_read_anything, nullable=True),
}


def _drop_what_comes_later(rule: JsonObject, findings: Findings) -> dict[str, Json]:
    """The rule without what this release does not have, each of which is refused by name."""
    known: dict[str, Json] = {}
    for key, value in rule.items():
        if key in NOT_YET_RULE_KEYS:
            _refuse_key((key,), findings)
        elif key in ("trigger", "cancel_on") and isinstance(value, list):
            known[key] = [
                _drop_pattern_keys(item, (key, index), findings) if isinstance(item, dict) else item
                for index, item in enumerate(value)
            ]
        else:
            known[key] = value
    return known


def _drop_pattern_keys(pattern: JsonObject, at: Pointer, findings: Findings) -> JsonObject:
    later = _LATER_IN_CANCEL if at[0] == "cancel_on" else NOT_YET_PATTERN_KEYS
    refused = [key for key in pattern if key in later]
    if not refused:
        return pattern
    hint = "keys that must be equal stand in cancel_on" if refused == ["by"] else None
    for key in refused:
        _refuse_key((*at, key), findings, hint)
    known = {key: value for key, value in pattern.items() if key not in later}
    if "event" not in known:
        # It was refused by name; that it also names no event would only confuse.
        known["event"] = ["later"]
    return known


_LATER_IN_CANCEL = NOT_YET_PATTERN_KEYS - {"by"}


def _refuse_key(pointer: Pointer, findings: Findings, hint: str | None = None) -> None:
    message = f"{pointer[-1]!r} is not there yet in this release"
    findings.add(pointer, codes.NOT_YET, message, hint, on_key=True)


_MISSING_HINTS = {
    "id": "give one, for example: id: notify-technician",
    "trigger": "say which event wakes the rule: trigger: { event: job.created }",
    "actions": "say what it does: actions: [...]",
    "event": "name the event: { event: job.created }",
    "by": "say what must be equal: by: job.id; or by: [] for every run of this rule",
}


def _note_missing(pointer: Pointer, findings: Findings) -> None:
    key = str(pointer[-1])
    owner = "the rule" if len(pointer) == 1 else str(pointer[0])
    findings.add(pointer[:-1], codes.MISSING_KEY, f"{owner} has no {key!r}", _MISSING_HINTS.get(key))


def _note_unknown(pointer: Pointer, keys: Mapping[str, _Key], findings: Findings) -> None:
    key = str(pointer[-1])
    meant = MEANT.get(key)
    hint = f"did you mean {meant}?" if meant in keys else near_match(key, keys) or known_words(keys)
    findings.add(pointer, codes.UNKNOWN_KEY, f"unknown key {key!r}", hint, on_key=True)


def _note_nothing(at: Pointer, findings: Findings) -> None:
    findings.add(at, codes.NO_VALUE, f"{_name(at)} needs a value", "give one, or leave the key out")


def _note_empty(at: Pointer, findings: Findings) -> None:
    findings.add(at, codes.WRONG_VALUE, f"{_name(at)} must not be empty")


def _note_no_list(at: Pointer, value: Json, findings: Findings) -> None:
    wanted = "a map or a list of maps" if at in (("trigger",), ("cancel_on",)) else "a list"
    hint = "begin each step with '-'" if at == ("actions",) else _pattern_hint(at, value)
    _note_shape(at, wanted, value, findings, hint)


def _pattern_hint(at: Pointer, value: Json) -> str | None:
    """How a pattern is written, for one that is a mere text."""
    if at[0] not in ("trigger", "cancel_on") or not isinstance(value, str):
        return None
    by = ", by: job.id" if at[0] == "cancel_on" else ""
    return f"write {at[0]}: {{ event: {value}{by} }}"


def _note_shape(at: Pointer, wanted: str, value: Json, findings: Findings, hint: str | None = None) -> None:
    findings.add(at, codes.WRONG_SHAPE, f"{_name(at)} must be {wanted}, not {shape_of(value)}", hint)


def shape_of(value: Json) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else f"the number {value}"


def _name(pointer: Pointer) -> str:
    names = [str(step) for step in pointer if isinstance(step, str)]
    return ".".join(names)
