"""What a rule reads of an event, and which of it an event lacks: conditions, keys, templates and facts alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from autoflow.errors import AutoflowError
from autoflow.matching.lookup import MISSING
from autoflow.matching.near import write_near
from autoflow.matching.nodes import walk
from autoflow.matching.paths import compile_reference, parse_reference, write_reference
from autoflow.model.condition import Condition, Leaf, Reference
from autoflow.model.event import Event, facts_of
from autoflow.model.json import Json
from autoflow.model.rule import Rule
from autoflow.rules.params import is_typed_value
from autoflow.rules.rulebook import pattern_means
from autoflow.templates import TemplateLibrary, referenced_paths

TEMPLATE = "template"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value that a rule reads, and whether an event has it."""

    path: str
    #: `trigger.when`, `when`, `cancel_on.by`, or an action's place and parameter: `1.message`
    used_in: tuple[str, ...]
    found: bool
    #: what the event has that is spelled much like it
    near: str | None = None


def find_fields(rule: Rule, event: Event, library: TemplateLibrary) -> tuple[Field, ...]:
    """Everything that the rule reads when this event wakes it, in the order of the rule."""
    places: dict[Reference, dict[str, None]] = {}
    for reference, place in _read(rule, event, library):
        places.setdefault(reference, {})[place] = None
    facts = facts_of(event)
    return tuple(_field(reference, tuple(used), facts) for reference, used in places.items())


def field_to_json(field: Field) -> dict[str, Json]:
    """As the answers of `test-rule --json` have it."""
    return {"path": field.path, "used_in": list(field.used_in), "found": field.found, "near": field.near}


def _field(reference: Reference, used_in: tuple[str, ...], facts: Mapping[str, Json]) -> Field:
    found = compile_reference(reference)(facts) is not MISSING
    near = None if found else write_near(reference, facts)
    return Field(path=write_reference(reference), used_in=used_in, found=found, near=near)


def _read(rule: Rule, event: Event, library: TemplateLibrary) -> Iterator[tuple[Reference, str]]:
    for pattern in rule.triggers:
        if pattern.when is not None and pattern_means(pattern, event.type):
            yield from ((reference, "trigger.when") for reference in _of_condition(pattern.when))
    for cancel_on in rule.cancel_on:
        yield from ((pair.left, "cancel_on.by") for pair in cancel_on.by)
    if rule.when is not None:
        yield from ((reference, "when") for reference in _of_condition(rule.when))
    for step in rule.actions:
        for name, value in step.params.items():
            paths = library.referenced_paths(value) if name == TEMPLATE else _of_value(value)
            yield from ((reference, f"{step.path}.{name}") for reference in _parsed(paths))


def _of_condition(condition: Condition) -> Iterator[Reference]:
    for part in walk(condition):
        if isinstance(part, Leaf):
            yield part.left
            if isinstance(part.value, Reference):
                yield part.value


def _of_value(value: Json) -> Iterator[str]:
    """The paths in a parameter, in its own order; a fact with a default is not missed where it is missing."""
    if isinstance(value, str):
        yield from sorted(referenced_paths(value))
    elif isinstance(value, list):
        for part in value:
            yield from _of_value(part)
    elif isinstance(value, Mapping) and set(value) != {"literal"}:
        if not is_typed_value(value):
            for part in value.values():
                yield from _of_value(part)
        elif "default" not in value:
            yield value["fact"]


def _parsed(paths: Iterator[str] | frozenset[str]) -> Iterator[Reference]:
    for path in sorted(paths) if isinstance(paths, frozenset) else paths:
        try:
            yield parse_reference(path)
        except AutoflowError:
            continue  # a name that only a template can have
