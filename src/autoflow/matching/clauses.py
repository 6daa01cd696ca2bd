"""A condition as clauses that must all hold, each a choice of comparisons. Before it: the index. After it: the sieve.

Only for conditions that cannot raise: the order of their parts cannot be told from outside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, assert_never

from autoflow.matching.chains import resolve_operator
from autoflow.matching.generator import is_number
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.json import Json

MOST: Final = 16
"""Clauses of one part; a part that would have more is judged as a whole."""


class Kind(StrEnum):
    """How the comparisons of a reference are looked up together."""

    #: equality with one of some literals, by hash
    EQUAL = "equal"
    #: `<` and its kin with a number, by bisection
    ORDER = "order"
    #: regular expressions, all at once
    REGEX = "regex"
    #: everything else, by generated code
    JUDGED = "judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One comparison of a clause, or a part of a condition that is judged as a whole."""

    kind: Kind
    #: what is looked up; None where the part is judged
    reference: Reference | None
    negated: bool
    condition: Condition
    #: of the comparison, where it is looked up
    operator: str = ""
    value: Json = None


Clause = tuple[Term, ...]
"""One of these must hold; none can where there are none."""

_NEGATIONS: Final = {"notEqual": "equal", "notIn": "in", "notMatches": "matches"}
_KINDS: Final = {
    "equal": Kind.EQUAL,
    "in": Kind.EQUAL,
    "matches": Kind.REGEX,
    "lessThan": Kind.ORDER,
    "lessThanInclusive": Kind.ORDER,
    "greaterThan": Kind.ORDER,
    "greaterThanInclusive": Kind.ORDER,
}


def clauses_of(condition: Condition, *, negated: bool = False) -> list[Clause]:
    """The clauses of a condition, or of its opposite; no clause where it always holds."""
    match condition:
        case Leaf():
            return _clauses_of_leaf(condition, negated=negated)
        case Not():
            return clauses_of(condition.condition, negated=not negated)
        case All() | Any():
            return _clauses_of_parts(condition, negated=negated)
        case _:
            assert_never(condition)


def judge_whole(condition: Condition, *, negated: bool = False) -> list[Clause]:
    """The condition as one clause of one term."""
    return [(Term(kind=Kind.JUDGED, reference=None, negated=negated, condition=condition),)]


def _clauses_of_parts(condition: All | Any, *, negated: bool) -> list[Clause]:
    if not condition.conditions:
        return [()] if negated else []
    parts = [clauses_of(part, negated=negated) for part in condition.conditions]
    if isinstance(condition, All) is not negated:
        clauses = [clause for part in parts for clause in part]
    else:
        clauses = _choose(parts)
    return clauses if len(clauses) <= MOST else judge_whole(condition, negated=negated)


def _choose(parts: list[list[Clause]]) -> list[Clause]:
    """The clauses of a choice: each takes one clause from every part. Cut off once there are too many."""
    clauses: list[Clause] = [()]
    for part in parts:
        clauses = [(*clause, *other) for clause in clauses for other in part]
        if len(clauses) > MOST:
            break
    return clauses


def _clauses_of_leaf(leaf: Leaf, *, negated: bool) -> list[Clause]:
    chain = resolve_operator(leaf.operator)
    name = chain.operator.name
    if chain.decorators == ("not",):
        plain = replace(leaf, operator=name)
        return _clauses_of_leaf(plain, negated=not negated)
    if chain.decorators or isinstance(leaf.value, Reference):
        return judge_whole(leaf, negated=negated)
    if name == "between" and all(map(is_number, leaf.value)):
        low, high = leaf.value
        bounds = (
            replace(leaf, operator="greaterThanInclusive", value=low),
            replace(leaf, operator="lessThanInclusive", value=high),
        )
        return _clauses_of_parts(All(conditions=bounds), negated=negated)
    if name in _NEGATIONS:
        name, negated = _NEGATIONS[name], not negated
    kind = _KINDS.get(name)
    if kind is None or (kind is Kind.ORDER and not is_number(leaf.value)):
        return judge_whole(leaf, negated=negated)
    term = Term(kind=kind, reference=leaf.left, negated=negated, condition=leaf, operator=name, value=leaf.value)
    return [(term,)]
