"""Conditions as functions of the facts. Before it: tree and lines. After it: the index, and rules when they are due.

json-rules-engine evaluates all conditions of one priority, so that an error in one of them is never hidden by a
sibling. Where no sibling can raise nobody can tell, and evaluation stops as soon as the answer is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import assert_never

from autoflow.errors import EvaluationError
from autoflow.matching.chains import Chain, evaluate, resolve_operator
from autoflow.matching.coercion import compare, is_same, reads_as_number
from autoflow.matching.literals import judge_value
from autoflow.matching.lookup import MISSING
from autoflow.matching.paths import Load, compile_reference, write_reference
from autoflow.matching.regex import compile_regex
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.json import Json

Predicate = Callable[[Mapping[str, Json]], bool]


def compile_condition(condition: Condition) -> Predicate:
    """The condition as a function of the facts. It raises EvaluationError, and nothing else."""
    match condition:
        case Leaf():
            return _compile_leaf(condition)
        case Not():
            return _compile_not(condition)
        case All() | Any():
            return _compile_parts(condition)
        case _:
            assert_never(condition)


def can_raise(condition: Condition) -> bool:
    """Whether there are facts on which the condition cannot be evaluated."""
    match condition:
        case Leaf():
            return judge_value(resolve_operator(condition.operator), condition.value).can_raise
        case Not():
            return can_raise(condition.condition)
        case All() | Any():
            return any(can_raise(part) for part in condition.conditions)
        case _:
            assert_never(condition)


def by_priority(parts: Sequence[Condition]) -> list[list[Condition]]:
    """The parts in groups, highest priority first. A part without a priority has 1, and so has 0."""
    ordered = sorted(parts, key=priority_of, reverse=True)
    return [list(group) for _, group in groupby(ordered, key=priority_of)]


def priority_of(condition: Condition) -> int:
    """The priority that counts."""
    return condition.priority or 1


def name_leaf(leaf: Leaf, error: EvaluationError) -> EvaluationError:
    """The error with the operator and the reference that it is about."""
    return EvaluationError(f"{leaf.operator} on {write_reference(leaf.left)} {error.message}", hint=error.hint)


def _compile_not(condition: Not) -> Predicate:
    holds = compile_condition(condition.condition)
    return lambda facts: not holds(facts)


def _compile_parts(condition: All | Any) -> Predicate:
    if not condition.conditions:
        return lambda facts: True
    wanted = isinstance(condition, Any)
    if not can_raise(condition):
        parts = [compile_condition(part) for group in by_priority(condition.conditions) for part in group]
        return _stop_at_first(parts, wanted=wanted)
    groups = []
    for group in by_priority(condition.conditions):
        parts = [compile_condition(part) for part in group]
        raising = any(can_raise(part) for part in group)
        groups.append(_judge_all(parts, wanted=wanted) if raising else _stop_at_first(parts, wanted=wanted))
    return _stop_at_first(groups, wanted=wanted)


def _stop_at_first(parts: Sequence[Predicate], *, wanted: bool) -> Predicate:
    """`wanted` as soon as one part says so: any for True, all for False."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        if wanted:
            return lambda facts: first(facts) or second(facts)
        return lambda facts: first(facts) and second(facts)

    def holds(facts: Mapping[str, Json]) -> bool:
        for part in parts:
            if part(facts) is wanted:
                return wanted
        return not wanted

    return holds


def _judge_all(parts: Sequence[Predicate], *, wanted: bool) -> Predicate:
    """The same answer, after every part was evaluated."""

    def holds(facts: Mapping[str, Json]) -> bool:
        results = [part(facts) for part in parts]
        return (wanted in results) is wanted

    return holds


def _compile_leaf(leaf: Leaf) -> Predicate:
    chain = resolve_operator(leaf.operator)
    left = compile_reference(leaf.left)
    if not isinstance(leaf.value, Reference):
        fast = _compile_literal(chain, left, leaf.value)
        if fast is not None:
            return fast
    right = compile_reference(leaf.value) if isinstance(leaf.value, Reference) else _give(leaf.value)
    if not judge_value(chain, leaf.value).can_raise:
        return lambda facts: evaluate(chain, left(facts), right(facts))

    def holds(facts: Mapping[str, Json]) -> bool:
        try:
            return evaluate(chain, left(facts), right(facts))
        except EvaluationError as error:
            raise name_leaf(leaf, error) from None

    return holds


def _give(value: Json) -> Load:
    return lambda facts: value


def _compile_literal(chain: Chain, left: Load, value: Json) -> Predicate | None:
    """The fast form of an operator against a literal, or None where it has none."""
    name = chain.operator.name
    if chain.decorators == ("not",):
        holds = _compile_literal(Chain(decorators=(), operator=chain.operator), left, value)
        return None if holds is None else (lambda facts: not holds(facts))
    if chain.decorators:
        return None
    if name in _NEGATIONS:
        plain = _FAST[_NEGATIONS[name]](left, value)
        return None if plain is None else (lambda facts: not plain(facts))
    return _FAST[name](left, value) if name in _FAST else None


def _fast_equal(left: Load, value: Json) -> Predicate:
    if isinstance(value, str):
        return lambda facts: left(facts) == value
    if value is None or isinstance(value, bool):
        return lambda facts: left(facts) is value
    if isinstance(value, int | float):

        def equals(facts: Mapping[str, Json]) -> bool:
            found = left(facts)
            return bool(found == value) and found is not True and found is not False

        return equals
    return lambda facts: False


def _fast_in(left: Load, value: Json) -> Predicate | None:
    texts = frozenset(part for part in value if isinstance(part, str))
    others = [part for part in value if not isinstance(part, str)]

    def is_in(facts: Mapping[str, Json]) -> bool:
        found = left(facts)
        if isinstance(found, str):
            return found in texts
        return any(is_same(other, found) for other in others)

    return is_in


def _fast_order(*wanted: int) -> Callable[[Load, Json], Predicate | None]:
    def build(left: Load, value: Json) -> Predicate | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        less, same, greater = -1 in wanted, 0 in wanted, 1 in wanted

        def holds(facts: Mapping[str, Json]) -> bool:
            found = left(facts)
            kind = type(found)
            if kind is int or kind is float:
                if found < value:
                    return less
                if found > value:
                    return greater
                return same and found == value
            return reads_as_number(found) and compare(found, value) in wanted

        return holds

    return build


def _fast_exists(left: Load, value: Json) -> Predicate:
    def exists(facts: Mapping[str, Json]) -> bool:
        found = left(facts)
        return found is not None and found is not MISSING

    return exists


def _fast_matches(left: Load, value: Json) -> Predicate:
    is_found = compile_regex(value)

    def matches(facts: Mapping[str, Json]) -> bool:
        found = left(facts)
        return isinstance(found, str) and is_found(found)

    return matches


_FAST: dict[str, Callable[[Load, Json], Predicate | None]] = {
    "equal": _fast_equal,
    "in": _fast_in,
    "lessThan": _fast_order(-1),
    "lessThanInclusive": _fast_order(-1, 0),
    "greaterThan": _fast_order(1),
    "greaterThanInclusive": _fast_order(0, 1),
    "exists": _fast_exists,
    "matches": _fast_matches,
}
_NEGATIONS = {"notEqual": "equal", "notIn": "in", "notExists": "exists", "notMatches": "matches"}
