"""What the data of an event looks like, by its examples and its JSON Schema: what references lead to, if to anything.

Only what a schema says in plain words is used; what it leaves open is open. Nothing is validated against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

from autoflow.matching.lookup import MISSING, take_step
from autoflow.matching.paths import steps_of
from autoflow.matching.steps import INDEX, Step, Wild
from autoflow.model.condition import Reference
from autoflow.model.json import Json

_MOST_WAYS: Final = 64
"""Ways to meet a schema that are told apart; with more it leaves everything open."""
_DEEPEST: Final = 32
_DEEPEST_SAMPLE: Final = 6
_MOST_SAMPLED: Final = 3
_ELSEWHERE: Final = ("$dynamicRef", "$recursiveRef")
_SCALARS: Final = frozenset({"string", "number", "integer", "boolean", "null"})

Node = dict[str, Json]
Way = tuple[Node, ...]


class Sight(NamedTuple):
    """What is known of where a reference leads."""

    #: None: it cannot be told
    there: bool | None
    #: JSON Schema's names of types; None: any
    types: frozenset[str] | None = None
    #: the only values there are; None: any
    values: tuple[Json, ...] | None = None
    #: whether a schema says so, and not an example only
    by_schema: bool = False


UNKNOWN: Final = Sight(there=None)


class ExampleShape:
    """One example: what is not in it may still be in another event."""

    def __init__(self, data: Json) -> None:
        self.sample = data if isinstance(data, dict) else {}

    def look(self, reference: Reference) -> Sight:
        """Where a reference leads in it. Inside of null, [] and {} nothing can be told."""
        value: Json = self.sample
        for depth, step in enumerate((reference.fact, *steps_of(reference.path))):
            if value is None or value in ([], {}):
                return UNKNOWN if depth else Sight(there=False)
            if depth == 1 and not isinstance(value, dict | list):
                return UNKNOWN  # a path into a fact that is no map leads to the fact itself
            if isinstance(step, Wild):
                inside = isinstance(value, list) and step is Wild.EACH
                value = value[0] if inside else MISSING
                if not inside:
                    return UNKNOWN
                continue
            value = take_step(value, step)
            if value is MISSING:
                return Sight(there=False)
        return Sight(there=True, types=None if value is None else frozenset({type_of(value)}))


class SchemaShape:
    """A JSON Schema, draft 7 or 2020-12."""

    def __init__(self, schema: Json) -> None:
        self._root = schema
        sample = self._make_sample([schema], 0)
        self.sample = sample if isinstance(sample, dict) else {}

    def look(self, reference: Reference) -> Sight:
        """What the schema says of a reference, in every way in which data can meet it."""
        ways = self._ways_of(self._root)
        for depth, step in enumerate((reference.fact, *steps_of(reference.path))):
            if ways is not None:
                ways = self._step_into(ways, step, depth)
            if ways == []:
                return Sight(there=False, by_schema=True)
        if ways is None:
            return UNKNOWN
        return Sight(there=True, types=_types_of(ways), values=_values_of(ways), by_schema=True)

    def _step_into(self, ways: Sequence[Way], step: Step, depth: int) -> list[Way] | None:
        """The ways to meet what a step leads to: none where it is never there, None where it cannot be told."""
        below: list[Way] = []
        for way in ways:
            found = [inner for node in way for inner in _below(node, step)]
            scalar = _is_scalar(way)
            if not found and ((scalar and depth > 1) or (not scalar and _is_closed(way, step))):
                continue
            # A path into a fact that is no map leads to the fact itself.
            inside = self._all_of(found) if found and not (scalar and depth == 1) else None
            if inside is None:
                return None
            below += inside
        return below if len(below) <= _MOST_WAYS else None

    def _ways_of(self, schema: Json, within: tuple[int, ...] = ()) -> list[Way] | None:
        """The ways to meet a schema, each a list of what must hold together; None where it leaves too much open."""
        if not isinstance(schema, dict):
            return [] if schema is False else [()]
        if id(schema) in within or len(within) > _DEEPEST or any(key in schema for key in _ELSEWHERE):
            return None
        within = (*within, id(schema))
        ways: list[Way] | None = [(schema,)]
        if "$ref" in schema:
            target = self._resolve(schema["$ref"])
            ways = _both(ways, None if target is MISSING else self._ways_of(target, within))
        for part in schema["allOf"] if isinstance(schema.get("allOf"), list) else ():
            ways = _both(ways, self._ways_of(part, within))
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list):
                ways = _both(ways, self._any_of(schema[key], within))
        if "if" in schema:
            ways = _both(ways, self._any_of([schema.get("then", True), schema.get("else", True)], within))
        for part in _map_in(schema, "dependentSchemas").values():
            ways = _both(ways, self._any_of([True, part], within))
        return ways

    def _any_of(self, schemas: Sequence[Json], within: tuple[int, ...]) -> list[Way] | None:
        ways: list[Way] = []
        for schema in schemas:
            more = self._ways_of(schema, within)
            if more is None:
                return None
            ways += more
        return ways

    def _all_of(self, schemas: Sequence[Json]) -> list[Way] | None:
        ways: list[Way] | None = [()]
        for schema in schemas:
            ways = _both(ways, self._ways_of(schema))
        return ways

    def _resolve(self, target: Json) -> Json:
        """What stands at `#/$defs/job`; MISSING for what is in another file, or has a name of its own."""
        if not isinstance(target, str) or not (target == "#" or target.startswith("#/")):
            return MISSING
        value = self._root
        for part in target[1:].split("/")[1:]:
            value = take_step(value, part.replace("~1", "/").replace("~0", "~"))
        return value

    def _make_sample(self, schemas: Sequence[Json], depth: int) -> Json:
        """Data with every name that the schema knows, to find a near match in."""
        nodes = [node for schema in schemas for way in self._ways_of(schema) or () for node in way]
        members: dict[str, list[Json]] = {}
        for node in nodes if depth <= _DEEPEST_SAMPLE else ():
            for name, inner in _map_in(node, "properties").items():
                members.setdefault(name, []).append(inner)
        if members:
            return {name: self._make_sample(inner[:_MOST_SAMPLED], depth + 1) for name, inner in members.items()}
        items = [node["items"] for node in nodes if isinstance(node.get("items"), dict)]
        return [self._make_sample(items[:1], depth + 1)] if items and depth <= _DEEPEST_SAMPLE else ""


def type_of(value: Json) -> str:
    """JSON Schema's name of a value's type; every number is one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _map_in(node: Node, key: str) -> dict[str, Json]:
    value = node.get(key)
    return value if isinstance(value, dict) else {}


