"""Conditions as rules write them, lines and trees, made into one form. Before it: the loader. After it: the compiler.

Every problem is collected, with a pointer from the condition's root and, inside a line, a column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple, assert_never

from autoflow.errors import ConditionError
from autoflow.matching import codes
from autoflow.matching.chains import near_match
from autoflow.matching.leaves import parse_leaf
from autoflow.matching.lines import parse_line
from autoflow.matching.nodes import (
    AGGREGATES,
    MAX_DEPTH,
    REFUSED_KEYS,
    SPELLINGS,
    Findings,
    Place,
    unspell_group,
    walk,
)
from autoflow.matching.operators import kind_of
from autoflow.matching.tokens import Token, read_tokens
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.json import Json

_ROUNDED: Final = re.compile(r"-?[0-9]+\.[0-9]*0")
_EQUALS: Final = frozenset({"==", "!=", "[", ","})


class Parsed(NamedTuple):
    """A condition, or None where there are errors; all errors and warnings."""

    condition: Condition | None
    errors: tuple[ConditionError, ...] = ()
    warnings: tuple[ConditionError, ...] = ()


class _Line(NamedTuple):
    """What one line means, and what is known about it wherever it stands."""

    condition: Condition
    nodes: int
    warns: bool
    #: numbers that lose a digit, as they are written
    rounded: tuple[Token, ...] = ()


@lru_cache(maxsize=4096)
def _read_line(line: str) -> _Line:
    """The same lines stand in many rules."""
    condition = parse_line(line)
    findings = Findings()
    findings.warn_about(Place(), condition)
    return _Line(condition, sum(1 for _ in walk(condition)), bool(findings.warnings), _find_rounded(line))


def _find_rounded(line: str) -> tuple[Token, ...]:
    """Numbers such as 1.10 where they are to be equal to something: a version is not a number."""
    if "0" not in line or _ROUNDED.search(line) is None:
        return ()
    pairs = pairwise(read_tokens(line))
    return tuple(token for before, token in pairs if before.text in _EQUALS and _ROUNDED.fullmatch(token.text))


def parse_condition(value: Json, *, shared: Mapping[str, Condition] | None = None) -> Parsed:
    """The condition that a line, a list of which all must hold, or a tree means.

    `{condition: name}` is looked up in `shared` and stands for the tree of that name.
    """
    findings = Findings()
    condition = _Parser(shared or {}, findings).parse(value, Place())
    errors = tuple(findings.errors)
    return Parsed(condition=None if errors else condition, errors=errors, warnings=tuple(findings.warnings))


class _Parser:
    """Walks one condition's tree."""

    def __init__(self, shared: Mapping[str, Condition], findings: Findings) -> None:
        self._shared = shared
        self._findings = findings

    def parse(self, value: Json, place: Place) -> Condition | None:
        """One part, whatever its form; None where it has errors."""
        if not self._findings.count_node(place):
            return None
        if place.depth > MAX_DEPTH:
            self._findings.error(place, f"a condition nests at most {MAX_DEPTH} deep", codes.TOO_DEEP)
            return None
        if isinstance(value, str):
            return self._parse_line(value, place)
        if isinstance(value, list):
            parts = self._parse_parts(value, place)
            return None if parts is None else All(conditions=parts)
        if isinstance(value, dict):
            return self._parse_map(value, place)
        self._findings.error(
            place,
            f"a condition is a line, a list of lines or a tree, not {kind_of(value)}",
            codes.SHAPE,
            hint='quote a line that YAML does not read as text: "job.total > 5"',
        )
        return None

    def _parse_line(self, line: str, place: Place) -> Condition | None:
        try:
            known = _read_line(line)
        except ConditionError as error:
            self._findings.take(place, error)
            return None
        if known.warns:
            self._findings.warn_about(place, known.condition)
        for token in known.rounded:
            self._findings.warn_about_number(place, token.text, token.column)
        fits = known.nodes == 1 or self._findings.count_nodes(place, known.condition)
        return known.condition if fits else None

    def _parse_parts(self, values: list[Json], place: Place) -> tuple[Condition, ...] | None:
        """All parts of a list; None where one has errors."""
        parts = [self.parse(value, place.below(index)) for index, value in enumerate(values)]
        good = tuple(part for part in parts if part is not None)
        return good if len(good) == len(parts) else None

    def _parse_map(self, value: dict[str, Json], place: Place) -> Condition | None:
        value, place = unspell_group(value, place)
        kinds = [key for key in value if SPELLINGS.get(key, key) in {"all", "any", "not", "condition"}]
        if len(kinds) > 1 or (kinds and ("fact" in value or "operator" in value)):
            named = kinds if len(kinds) > 1 else [*kinds, "fact"]
            self._findings.error(
                place,
                f"{' and '.join(named)} stand in one map",
                codes.TWO_KINDS,
                hint="json-rules-engine would look at one of them only; nest one in the other",
            )
            return None
        if kinds:
            return self._parse_group(value, kinds[0], place)
        if aggregate := next((key for key in value if key in AGGREGATES), None):
            message = f"{aggregate} looks at other events, which this release does not do yet"
            self._findings.error(place.below(aggregate), message, codes.NOT_YET)
            return None
        leaf = parse_leaf(value, place, self._findings)
        if leaf is not None:
            self._findings.warn_about(place, leaf)
        return leaf

    def _parse_group(self, value: dict[str, Json], key: str, place: Place) -> Condition | None:
        self._check_keys(value, key, place)
        priority, name = self._findings.read_extras(value, place)
        inner, inside = value[key], place.below(key)
        match SPELLINGS.get(key, key):
            case "condition":
                found = self._find_shared(inner, inside)
                return found and replace(found, priority=priority, name=name or str(inner))
            case "not":
                if isinstance(inner, list):
                    self._findings.error(
                        inside, "not takes one condition", codes.SHAPE, hint="write not: {any: [...]}"
                    )
                    return None
                part = self.parse(inner, inside)
                return part and Not(condition=part, priority=priority, name=name)
            case kind:
                return self._make_group(kind, inner, inside, priority, name)

    def _make_group(
        self, kind: str, inner: Json, place: Place, priority: int | None, name: str | None
    ) -> Condition | None:
        if not isinstance(inner, list):
            self._findings.error(place, f"{kind} takes a list of conditions", codes.SHAPE, hint="write - before each")
            return None
        if not inner:
            self._findings.warn(place, f"an empty {kind} holds always, as in json-rules-engine", codes.HOLDS_ALWAYS)
        parts = self._parse_parts(inner, place)
        if parts is None:
            return None
        make = Any if kind == "any" else All
        return make(conditions=parts, priority=priority, name=name)

    def _check_keys(self, value: dict[str, Json], kind: str, place: Place) -> None:
        for key in value:
            if key in {kind, "priority", "name"}:
                continue
            if key in REFUSED_KEYS:
                self._findings.error(place.below(key), f"{key} is refused: {REFUSED_KEYS[key]}", codes.REFUSED_KEY)
                continue
            hint = near_match(key, ("all", "any", "not", "condition", "priority", "name"))
            self._findings.error(place.below(key), f"{key} is not known beside {kind}", codes.UNKNOWN_KEY, hint=hint)

    def _find_shared(self, name: Json, place: Place) -> Condition | None:
        condition = self._shared.get(name) if isinstance(name, str) else None
        if condition is None:
            known = f"known are {', '.join(sorted(self._shared))}" if self._shared else "there are none"
            hint = (near_match(name, self._shared) if isinstance(name, str) else None) or known
            self._findings.error(place, f"no shared condition is called {name!r}", codes.UNKNOWN_CONDITION, hint=hint)
            return None
        fits = depth_of(condition) + place.depth <= MAX_DEPTH
        if not fits:
            self._findings.error(place, f"with {name} it nests deeper than {MAX_DEPTH}", codes.TOO_DEEP)
        return condition if fits and self._findings.count_nodes(place, condition) else None


