"""Where the comparisons of a condition stand in the text that it was written as, for reports.

A condition forgets where its parts were written. This reads the same document again, in the same order, where
somebody asks; it is for documents that have no errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from autoflow.matching.lines import spans_in
from autoflow.matching.nodes import SPELLINGS
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