def _both(one: list[Way] | None, other: list[Way] | None) -> list[Way] | None:
    """The ways to meet two schemas at once."""
    if one is None or other is None or len(one) * len(other) > _MOST_WAYS:
        return None
    return [(*first, *second) for first, second in product(one, other)]


def _below(node: Node, step: Step) -> Iterator[Json]:
    """The schemas of a member or an element, all of which it must meet."""
    items = node.get("items")
    first = node.get("prefixItems", items if isinstance(items, list) else [])
    rest = node.get("additionalItems", True) if isinstance(items, list) else True if items is None else items
    if isinstance(step, Wild):
        yield {"anyOf": [*first, rest]} if step is Wild.EACH and "properties" not in node else True
        return
    if step == "length" and _may_have_elements(node, step):
        yield True
    elif INDEX.fullmatch(step) and _may_have_elements(node, step):
        yield first[int(step)] if int(step) < len(first) else rest
    else:
        yield from _member(node, step)


def _may_have_elements(node: Node, step: str) -> bool:
    """Whether it may be a list, or a text, that is asked for a part or its length."""
    types = _types_in((node,))
    return step not in _map_in(node, "properties") and (types is None or bool(types & {"array", "string"}))


def _member(node: Node, step: str) -> Iterator[Json]:
    properties = _map_in(node, "properties")
    known = False
    if step in properties:
        known = True
        yield properties[step]
    for pattern, inner in _map_in(node, "patternProperties").items():
        if _is_found(pattern, step):
            known = True
            yield inner
    others = node.get("additionalProperties")
    if not known and (others is True or isinstance(others, dict)):
        yield others


def _is_found(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return True  # of another dialect: it may


def _is_closed(way: Way, step: Step) -> bool:
    """Whether the schema says what there is at this place, so that what it does not say is not there."""
    return isinstance(step, str) and any(_map_in(node, "properties") for node in way)


def _is_scalar(way: Way) -> bool:
    types = _types_in(way)
    return types is not None and types <= _SCALARS


def _types_in(way: Way) -> frozenset[str] | None:
    """The types that meet all of a way."""
    found: frozenset[str] | None = None
    for node in way:
        written = node.get("type")
        if isinstance(written, str | list):
            names = {str(name) for name in ([written] if isinstance(written, str) else written)}
            names |= {"null"} if node.get("nullable") is True else set()
        elif "const" in node or isinstance(node.get("enum"), list):
            names = set(map(type_of, _listed(node)))
        else:
            continue
        types = frozenset("number" if name == "integer" else name for name in names)
        found = types if found is None else found & types
    return found


def _types_of(ways: Sequence[Way]) -> frozenset[str] | None:
    types = [_types_in(way) for way in ways]
    known = [one for one in types if one is not None]
    return frozenset().union(*known) if len(known) == len(types) else None


def _values_of(ways: Sequence[Way]) -> tuple[Json, ...] | None:
    found: list[Json] = []
    for way in ways:
        listed = next((_listed(node) for node in way if "const" in node or isinstance(node.get("enum"), list)), None)
        if listed is None:
            return None
        found += listed
    return tuple(found)


def _listed(node: Node) -> list[Json]:
    return [node["const"]] if "const" in node else list(node["enum"])