def resolve_shared(documents: Mapping[str, Json]) -> tuple[dict[str, Condition], list[tuple[str, ConditionError]]]:
    """All shared conditions, and (name, error) for those that cannot be used. They may refer to each other."""
    found: dict[str, Condition] = {}
    errors: list[tuple[str, ConditionError]] = []
    names = {name: names_in(document) & documents.keys() for name, document in documents.items()}
    waiting = dict(names)
    while waiting:
        ready = [name for name, needed in waiting.items() if not needed & waiting.keys()]
        if not ready:
            break
        for name in ready:
            del waiting[name]
            broken = sorted(needed for needed in names[name] if needed not in found)
            if broken:
                message = f"shared condition {broken[0]!r} has errors"
                errors.append((name, ConditionError(message, code=codes.UNKNOWN_CONDITION)))
                continue
            parsed = parse_condition(documents[name], shared=found)
            errors += [(name, error) for error in parsed.errors]
            if parsed.condition is not None:
                found[name] = parsed.condition
    errors += [(name, _cycle_error(name, waiting)) for name in waiting]
    return found, errors


def names_in(document: Json) -> set[str]:
    """The shared conditions that a document refers to."""
    names: set[str] = set()
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            name = value.get("condition")
            names |= {name} if isinstance(name, str) else set()
            stack += value.values()
    return names


