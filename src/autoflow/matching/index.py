"""Many conditions judged at once: an event's values lead to the few that can hold. After it: the planner.

A condition that needs `job.client.id == 7` stands under that value and is looked at only where the event has it, so
that the cost of an event does not grow with the number of rules. What stands under one value, and what no value
leads to, is judged together: a few rules by one generated function, many by a sieve. A condition that can raise is
always looked at: no rule's error is lost, and no rule's error hides another rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Final, Generic, NamedTuple, TypeVar

from autoflow.errors import EvaluationError
from autoflow.matching.coercion import Key, key_of
from autoflow.matching.compiler import can_raise
from autoflow.matching.generator import (
    Fault,
    Judge,
    Numbered,
    compile_judge,
    count_leaves,
    isolate,
    judge_late,
    judge_singly,
)
from autoflow.matching.paths import Load, compile_reference
from autoflow.matching.sieve import compile_sieves
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.json import Json

T = TypeVar("T")

Pair = tuple[Reference, Key]

ALL_AT_ONCE: Final = 16
"""So few conditions are one generated function; more are filed by their values, or sifted."""
FEWEST_GENERATED: Final = 8
"""Fewer in a bucket are asked one by one: there can be 10,000 buckets, and each function takes time to make."""
MOST_LATE: Final = 64
"""Comparisons whose code is generated in a millisecond or two, while an event waits."""
FEWEST_VALUES: Final = 64
"""A value that more than one in so many rules need tells them apart no better than the sieve does."""


class Matched(NamedTuple, Generic[T]):
    """What an event meets: in order of the entries, and those that cannot be judged on it."""

    hits: list[T]
    errors: Sequence[tuple[T, EvaluationError]]


@dataclass(slots=True)
class _Table:
    """The entries that need one of some values at one reference, with what must hold besides."""

    load: Load
    buckets: dict[Key, list[Numbered]] = field(default_factory=dict)

    def places(self) -> set[int]:
        """The entries that stand in it."""
        return {place for bucket in self.buckets.values() for place, _ in bucket}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Where every entry is judged."""

    tables: dict[Reference, _Table] = field(default_factory=dict)
    rest: list[Numbered] = field(default_factory=list)
    raising: list[Numbered] = field(default_factory=list)


class ConditionIndex(Generic[T]):
    """Conditions with what belongs to each, ready to be matched."""

    def __init__(self, items: Sequence[T], plan: _Plan) -> None:
        self._items = tuple(items)
        #: whether no item stands here twice, so that no hit can
        self.distinct = len({id(item) for item in items}) == len(items)
        self._tables = tuple((table.load, _compile_buckets(table)) for table in plan.tables.values())
        self._rest: Judge | None = _choose_judge(plan.rest, self._keep) if plan.rest else None
        self._raising = isolate(plan.raising, fewest=FEWEST_GENERATED) if plan.raising else None
        places = [table.places() for table in plan.tables.values()]
        self._repeats = sum(map(len, places)) > len(set().union(*places))

    @classmethod
    def build(cls, entries: Sequence[tuple[Condition | None, T]]) -> ConditionIndex[T]:
        """An index of (condition, item) pairs; without a condition an item is always met."""
        return cls([item for _, item in entries], _plan([condition for condition, _ in entries]))

    def _keep(self, judge: Judge) -> None:
        """A faster judge of the rest, once it is made."""
        self._rest = judge

    def match(self, facts: Mapping[str, Json]) -> Matched[T]:
        """The items whose conditions hold, each once."""
        hits, errors = self.find(facts)
        return Matched(list(hits), errors)

    def find(self, facts: Mapping[str, Json]) -> tuple[Sequence[T], Sequence[tuple[T, EvaluationError]]]:
        """Hits and errors as a plain pair, for the one caller that asks with every event."""
        found = self._rest(facts) if self._rest is not None else []
        errors: Sequence[tuple[T, EvaluationError]] = ()
        if self._tables or self._raising is not None:
            found, faults = self._look_further(facts, found)
            errors = [(self._items[place], error) for place, error in faults] if faults else ()
        if len(found) < 2:
            return [self._items[place] for place in found], errors
        return itemgetter(*found)(self._items), errors

    def _look_further(self, facts: Mapping[str, Json], found: list[int]) -> tuple[list[int], list[Fault]]:
        """What values lead to and what can raise, besides what was found; all places in order, each once."""
        parts = 1 if found else 0
        for load, buckets in self._tables:
            key = key_of(load(facts))
            judge = buckets.get(key) if key is not None else None
            if judge is not None and (more := judge(facts)):
                found = found + more if parts else more
                parts += 1
        faults: list[Fault] = []
        if self._raising is not None:
            more, faults = self._raising(facts)
            found = found + more
            parts += 1
        if parts > 1:
            # In runs that are in order, so that sorting is merging.
            found.sort()
            # An `any` over two references stands in two tables: its place is met twice, and counts once.
            found = list(dict.fromkeys(found)) if self._repeats else found
        return found, faults


