"""What a rule may look like, as pydantic models. Before it: one spelling; after it: the builder.

Every error of a rule is found at once and said in our words. Conditions and the parameters of actions are
checked by the builder, which knows the actions. Imported only where rules are loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from autoflow.model.json import Json, JsonObject
from autoflow.model.retry import PRESETS, parse_retry
from autoflow.model.span import parse_span
from autoflow.model.step import RetryPolicy
from autoflow.rules import codes
from autoflow.rules.findings import Findings, known_words, near_match
from autoflow.rules.json_schema import rule_json_schema
from autoflow.rules.vocabulary import MEANT, NOT_YET_PATTERN_KEYS, NOT_YET_RULE_KEYS
from autoflow.strict_yaml import Pointer

__all__ = ["CancelModel", "PatternModel", "RuleModel", "check_shape", "rule_json_schema", "shape_of"]

_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_EVENT = re.compile(r"\*|[^\s*{},\"']+(?:\.\*)?")
_BLANKS = re.compile(r"\s")
MAX_ID = 128
MAX_NAME = 255


def _fail(code: str, message: str, hint: str | None = None) -> PydanticCustomError:
    return PydanticCustomError("rule", "{said}", {"code": code, "said": message, "hint": hint})


def _check_id(text: str) -> str:
    if len(text) > MAX_ID or not _ID.fullmatch(text):
        hint = f"lower-case letters, digits, . _ and -, at most {MAX_ID} characters"
        raise _fail(codes.WRONG_ID, f"{text[:40]!r} cannot be an id", hint)
    return text


def _check_word(text: str) -> str:
    if not text or _BLANKS.search(text) or len(text) > MAX_NAME:
        raise _fail(codes.WRONG_VALUE, f"{text[:40]!r} is not one word")
    return text


def _check_event(text: str) -> str:
    if "{{" in text:
        raise _fail(codes.TEMPLATE_PLACE, "an event's name is never a template", "name the event as it is sent")
    if len(text) > MAX_NAME or not _EVENT.fullmatch(text):
        hint = 'a name (job.created), a prefix (job.*), "*", or a list of them'
        raise _fail(codes.EVENT_NAME, f"{text[:60]!r} names no event", hint)
    return text


def _check_enabled(value: Json) -> Json:
    if isinstance(value, bool) or value == "shadow" or value is None:
        return value
    hint = "write true, false or shadow"
    raise _fail(codes.WRONG_VALUE, f"enabled cannot be {value!r}", hint)


def _read_span(value: Json) -> Json:
    if isinstance(value, Mapping) and "until" in value:
        raise _fail(codes.NOT_YET, "'delay: { until: ... }' is not there yet in this release", "write a span: 5m")
    if value is None or isinstance(value, Mapping | list | bool):
        return value
    try:
        return parse_span(str(value))
    except ValueError as error:
        raise _fail(codes.WRONG_SPAN, str(error)) from None


def _read_retry(value: Json) -> Json:
    if value is None:
        return None
    try:
        return parse_retry(value)
    except ValueError as error:
        raise _fail(codes.WRONG_RETRY, str(error), near_match(value, PRESETS)) from None


def _check_on_change(value: Json) -> Json:
    if value == "migrate":
        raise _fail(codes.NOT_YET, "'on_change: migrate' is not there yet in this release", "finish_old or cancel")
    return value


_EXACT = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)

Word = Annotated[str, AfterValidator(_check_word)]
Span = Annotated[int, BeforeValidator(_read_span)]
Retry = Annotated[RetryPolicy, BeforeValidator(_read_retry)]


class PatternModel(BaseModel):
    """Which events are meant."""

    model_config = _EXACT

    event: list[Annotated[str, AfterValidator(_check_event)]] = Field(min_length=1)
    source: list[Word] = Field(default=[], min_length=1)
    when: Any = None


class CancelModel(PatternModel):
    """Which events end waiting and running work, and what must be equal."""

    by: Any


class RuleModel(BaseModel):
    """A rule in canonical spelling."""

    model_config = _EXACT

    id: Annotated[str, AfterValidator(_check_id)]
    name: str = Field(default="", min_length=1)
    description: str | None = None
    labels: list[Word] = []
    account: Word = "default"
    enabled: Annotated[bool | Literal["shadow"], BeforeValidator(_check_enabled)] = True
    trigger: list[PatternModel] = Field(min_length=1)
    delay: Span = 0
    cancel_on: list[CancelModel] = []
    when: Any = None
    retry: Retry | None = None
    on_change: Annotated[Literal["finish_old", "cancel"], BeforeValidator(_check_on_change)] = "finish_old"
    actions: list[Any] = Field(min_length=1)


def check_shape(rule: JsonObject, findings: Findings) -> RuleModel | None:
    """The rule as a model, or None where it has not the shape of a rule."""
    known = _drop_what_comes_later(rule, findings)
    try:
        return RuleModel.model_validate(known)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _note(detail, known, findings)
    return None


def _drop_what_comes_later(rule: JsonObject, findings: Findings) -> dict[str, Json]:
    """The rule without what this release does not have, each of which is refused by name."""
    known: dict[str, Json] = {}
    for key, value in rule.items():
        if key in NOT_YET_RULE_KEYS:
            _refuse_key((key,), findings)
        elif key in ("trigger", "cancel_on") and isinstance(value, list):
            known[key] = [
                _drop_pattern_keys(item, (key, index), findings) if isinstance(item, Mapping) else item
                for index, item in enumerate(value)
            ]
        else:
            known[key] = value
    return known


def _drop_pattern_keys(pattern: JsonObject, at: Pointer, findings: Findings) -> dict[str, Json]:
    later = NOT_YET_PATTERN_KEYS - ({"by"} if at[0] == "cancel_on" else frozenset())
    refused = [key for key in pattern if key in later]
    alone = "by" if refused == ["by"] else None
    for key in refused:
        hint = "keys that must be equal stand in cancel_on" if alone else None
        _refuse_key((*at, key), findings, hint)
    known = {key: value for key, value in pattern.items() if key not in later}
    if refused and "event" not in known:
        # It was refused by name; that it also names no event would only confuse.
        known["event"] = ["later"]
    return known


def _refuse_key(pointer: Pointer, findings: Findings, hint: str | None = None) -> None:
    message = f"{pointer[-1]!r} is not there yet in this release"
    findings.add(pointer, codes.NOT_YET, message, hint, on_key=True)


def _note(detail: ErrorDetails, rule: JsonObject, findings: Findings) -> None:
    pointer = tuple(step for step in detail["loc"] if step not in ("bool", "literal['shadow']"))
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        _note_missing(pointer, findings)
    elif kind == "extra_forbidden":
        _note_unknown(pointer, findings)
    elif value is None:
        findings.add(pointer, codes.NO_VALUE, f"{_name(pointer)} needs a value", "give one, or leave the key out")
    elif kind == "rule":
        context = detail["ctx"]
        findings.add(pointer, context["code"], context["said"], context["hint"])
    elif kind in ("too_short", "string_too_short"):
        findings.add(pointer, codes.WRONG_VALUE, f"{_name(pointer)} must not be empty")
    elif kind == "literal_error":
        message = f"{_name(pointer)} cannot be {value!r}"
        findings.add(pointer, codes.WRONG_VALUE, message, f"one of {detail['ctx']['expected']}")
    else:
        _note_shape(pointer, kind, value, findings)


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


def _note_unknown(pointer: Pointer, findings: Findings) -> None:
    key = str(pointer[-1])
    model = RuleModel if len(pointer) == 1 else CancelModel if pointer[0] == "cancel_on" else PatternModel
    meant = MEANT.get(str(key))
    if meant in model.model_fields:
        hint: str | None = f"did you mean {meant}?"
    else:
        hint = near_match(key, model.model_fields) or known_words(model.model_fields)
    findings.add(pointer, codes.UNKNOWN_KEY, f"unknown key {key!r}", hint, on_key=True)


_WANTED = {
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "bool_type": "true or false",
    "int_type": "a span",
}


def _note_shape(pointer: Pointer, kind: str, value: Json, findings: Findings) -> None:
    wanted = _WANTED.get(kind, "something else")
    hint = None
    if pointer in (("trigger",), ("cancel_on",)):
        wanted = "a map or a list of maps"
    if kind == "string_type" and isinstance(value, bool | int | float):
        hint = f'quote it: "{str(value).lower() if isinstance(value, bool) else value}"'
    elif pointer[0] in ("trigger", "cancel_on") and isinstance(value, str) and kind != "string_type":
        by = ", by: job.id" if pointer[0] == "cancel_on" else ""
        hint = f"write {pointer[0]}: {{ event: {value}{by} }}"
    elif kind == "list_type" and pointer == ("actions",):
        hint = "begin each step with '-'"
    findings.add(pointer, codes.WRONG_SHAPE, f"{_name(pointer)} must be {wanted}, not {shape_of(value)}", hint)


def shape_of(value: Json) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else f"the number {value}"


def _name(pointer: Pointer) -> str:
    names = [str(step) for step in pointer if isinstance(step, str)]
    return ".".join(names)
