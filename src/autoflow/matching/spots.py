"""Where the comparisons of a condition stand in the text that it was written as, for reports.

A condition forgets where its parts were written. This reads the same document again, in the same order, where
somebody asks; it is for documents that have no errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from autoflow.matching.lines import parse_line, spans_in
from autoflow.matching.nodes import SPELLINGS, walk
from autoflow.model.condition import Condition, Leaf, Not
from autoflow.model.json import Json

_GROUPS = frozenset({"all", "any", "not"})


class Spot(NamedTuple):
    """Where one comparison stands."""

    #: the shared condition in whose document it stands; None: in that which was asked for
    shared: str | None
    #: from that document's root
    pointer: tuple[str | int, ...]
    #: inside a line, in characters from 0, and how many; None where the comparison is a map
    column: int | None = None
    width: int = 1


def spots_in(document: Json, shared: Mapping[str, Json]) -> tuple[Spot, ...]:
    """The comparisons of a condition's document, as `leaves_of` has them; `shared` holds documents by name."""
    return tuple(_find(document, shared, Spot(shared=None, pointer=())))


def spot_at(document: Json, trail: Sequence[int]) -> Spot:
    """Where one part of a condition stands, found by which part of which part it is, from 0.

    A part of a shared condition stands where that condition is named.
    """
    at, value, rest = Spot(shared=None, pointer=()), document, list(trail)
    while rest and not isinstance(value, str):
        if isinstance(value, dict):
            key = _group_key(value)
            if key is None:
                break
            at, value = _below(at, key), value[key]
        single = not isinstance(value, list)  # what `not` holds
        number = rest.pop(0)
        if not single:
            at, value = _below(at, number), value[number]
    if isinstance(value, str):
        return _spot_in_line(value, at, rest)
    return _below(at, "condition") if isinstance(value, dict) and "condition" in value else at


def _spot_in_line(line: str, at: Spot, trail: Sequence[int]) -> Spot:
    """Part of a line: from the first comparison in it to the last one."""
    spans, part = spans_in(line), parse_line(line)
    for number in trail:
        parts = _parts_of(part)
        first = sum(map(_count, parts[:number]))
        part = parts[number]
        spans = spans[first : first + _count(part)]
    column, (last, width) = spans[0][0], spans[-1]
    return at._replace(column=column, width=last + width - column)


def _parts_of(condition: Condition) -> tuple[Condition, ...]:
    if isinstance(condition, Leaf):
        return ()
    return (condition.condition,) if isinstance(condition, Not) else condition.conditions


def _count(condition: Condition) -> int:
    return sum(isinstance(part, Leaf) for part in walk(condition))


def _find(value: Json, shared: Mapping[str, Json], at: Spot) -> Iterator[Spot]:
    if isinstance(value, str):
        for column, width in spans_in(value):
            yield at._replace(column=column, width=width)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _find(part, shared, _below(at, index))
    elif isinstance(value, dict):
        yield from _find_in_map(value, shared, at)


def _find_in_map(value: dict[str, Json], shared: Mapping[str, Json], at: Spot) -> Iterator[Spot]:
    name = value.get("condition")
    if isinstance(name, str) and "fact" not in value:
        yield from _find(shared[name], shared, Spot(shared=name, pointer=()))
        return
    key = _group_key(value)
    if key is None:
        yield at
    elif key == "conditions" and str(value["operator"]).upper() == "NOT" and len(value[key]) == 1:
        yield from _find(value[key][0], shared, _below(_below(at, key), 0))
    else:
        yield from _find(value[key], shared, _below(at, key))


def _group_key(value: dict[str, Json]) -> str | None:
    """The key whose value holds the parts of a group; None for a comparison."""
    operator = value.get("operator")
    spelled_out = isinstance(operator, str) and operator.upper() in {"AND", "OR", "NOT"}
    if spelled_out and isinstance(value.get("conditions"), list) and "fact" not in value:
        return "conditions"
    return next((key for key in value if SPELLINGS.get(key, key) in _GROUPS), None)


def _below(at: Spot, key: str | int) -> Spot:
    return at._replace(pointer=(*at.pointer, key))