def _plan(conditions: Sequence[Condition | None]) -> _Plan:
    plan = _Plan()
    quiet: list[tuple[int, Condition]] = []
    for place, condition in enumerate(conditions):
        if condition is None:
            plan.rest.append((place, None))
        elif can_raise(condition):
            plan.raising.append((place, condition))
        else:
            quiet.append((place, condition))
    if len(quiet) + len(plan.rest) <= ALL_AT_ONCE:
        plan.rest.extend(quiet)
    else:
        _file(plan, quiet)
    plan.rest.sort(key=itemgetter(0))
    return plan


def _file(plan: _Plan, entries: Sequence[tuple[int, Condition]]) -> None:
    """Put each entry under the values that it needs, or with the rest where those values say too little."""
    frequency = Counter(pair for _, condition in entries for pair in _all_pairs(condition))
    most = max(ALL_AT_ONCE, len(entries) // FEWEST_VALUES)
    for place, condition in entries:
        pairs = _needed_pairs(condition, frequency)
        if pairs is None or any(frequency[pair] > most for pair in pairs):
            plan.rest.append((place, condition))
        else:
            _insert(plan.tables, pairs, (place, _without(condition, pairs)))


def _compile_buckets(table: _Table) -> dict[Key, Judge]:
    """The judges of a table by key. Those of a few entries stay closures: there can be 10,000 buckets."""
    buckets = table.buckets.items()
    return {
        key: judge_singly(bucket) if len(bucket) < FEWEST_GENERATED else _choose_judge(bucket)
        for key, bucket in buckets
    }


def _choose_judge(entries: Sequence[Numbered], keep: Callable[[Judge], None] | None = None) -> Judge:
    """The fastest judge for so many. With `keep`, little code is generated only where events come for it."""
    if len(entries) > ALL_AT_ONCE:
        return compile_sieves(entries)
    leaves = sum(count_leaves(condition) for _, condition in entries if condition is not None)
    return compile_judge(entries) if keep is None or leaves > MOST_LATE else judge_late(entries, keep)


def _insert(tables: dict[Reference, _Table], pairs: frozenset[Pair], entry: Numbered) -> None:
    for reference, key in pairs:
        if reference not in tables:
            tables[reference] = _Table(compile_reference(reference))
        tables[reference].buckets.setdefault(key, []).append(entry)


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


def _without(condition: Condition, pairs: frozenset[Pair]) -> Condition | None:
    """The condition without the equality that the pairs stand for; None where nothing is left."""
    match condition:
        case Leaf():
            return None if _pairs_of(condition) == pairs else condition
        case All():
            parts = tuple(part for one in condition.conditions if (part := _without(one, pairs)) is not None)
            return replace(condition, conditions=parts) if parts else None
        case Any():
            told = [_pairs_of(part) or () for part in condition.conditions if isinstance(part, Leaf)]
            return None if pairs.issubset(pair for found in told for pair in found) else condition
        case Not():
            return condition
