"""What is said about a line that means nothing: each mistake with its place and the way out."""

from __future__ import annotations

from typing import Final

from autoflow.errors import ConditionError
from autoflow.matching import codes
from autoflow.matching.chains import near_match
from autoflow.matching.tokens import CONSTANTS, JOINING, OPERATOR_SIGNS, WORD_OPERATORS, Kind, Token, mistake
from autoflow.model.condition import Reference

_WORDS: Final = (*(" ".join(words) for words in WORD_OPERATORS), "is empty", "and", "or", "not")
_OTHER_WORDS: Final = {
    "startsWith": "write starts with",
    "starts_with": "write starts with",
    "starts": "write starts with",
    "endsWith": "write ends with",
    "ends_with": "write ends with",
    "ends": "write ends with",
    "includes": "write contains",
    "has": "write contains",
    "like": "write contains, starts with, ends with or matches",
    "equals": "write ==",
    "equal": "write ==",
    **dict.fromkeys(("eq", "is_equal"), "write =="),
    **dict.fromkeys(("ne", "neq", "notEqual", "not_equal", "not_equals", "notEquals"), "write !="),
    **dict.fromkeys(("gt", "greater", "greaterThan", "greater_than", "above", "over"), "write >"),
    **dict.fromkeys(("gte", "ge", "greaterThanInclusive", "greater_or_equal", "greater_than_inclusive"), "write >="),
    **dict.fromkeys(("lt", "less", "lessThan", "less_than", "below", "under"), "write <"),
    **dict.fromkeys(("lte", "le", "lessThanInclusive", "less_or_equal", "less_than_inclusive"), "write <="),
    "isEmpty": "write is empty",
    "exist": "write exists",
}


def no_fact(token: Token) -> ConditionError:
    """Something else stands where a condition begins."""
    hint = "write for example job.total > 5"
    if token.kind is Kind.END:
        message = "a condition is missing here"
    elif token.text == ")":
        return mistake("a condition is missing before this )", code=codes.PARENTHESES, column=token.column)
    elif token.kind is Kind.LITERAL and isinstance(token.value, str):
        message, hint = "a condition starts with a fact, not with text", f"write job.tags contains {token.text}"
    else:
        message = f"a condition starts with a fact, not with {token.text}"
    return _at(token, message, codes.NO_FACT_FIRST, hint)


def no_operator(left: Token, token: Token) -> ConditionError:
    """Behind a fact stands a word that is no operator."""
    word, lowered = token.text, token.text.lower()
    if word in _OTHER_WORDS:
        hint: str | None = _OTHER_WORDS[word]
    elif lowered != word and (lowered in {*JOINING, "is"} or (lowered,) in WORD_OPERATORS):
        hint = f"write {lowered}, in small letters"
    else:
        hint = near_match(word, _WORDS) or f"known are {' '.join(OPERATOR_SIGNS)}, {', '.join(_WORDS[:-3])}"
    found = "the end" if token.kind is Kind.END else word
    return _at(token, f"behind {left.text} an operator is expected, and here is {found}", codes.UNKNOWN_WORD, hint)


def no_value(before: Token, token: Token) -> ConditionError:
    """Behind an operator stands something that is no value."""
    if token.kind in {Kind.SPAN, Kind.TIME_OF_DAY} or token.text == "now":
        return times(token)
    if token.reference is not None and token.word is None:
        message = f"{token.text} is a reference, and on the right of a line stands a value"
        return _at(token, message, codes.REFERENCE_AS_VALUE, _tree_hint(token.reference))
    if token.reference is not None and token.text not in JOINING:
        lowered = token.text.lower().replace("none", "null")
        hint = f"write {lowered}" if lowered in CONSTANTS else f'text needs quotes: "{token.text}"'
        return _at(token, f"{token.text} is not a value", codes.BARE_WORD, hint)
    if token.kind is Kind.END:
        hint = 'a # begins a comment in YAML; quote text that has one: "#12"'
        return _at(token, f"behind {before.text} a value is expected, and here is the end", codes.NO_VALUE, hint)
    return _at(token, f"behind {before.text} a value is expected, and here is {token.text}", codes.NO_VALUE, None)


def left_over(token: Token) -> ConditionError:
    """A line goes on behind its end."""
    if token.text in {")", "]"}:
        return mistake(f"{token.text} closes nothing", code=codes.PARENTHESES, column=token.column)
    hint = "between two conditions stands and, or or"
    if token.text.lower() in JOINING:
        hint = f"write {token.text.lower()}, in small letters" if token.text not in JOINING else "write and not"
    elif token.text == ",":
        hint = "a list has brackets: [1, 2]; a number has no commas"
    elif token.text in OPERATOR_SIGNS:
        hint = "compare twice: job.a > 1 and job.a < 5, or between 1 and 5"
    return _at(token, f"the condition ends before {token.text}", codes.LEFT_OVER, hint)


def not_closed(opened: Token) -> ConditionError:
    """A parenthesis or a bracket has no partner."""
    name, sign = ("a parenthesis", ")") if opened.text == "(" else ("a list", "]")
    return mistake(f"{name} is not closed", code=codes.PARENTHESES, column=opened.column, hint=f"add a {sign}")


def times(token: Token) -> ConditionError:
    """Spans, times of day and `now` belong to comparisons of times."""
    message = f"{token.text} makes this a comparison of times, which this release does not do yet"
    hint = "times of one form (2026-01-31T08:00:00Z) can be compared as texts with < and >"
    return _at(token, message, codes.NOT_YET, hint)


def _at(token: Token, message: str, code: str, hint: str | None) -> ConditionError:
    return mistake(message, code=code, column=token.column, width=token.width, hint=hint)


def _tree_hint(reference: Reference) -> str:
    path = f", path: {reference.path}" if reference.path else ""
    return f"write the tree form, with value: {{ fact: {reference.fact}{path} }}"
