"""A comparison in words, as a line of a rule file has it: for tables and reports; and what it would need."""

from __future__ import annotations

import json
from typing import Final

from autoflow.matching.chains import resolve_operator
from autoflow.matching.lookup import MISSING
from autoflow.matching.operators import kind_of
from autoflow.matching.paths import write_reference
from autoflow.matching.tokens import OPERATOR_SIGNS, WORD_OPERATORS
from autoflow.model.condition import Leaf, Reference
from autoflow.model.json import Json

LONGEST: Final = 80
"""Characters of a value that are shown."""
LONGEST_LEAF: Final = 100
"""Characters of a whole comparison that are shown where many stand below each other."""

WORDS: Final = {
    **{name: sign for sign, name in OPERATOR_SIGNS.items()},
    **{name: " ".join(words) for words, (name, _) in WORD_OPERATORS.items()},
    **{name: " ".join(("not", *words)) for words, (_, name) in WORD_OPERATORS.items()},
    "isEmpty": "is empty",
    "isNotEmpty": "is not empty",
}
"""Operators as a line of a rule file spells them."""

_OPPOSITES: Final = {
    "equal": "notEqual", "in": "notIn", "includes": "doesNotInclude", "containsText": "notContainsText",
    "matches": "notMatches", "exists": "notExists", "isEmpty": "isNotEmpty",
    "startsWith": "not:startsWith", "endsWith": "not:endsWith", "between": "not:between",
}  # fmt: skip
OPPOSITES: Final = {**_OPPOSITES, **{second: first for first, second in _OPPOSITES.items()}}
"""Operators of which exactly one holds, whatever the values are."""

_NEEDS: Final = {
    "exists": "needs a value",
    "notExists": "needs to be missing or null",
    "isEmpty": "needs to be empty",
    "isNotEmpty": "needs something in it",
    "includes": "needs to contain",
    "doesNotInclude": "must not contain",
    "startsWith": "needs to start with",
    "not:startsWith": "must not start with",
    "endsWith": "needs to end with",
    "not:endsWith": "must not end with",
    "matches": "needs to match",
    "notMatches": "must not match",
    "between": "needs to be between",
    "not:between": "must not be between",
    "in": "needs to be in",
    "notIn": "must not be in",
}
_OF_ONE_KIND: Final = frozenset({"equal", "in"})
"""Operators for which a number is never a text."""


def write_leaf(leaf: Leaf, *, longest: int | None = None) -> str:
    """`job.total >= 2000`; an operator that a line has no word for stands by its name. `longest`: cut values."""
    left, sign = write_reference(leaf.left), WORDS.get(leaf.operator, leaf.operator)
    right = _write_right(leaf, longest)
    return f"{left} {sign} {right}" if right else f"{left} {sign}"


def shorten(text: str) -> str:
    """The words of a comparison as far as people read them: a list can have a thousand values."""
    return text if len(text) <= LONGEST_LEAF else text[: LONGEST_LEAF - 1] + "…"


def show_value(value: Json, longest: int | None = LONGEST) -> str:
    """A value as JSON, cut where it is long; what is not there is missing."""
    if value is MISSING:
        return "missing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if longest is None or len(text) <= longest else text[: longest - 3] + "..."


def describe_need(leaf: Leaf, left: Json, right: Json, *, wanted: bool) -> str:
    """`job.total is 1500, needs >= 2000`: what was found, and what would have had to be."""
    operator = leaf.operator
    if not wanted and operator in OPPOSITES:
        operator, wanted = OPPOSITES[operator], True
    if not wanted:
        need = f"must not be {WORDS.get(operator, operator)}"
    else:
        need = _NEEDS.get(operator) or f"needs {WORDS.get(operator, operator)}"
    told = _write_right(leaf, LONGEST)
    if isinstance(leaf.value, Reference):
        told += f", which is {show_value(right)}"
    said = f"{write_reference(leaf.left)} is {show_value(left)}, {need} {told}".rstrip()
    return said + _tell_kinds(operator, left, right)


def _write_right(leaf: Leaf, longest: int | None) -> str:
    """The right side; nothing for an operator that has none."""
    if not resolve_operator(leaf.operator).operator.takes_value:
        return ""
    if isinstance(leaf.value, Reference):
        return write_reference(leaf.value)
    if leaf.operator in ("between", "not:between") and isinstance(leaf.value, list):
        return " and ".join(show_value(bound, longest) for bound in leaf.value)
    return show_value(leaf.value, longest)


def _tell_kinds(operator: str, left: Json, right: Json) -> str:
    """Where the values look alike and are not of one kind, that is why they differ."""
    wanted = right if isinstance(right, list) and operator == "in" else [right]
    if operator not in _OF_ONE_KIND or left is MISSING or left is None or isinstance(left, list | dict):
        return ""
    near = next((one for one in wanted if str(one).casefold() == str(left).casefold()), MISSING)
    if near is MISSING or near == left:
        return ""
    if kind_of(near) == kind_of(left):
        return " (upper and lower case differ)"
    return f" ({kind_of(left)} is never {kind_of(near)})"
