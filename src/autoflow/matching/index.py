"""Many conditions judged at once: an event's values lead to the few that can hold. After it: the planner.

A condition that needs `job.client.id == 7` stands under that value and is looked at only where the event has it, so
that the cost of an event does not grow with the number of rules. A condition that can raise is always looked at:
no rule's error is lost, and no rule's error hides another rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Final, Generic, TypeVar

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import Predicate, can_raise, compile_condition
from autoflow.matching.paths import Load, compile_reference
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.json import Json

T = TypeVar("T")

Key = str | tuple[int, float]
"""A value as it stands in the index: 1 is 1.0 there, and neither "1" nor true."""
Pair = tuple[Reference, Key]

_NULL: Final = (2, 0)
_TRUE: Final = (1, 1)
_FALSE: Final = (1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched(Generic[T]):
    """What an event meets: in order of the entries, and those that cannot be judged on it."""

    hits: list[T]
    errors: list[tuple[T, EvaluationError]]


@dataclass(slots=True)
class _Table(Generic[T]):
    """The entries that need one of some values at one reference."""

    load: Load
    entries: dict[Key, list[_Entry[T]]] = field(default_factory=dict)


_Entry = tuple[int, Predicate | None, T]
"""(place, what must hold besides the key, the item). No predicate: nothing else must hold."""


class ConditionIndex(Generic[T]):
    """Conditions with what belongs to each, ready to be matched."""

    def __init__(self, tables: Sequence[_Table[T]], rest: Sequence[_Entry[T]], raising: Sequence[_Entry[T]]) -> None:
        self._tables = tuple(tables)
        self._rest = tuple(rest)
        self._raising = tuple(raising)

    @classmethod
    def build(cls, entries: Sequence[tuple[Condition | None, T]]) -> ConditionIndex[T]:
        """An index of (condition, item) pairs; without a condition an item is always met."""
        frequency = Counter(pair for condition, _ in entries if condition for pair in _all_pairs(condition))
        tables: dict[Reference, _Table[T]] = {}
        rest: list[_Entry[T]] = []
        raising: list[_Entry[T]] = []
        for place, (condition, item) in enumerate(entries):
            if condition is None:
                rest.append((place, None, item))
            elif can_raise(condition):
                raising.append((place, compile_condition(condition), item))
            elif (pairs := _needed_pairs(condition, frequency)) is None:
                rest.append((place, compile_condition(condition), item))
            else:
                _insert(tables, pairs, (place, _residue(condition, pairs), item))
        return cls(list(tables.values()), rest, raising)

    def match(self, facts: Mapping[str, Json]) -> Matched[T]:
        """The items whose conditions hold, each once."""
        found = [(place, item) for place, holds, item in self._rest if holds is None or holds(facts)]
        for table in self._tables:
            key = key_of(table.load(facts))
            for place, holds, item in table.entries.get(key, ()) if key is not None else ():
                if holds is None or holds(facts):
                    found.append((place, item))
        errors: list[tuple[T, EvaluationError]] = []
        for place, holds, item in self._raising:
            try:
                if holds is None or holds(facts):
                    found.append((place, item))
            except EvaluationError as error:
                errors.append((item, error))
        if len(found) > 1:
            # An `any` over two references stands in two tables: its place is met twice, and counts once.
            found = sorted(dict(found).items(), key=itemgetter(0))
        return Matched(hits=[item for _, item in found], errors=errors)


def key_of(value: Json) -> Key | None:
    """A value as it stands in the index; None for what can never be equal to a literal."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int or kind is float:
        return (0, value)
    if value is None:
        return _NULL
    if kind is bool:
        return _TRUE if value else _FALSE
    return str(value) if isinstance(value, str) else None


def _insert(tables: dict[Reference, _Table[T]], pairs: frozenset[Pair], entry: _Entry[T]) -> None:
    for reference, key in pairs:
        if reference not in tables:
            tables[reference] = _Table(compile_reference(reference))
        tables[reference].entries.setdefault(key, []).append(entry)


def _pairs_of(leaf: Leaf) -> frozenset[Pair] | None:
    """The pairs of which one must be found for an equality to hold; None for other operators."""
    if isinstance(leaf.value, Reference) or leaf.operator not in {"equal", "in"}:
        return None
    values = leaf.value if leaf.operator == "in" else [leaf.value]
    return frozenset((leaf.left, key) for key in map(key_of, values) if key is not None)


def _all_pairs(condition: Condition) -> list[Pair]:
    """Every pair that the condition could stand under."""
    match condition:
        case Leaf():
            return list(_pairs_of(condition) or ())
        case All() | Any():
            return [pair for part in condition.conditions for pair in _all_pairs(part)]
        case Not():
            return []


def _needed_pairs(condition: Condition, frequency: Counter[Pair]) -> frozenset[Pair] | None:
    """Pairs of which at least one is found wherever the condition holds, the rarest that there are."""
    match condition:
        case Leaf():
            return _pairs_of(condition)
        case Not():
            return None
        case All():
            choices = [_needed_pairs(part, frequency) for part in condition.conditions]
            usable = [pairs for pairs in choices if pairs is not None]
            return min(usable, key=lambda pairs: sum(frequency[pair] for pair in pairs), default=None)
        case Any():
            choices = [_needed_pairs(part, frequency) for part in condition.conditions]
            if not choices or any(pairs is None for pairs in choices):
                return None
            return frozenset(pair for pairs in choices if pairs for pair in pairs)


def _residue(condition: Condition, pairs: frozenset[Pair]) -> Predicate | None:
    """What is left to judge once one of the pairs was found."""
    left = _without(condition, pairs)
    return None if left is None else compile_condition(left)


def _without(condition: Condition, pairs: frozenset[Pair]) -> Condition | None:
    """The condition without the equality that the pairs stand for; None where nothing is left."""
    match condition:
        case Leaf():
            return None if _pairs_of(condition) == pairs else condition
        case All():
            parts = tuple(part for one in condition.conditions if (part := _without(one, pairs)) is not None)
            return replace(condition, conditions=parts) if parts else None
        case _:
            return condition