def _cycle_error(name: str, waiting: Mapping[str, set[str]]) -> ConditionError:
    """Follow the references from a name until one comes again."""
    path = [name]
    while True:
        following = min(needed for needed in waiting[path[-1]] if needed in waiting)
        if following in path:
            break
        path.append(following)
    circle = [*path[path.index(following) :], following]
    return ConditionError(f"shared conditions form a circle: {' -> '.join(circle)}", code=codes.CYCLE)


def depth_of(condition: Condition) -> int:
    """How deeply a condition nests; a comparison is 1."""
    match condition:
        case Leaf():
            return 1
        case Not():
            return 1 + depth_of(condition.condition)
        case All() | Any():
            return 1 + max((depth_of(part) for part in condition.conditions), default=0)
        case _:
            assert_never(condition)


def references_of(condition: Condition) -> tuple[Reference, ...]:
    """Every reference that a condition reads, left and right, each once, in order."""
    found: dict[Reference, None] = {}
    stack: list[Condition] = [condition]
    while stack:
        match stack.pop():
            case Leaf(left=left, value=value):
                found[left] = None
                if isinstance(value, Reference):
                    found[value] = None
            case Not(condition=part):
                stack.append(part)
            case All(conditions=parts) | Any(conditions=parts):
                stack.extend(reversed(parts))
    return tuple(found)


def write_condition(condition: Condition) -> Json:
    """The canonical tree as plain JSON; parsing it gives an equal condition."""
    extras: dict[str, Json] = {}
    if condition.name is not None:
        extras["name"] = condition.name
    if condition.priority is not None:
        extras["priority"] = condition.priority
    match condition:
        case Leaf():
            left = write_value(condition.left)
            return {**extras, **left, "operator": condition.operator, "value": write_value(condition.value)}
        case Not():
            return {**extras, "not": write_condition(condition.condition)}
        case All():
            return {**extras, "all": [write_condition(part) for part in condition.conditions]}
        case Any():
            return {**extras, "any": [write_condition(part) for part in condition.conditions]}
        case _:
            assert_never(condition)


def write_value(value: Json | Reference) -> Json:
    """A literal as it is; a reference as {fact, path}, where a fact without a path has `$`."""
    if not isinstance(value, Reference):
        ambiguous = isinstance(value, dict) and ("fact" in value or "literal" in value)
        return {"literal": value} if ambiguous else value
    if value.path is not None:
        return {"fact": value.fact, "path": value.path}
    plain = not set(value.fact) & set(".[$")
    return {"fact": value.fact} if plain else {"fact": value.fact, "path": "$"}
