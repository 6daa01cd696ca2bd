"""What rules ask of events that the catalogue knows: references to nothing, values that never come, wrong names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from autoflow.matching import codes as condition_codes
from autoflow.matching.wording import write_leaf
from autoflow.model.condition import Leaf, Reference
from autoflow.model.event import is_engine_type
from autoflow.model.json import Json
from autoflow.model.problem import Severity
from autoflow.model.rule import Rule
from autoflow.rules import codes
from autoflow.rules.findings import near_match
from autoflow.rules.review.catalogue import Catalogue, EventShape, data_reference
from autoflow.rules.review.remarks import Remark
from autoflow.rules.review.shapes import Sight, type_of
from autoflow.rules.review.uses import Use, uses_of
from autoflow.strict_yaml import Pointer
from autoflow.templates import TemplateLibrary

_ALIKE = 0.85
_MOST_MORE = 2
"""Letters that a name may have more or less than the one that was meant."""
_TEXT_OPERATORS = frozenset({"startsWith", "endsWith", "containsText", "matches"})
_WORDS = {"number": "a number", "boolean": "true or false", "string": "a text", "array": "a list", "object": "a map"}


def find_in_catalogue(rule: Rule, catalogue: Catalogue, library: TemplateLibrary) -> Iterator[Remark]:
    """What the catalogue says of everything that a rule reads, once of each place."""
    told: set[tuple[Pointer, tuple[int, ...] | None, str, str]] = set()
    for remark in _look_up_all(rule, catalogue, library):
        place = (remark.at, remark.trail, remark.word or "", remark.code)
        if place not in told:
            told.add(place)
            yield remark


def _look_up_all(rule: Rule, catalogue: Catalogue, library: TemplateLibrary) -> Iterator[Remark]:
    for use in uses_of(rule, library):
        shapes, reference = catalogue.of(use.events), data_reference(use.reference)
        if not shapes or reference is None:
            continue
        sights = [shape.look(reference) for shape in shapes]
        if all(sight.there is False for sight in sights):
            yield from _unknown(rule, use, reference, shapes, sights)
        elif use.leaf is not None:
            yield from _wrong_value(rule, use, shapes, sights)
        elif use.alone:
            yield from _lost_type(rule, use, sights)


def find_near_events(rules: Sequence[Rule], catalogue: Catalogue) -> Iterator[Remark]:
    """Events that neither the catalogue nor an emit has, nearly called like one that the catalogue has."""
    emitted = {step.params.get("type") for rule in rules for step in rule.actions if step.type == "emit"}
    for rule in rules:
        for at, name in _names_in(rule):
            if name in catalogue.shapes or name.endswith("*") or is_engine_type(name):
                continue
            likely = [one for one in catalogue.shapes if abs(len(one) - len(name)) <= _MOST_MORE]
            near = get_close_matches(name, likely, n=1, cutoff=_ALIKE)
            if near and (name not in emitted or at[0] == "actions"):
                message = f"the config's events have no {name}"
                yield Remark(rule, at, codes.NEAR_EVENT, message, f"did you mean {near[0]}?")


def _names_in(rule: Rule) -> Iterator[tuple[Pointer, str]]:
    for index, pattern in enumerate(rule.triggers):
        yield from ((("trigger", index, "event", place), name) for place, name in enumerate(pattern.events))
    for index, cancel_on in enumerate(rule.cancel_on):
        names = cancel_on.pattern.events
        yield from ((("cancel_on", index, "event", place), name) for place, name in enumerate(names))
    for index, step in enumerate(rule.actions):
        name = step.params.get("type") if step.type == "emit" else None
        if isinstance(name, str):
            yield ("actions", index, "emit", "type"), name


def _unknown(
    rule: Rule, use: Use, reference: Reference, shapes: Sequence[EventShape], sights: Sequence[Sight]
) -> Iterator[Remark]:
    near = next((near for shape in shapes if (near := shape.near(reference)) is not None), None)
    if use.optional and near is None:
        return
    certain = all(sight.by_schema for sight in sights)
    events = " or ".join(shape.name for shape in shapes)
    message = f"{'the schema' if certain else 'no example'} of {events} has {'no ' if certain else ''}{use.word}"
    hint = f"did you mean {near}?" if near else None if certain else "add it to an example, if it is there at times"
    if use.template is not None:
        message = f"the template {use.template} reads {use.word}: {message}"
    if use.is_key:
        if near is None:
            hint = "where it is missing nothing is cancelled: a missing key equals nothing"
        yield Remark(rule, use.at, codes.KEY_MISSING, message, hint, word=use.word)
        return
    severity = Severity.WARNING if near or certain else Severity.NOTE
    word = None if use.template is not None else use.word
    code = condition_codes.UNKNOWN_REFERENCE
    yield Remark(rule, use.at, code, message, hint, severity, trail=use.trail, word=word)


def _wrong_value(rule: Rule, use: Use, shapes: Sequence[EventShape], sights: Sequence[Sight]) -> Iterator[Remark]:
    """A comparison with what never stands there."""
    leaf = use.leaf
    types = _joined([sight.types for sight in sights])
    if leaf is None or isinstance(leaf.value, Reference) or types is None or None in [s.there for s in sights]:
        return
    where = f"{'the schema' if all(sight.by_schema for sight in sights) else 'each example'} of {shapes[0].name}"
    if leaf.operator in _TEXT_OPERATORS and "string" not in types:
        message = f"{use.word} is {_words(types)} in {where}: {write_leaf(leaf)} never holds"
        yield Remark(rule, use.at, condition_codes.UNKNOWN_VALUE, message, None, trail=use.trail)
        return
    for value in _compared(leaf):
        if type_of(value) not in types:
            message = f"{use.word} is {_words(types)} in {where}, and never {_shown(value)}"
            yield Remark(rule, use.at, condition_codes.UNKNOWN_VALUE, message, _hint(value, types), trail=use.trail)
            return
        values = _only(sights)
        if values is not None and not any(type_of(one) == type_of(value) and one == value for one in values):
            message = f"{where} knows no {use.word} {_shown(value)}"
            known = [one for one in values if isinstance(one, str)]
            hint = near_match(value, known) or f"it is one of {', '.join(map(_shown, values[:8]))}"
            yield Remark(rule, use.at, condition_codes.UNKNOWN_VALUE, message, hint, trail=use.trail)
            return


def _compared(leaf: Leaf) -> list[Json]:
    """The values that a comparison asks for."""
    if leaf.operator in ("equal", "notEqual"):
        values = [leaf.value]
    elif leaf.operator in ("in", "notIn") and isinstance(leaf.value, list):
        values = leaf.value
    else:
        return []
    return [value for value in values if isinstance(value, str | int | float)]


def _lost_type(rule: Rule, use: Use, sights: Sequence[Sight]) -> Iterator[Remark]:
    types = _joined([sight.types for sight in sights])
    if types is None or not all(sight.by_schema for sight in sights) or types & {"string", "null"}:
        return
    message = f"a template makes text, and the schema says that {use.word} is {_words(types)}"
    hint = f"{{ fact: {use.word} }} keeps it as it is"
    yield Remark(rule, use.at, codes.TYPE_LOST, message, hint, Severity.NOTE)


def _joined(types: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    known = [one for one in types if one is not None]
    return frozenset().union(*known) if len(known) == len(types) else None


def _only(sights: Sequence[Sight]) -> tuple[Json, ...] | None:
    values = [sight.values for sight in sights]
    if None in values:
        return None
    return tuple(value for one in values for value in one or ())


def _hint(value: Json, types: frozenset[str]) -> str | None:
    if isinstance(value, str) and "number" in types:
        return f"without quotes it is a number: {value}"
    return f'in quotes it is a text: "{_shown(value)}"' if types == {"string"} else None


def _words(types: frozenset[str]) -> str:
    return " or ".join(_WORDS.get(name, name) for name in sorted(types))


def _shown(value: Json) -> str:
    from autoflow.matching.wording import show_value

    return show_value(value)
