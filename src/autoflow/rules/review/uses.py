"""Every reference of a rule, with the place where it stands and the events that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from autoflow.errors import AutoflowError
from autoflow.matching.paths import parse_reference, write_reference
from autoflow.model.condition import Condition, Leaf, Not, Reference
from autoflow.model.json import Json
from autoflow.model.rule import Rule
from autoflow.rules.params import LITERAL, is_typed_value
from autoflow.strict_yaml import Pointer
from autoflow.templates import TemplateLibrary, referenced_paths

_ALONE = re.compile(r"\s*\{\{\s*([^{}|\s]+)\s*\}\}\s*")
_MAY_BE_MISSING = ("exists", "isEmpty", "isNotEmpty", "notExists")


class Use(NamedTuple):
    """One reference where it is read."""

    reference: Reference
    at: Pointer
    #: as it stands there
    word: str
    #: names of the events that it is about, any of them
    events: tuple[str, ...]
    #: whether the rule knows that it may be missing
    optional: bool = False
    #: the comparison that reads it, on its left side
    leaf: Leaf | None = None
    trail: tuple[int, ...] | None = None
    #: the named template that reads it
    template: str | None = None
    #: whether it is all there is in a text that could be a value
    alone: bool = False
    #: whether it is a key of a cancel_on
    is_key: bool = False


def uses_of(rule: Rule, library: TemplateLibrary) -> Iterator[Use]:
    """All that the rule reads of events, in its order."""
    woken = tuple(name for pattern in rule.triggers for name in pattern.events)
    for index, pattern in enumerate(rule.triggers):
        yield from _in_condition(pattern.when, ("trigger", index, "when"), pattern.events)
    for index, cancel_on in enumerate(rule.cancel_on):
        at: Pointer = ("cancel_on", index)
        for pair in cancel_on.by:
            for reference, events in ((pair.left, woken), (pair.right, cancel_on.pattern.events)):
                yield Use(reference, (*at, "by"), write_reference(reference), events, is_key=True)
        yield from _in_condition(cancel_on.pattern.when, (*at, "when"), cancel_on.pattern.events)
    yield from _in_condition(rule.when, ("when",), woken)
    for index, step in enumerate(rule.actions):
        for name, value in step.params.items():
            place: Pointer = ("actions", index, step.type, name)
            if name == "template" and isinstance(value, str):
                yield from _in_template(value, library, place, woken)
            else:
                yield from _in_value(value, place, woken, typed=name in ("payload", "data"))


def _in_template(name: str, library: TemplateLibrary, at: Pointer, events: tuple[str, ...]) -> Iterator[Use]:
    for path in sorted(library.referenced_paths(name)):
        yield from _parsed(path, at, events, template=name)


def _in_condition(condition: Condition | None, at: Pointer, events: tuple[str, ...]) -> Iterator[Use]:
    stack: list[tuple[Condition, tuple[int, ...]]] = [] if condition is None else [(condition, ())]
    while stack:
        part, trail = stack.pop()
        if isinstance(part, Leaf):
            optional = part.operator.endswith(_MAY_BE_MISSING)
            word = write_reference(part.left)
            yield Use(part.left, at, word, events, optional=optional, leaf=part, trail=trail)
            if isinstance(part.value, Reference):
                yield Use(part.value, at, write_reference(part.value), events, trail=trail)
        else:
            parts = (part.condition,) if isinstance(part, Not) else part.conditions
            stack += [(inner, (*trail, number)) for number, inner in reversed(list(enumerate(parts)))]


def _in_value(value: Json, at: Pointer, events: tuple[str, ...], *, typed: bool) -> Iterator[Use]:
    if isinstance(value, str):
        alone = _ALONE.fullmatch(value) if typed else None
        for path in sorted(referenced_paths(value)):
            optional = _may_be_missing(path, value)
            for use in _parsed(path, at, events):
                yield use._replace(optional=optional, alone=alone is not None and alone[1] == path)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _in_value(part, (*at, index), events, typed=typed)
    elif isinstance(value, Mapping) and set(value) != {LITERAL}:
        if is_typed_value(value):
            for use in _parsed(value["fact"], (*at, "fact"), events):
                yield use._replace(optional="default" in value)
        else:
            for key, part in value.items():
                yield from _in_value(part, (*at, key), events, typed=typed)


def _parsed(path: str, at: Pointer, events: tuple[str, ...], template: str | None = None) -> Iterator[Use]:
    try:
        reference = parse_reference(path)
    except AutoflowError:
        return  # a name that only a template can have
    yield Use(reference, at, path, events, template=template)


def _may_be_missing(path: str, source: str) -> bool:
    """Whether a template asks for a value only where it is there, or has another in its place."""
    name = re.escape(path)
    asked = rf"\{{%-?\s*(?:el)?if\b[^%]*\b{name}\b|\b{name}\s*\|\s*(?:default|d)\b|\b{name}\s+is\b|\bif\s+{name}\b"
    return re.search(asked, source) is not None
