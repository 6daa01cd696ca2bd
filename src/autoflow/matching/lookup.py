"""Following a path into the facts, with json-rules-engine's meaning. After it: the operators.

An absent value is MISSING and never an error; a path into a fact that is text, a number or null is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Final

from autoflow.matching.coercion import utf16_at, utf16_length
from autoflow.matching.steps import INDEX, Step, Wild
from autoflow.model.json import Json

Load = Callable[[Mapping[str, Json]], Json]


class Absent(Enum):
    """The one value that says: there is nothing there. It is not null."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Absent.MISSING


def take_step(value: Json, key: str) -> Json:
    """A member of a map, an element or the length of a list or a text; else MISSING."""
    if isinstance(value, dict):
        return value[key] if key in value else MISSING  # noqa: SIM401  # template facts answer no .get
    if isinstance(value, list):
        if INDEX.fullmatch(key):
            index = int(key)
            return value[index] if index < len(value) else MISSING
        return len(value) if key == "length" else MISSING
    if isinstance(value, str) and value:
        if INDEX.fullmatch(key):
            unit = utf16_at(value, int(key))
            return MISSING if unit is None else unit
        return utf16_length(value) if key == "length" else MISSING
    return MISSING


def trace_steps(value: Json, steps: tuple[Step, ...]) -> Json:
    """What a path meets below a value. A single hit that no wildcard led to stands alone, others make a list."""
    hits = list(_trace(value, steps, wild=False))
    if not hits:
        return MISSING
    if len(hits) == 1 and not hits[0][1]:
        return hits[0][0]
    return [hit for hit, _ in hits]


def _trace(value: Json, steps: tuple[Step, ...], *, wild: bool) -> Iterator[tuple[Json, bool]]:
    """(value, whether a wildcard led to it), in document order."""
    if not steps:
        yield value, wild
        return
    step, rest = steps[0], steps[1:]
    if step is Wild.EACH:
        for child in _children(value):
            yield from _trace(child, rest, wild=True)
    elif step is Wild.DESCEND:
        for depth, node in _descend(value):
            yield from _trace(node, rest, wild=wild or depth > 0)
    elif isinstance(step, str):
        child = take_step(value, step)
        if child is not MISSING:
            yield from _trace(child, rest, wild=wild)


def _descend(value: Json) -> Iterator[tuple[int, Json]]:
    """A value and every map and list below it. With a stack of its own: events can be deep."""
    stack = [(0, value)]
    while stack:
        depth, node = stack.pop()
        yield depth, node
        below = [(depth + 1, child) for child in _children(node) if isinstance(child, dict | list)]
        stack.extend(reversed(below))


def _children(value: Json) -> list[Json]:
    if isinstance(value, list):
        return value
    return [value[key] for key in value] if isinstance(value, dict) else []


def load_fact(fact: str) -> Load:
    """The fact itself."""

    def load(facts: Mapping[str, Json]) -> Json:
        try:
            return facts[fact]
        except KeyError:
            return MISSING

    return load


def load_member(fact: str, name: str) -> Load:
    """`fact.name`, the most frequent shape."""

    def load(facts: Mapping[str, Json]) -> Json:
        try:
            value = facts[fact]
        except KeyError:
            return MISSING
        if type(value) is dict:
            return value.get(name, MISSING)
        return take_step(value, name) if isinstance(value, dict | list) else value

    return load


def load_deep(fact: str, names: tuple[str, ...]) -> Load:
    """`fact.a.b`, without wildcards."""

    def load(facts: Mapping[str, Json]) -> Json:
        try:
            value = facts[fact]
        except KeyError:
            return MISSING
        if not isinstance(value, dict | list):
            return value
        for name in names:
            value = value.get(name, MISSING) if type(value) is dict else take_step(value, name)
        return value

    return load


def load_many(fact: str, steps: tuple[Step, ...]) -> Load:
    """A path with wildcards."""

    def load(facts: Mapping[str, Json]) -> Json:
        try:
            value = facts[fact]
        except KeyError:
            return MISSING
        return trace_steps(value, steps) if isinstance(value, dict | list) else value

    return load
