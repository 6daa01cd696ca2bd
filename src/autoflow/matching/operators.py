"""Every operator and decorator, with its exact meaning. Conditions are checked against this table on load.

The first ten operators and five of the decorators mean what json-rules-engine means by them; the others are ours.
`test` is the plain meaning: the explainer uses it as it is, the compiler has faster forms that a test holds equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from autoflow.errors import EvaluationError
from autoflow.matching.coercion import compare, is_same, position_of, reads_as_number, text_of
from autoflow.matching.lookup import MISSING
from autoflow.matching.regex import compile_regex
from autoflow.matching.tokens import OPERATOR_SIGNS
from autoflow.model.json import Json

Test = Callable[[Json, Json], bool]
Complaint = Callable[[Json], str | None]
"""What is wrong with a literal on the right, or None."""


class Operator(NamedTuple):
    """One operator: what it means, and what may stand on its right."""

    name: str
    meaning: str
    test: Test
    complain: Complaint | None = None
    #: exists and its kin stand alone
    takes_value: bool = True
    #: the right side must be written in the condition: it is prepared on load
    needs_literal: bool = False
    #: it cannot be evaluated where a fact on the right turns out not to be a list
    needs_list: bool = False


def _is_in(left: Json, right: Json) -> bool:
    if isinstance(right, list):
        return position_of(left, right) >= 0
    if isinstance(right, str):
        return text_of(left) in right
    raise EvaluationError(f"needs a list on the right, and found {kind_of(right)}")


def _contains(left: Json, right: Json) -> bool:
    return isinstance(left, list) and position_of(right, left) >= 0


def _lacks(left: Json, right: Json) -> bool:
    return isinstance(left, list) and position_of(right, left) < 0


def _ordered(*wanted: int) -> Test:
    def test(left: Json, right: Json) -> bool:
        return reads_as_number(left) and compare(left, right) in wanted

    return test


def _exists(left: Json, right: Json) -> bool:
    return left is not MISSING and left is not None


def _is_empty(left: Json, right: Json) -> bool:
    return left is MISSING or left is None or (isinstance(left, str | list | dict) and not left)


def _starts_with(left: Json, right: Json) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.startswith(right)


def _ends_with(left: Json, right: Json) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.endswith(right)


def _contains_text(left: Json, right: Json) -> bool:
    return isinstance(left, str) and isinstance(right, str) and right in left


def _includes(left: Json, right: Json) -> bool:
    return _contains(left, right) or _contains_text(left, right)


def _matches(left: Json, right: Json) -> bool:
    return isinstance(left, str) and compile_regex(right)(left)


def _between(left: Json, right: Json) -> bool:
    low, high = right
    return reads_as_number(left) and compare(left, low) in (0, 1) and compare(left, high) in (-1, 0)


def _negate(test: Test) -> Test:
    def negated(left: Json, right: Json) -> bool:
        return not test(left, right)

    return negated


def _want_list(value: Json) -> str | None:
    return None if isinstance(value, list) else "needs a list, for example [1, 2]"


def _want_text(value: Json) -> str | None:
    return None if isinstance(value, str) else "needs a text"


def _want_bounds(value: Json) -> str | None:
    if not isinstance(value, list) or len(value) != 2:
        return "needs two bounds, for example [1, 5]"
    low, high = value
    numbers = all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in value)
    if not numbers and not all(isinstance(bound, str) for bound in value):
        return "needs two numbers or two texts as bounds"
    return "is never true: the first bound is above the second" if compare(low, high) == 1 else None


def kind_of(value: Json) -> str:
    """What a value is, in a sentence."""
    if value is MISSING:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "a map"


_TABLE: Final = (
    Operator(name="equal", meaning="the very value, of the same type", test=is_same),
    Operator(name="notEqual", meaning="not equal; true for a missing fact", test=_negate(is_same)),
    Operator(
        name="in",
        meaning="an element of the list on the right",
        test=_is_in,
        complain=_want_list,
        needs_list=True,
    ),
    Operator(
        name="notIn",
        meaning="not in; true for a missing fact",
        test=_negate(_is_in),
        complain=_want_list,
        needs_list=True,
    ),
    Operator(name="contains", meaning="a list that holds the value", test=_contains),
    Operator(name="doesNotContain", meaning="a list that does not hold the value", test=_lacks),
    Operator(name="lessThan", meaning="less", test=_ordered(-1)),
    Operator(name="lessThanInclusive", meaning="less or equal", test=_ordered(-1, 0)),
    Operator(name="greaterThan", meaning="greater", test=_ordered(1)),
    Operator(name="greaterThanInclusive", meaning="greater or equal", test=_ordered(0, 1)),
    Operator(name="exists", meaning="there, and not null", test=_exists, takes_value=False),
    Operator(name="notExists", meaning="missing or null", test=_negate(_exists), takes_value=False),
    Operator(name="isEmpty", meaning='missing, null, "", [] or {}', test=_is_empty, takes_value=False),
    Operator(name="isNotEmpty", meaning="not isEmpty", test=_negate(_is_empty), takes_value=False),
    Operator(name="startsWith", meaning="a text that begins so", test=_starts_with, complain=_want_text),
    Operator(name="endsWith", meaning="a text that ends so", test=_ends_with, complain=_want_text),
    Operator(
        name="containsText", meaning="a text that has the value in it", test=_contains_text, complain=_want_text
    ),
    Operator(name="notContainsText", meaning="not containsText", test=_negate(_contains_text), complain=_want_text),
    Operator(name="includes", meaning="a list that holds the value, or a text that has it in it", test=_includes),
    Operator(name="doesNotInclude", meaning="not includes", test=_negate(_includes)),
    Operator(
        name="matches",
        meaning="a text in which the RE2 expression is found",
        test=_matches,
        complain=_want_text,
        needs_literal=True,
    ),
    Operator(
        name="notMatches", meaning="not matches", test=_negate(_matches), complain=_want_text, needs_literal=True
    ),
    Operator(
        name="between",
        meaning="from the first bound to the second, both included",
        test=_between,
        complain=_want_bounds,
        needs_literal=True,
    ),
)


OPERATORS: Final = {operator.name: operator for operator in _TABLE}
"""Name -> operator. Each meaning says what the fact is; docs/conditions.md has the details."""

DECORATORS: Final = {
    "someFact": "the fact is a list, and the operator holds for one of its elements",
    "everyFact": "the fact is a list, and the operator holds for all of its elements; true for []",
    "someValue": "the value is a list, and the operator holds for one of its elements",
    "everyValue": "the value is a list, and the operator holds for all of its elements",
    "swap": "fact and value change places",
    "not": "the operator does not hold",
    "ignoreCase": "texts on both sides count as if in lower case",
}
"""Decorator -> its meaning. ignoreCase is ours."""

SYNONYMS: Final = {
    "equals": "equal",
    "not_equal": "notEqual",
    "not_equals": "notEqual",
    "notEquals": "notEqual",
    "not_in": "notIn",
    "does_not_contain": "doesNotContain",
    "not_contains": "doesNotInclude",
    "notContains": "doesNotInclude",
    "less_than": "lessThan",
    "less_or_equal": "lessThanInclusive",
    "less_than_inclusive": "lessThanInclusive",
    "greater_than": "greaterThan",
    "greater_or_equal": "greaterThanInclusive",
    "greater_than_inclusive": "greaterThanInclusive",
    "not_exists": "notExists",
    "NOT_NULL": "exists",
    "not_null": "exists",
    "is_empty": "isEmpty",
    "is_not_empty": "isNotEmpty",
    "starts_with": "startsWith",
    "ends_with": "endsWith",
    "contains_text": "containsText",
    "not_contains_text": "notContainsText",
    "does_not_include": "doesNotInclude",
    "regex_match": "matches",
    "not_matches": "notMatches",
    **OPERATOR_SIGNS,
}
"""Accepted spelling -> canonical name."""

NOT_YET: Final = frozenset({"before", "notAfter", "after", "notBefore"})
