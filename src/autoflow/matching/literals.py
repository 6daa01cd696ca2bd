"""Whether the right side of a comparison suits its operator, judged on load through all decorators."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from autoflow.errors import ConditionError
from autoflow.matching import codes
from autoflow.matching.chains import Chain
from autoflow.matching.regex import compile_regex
from autoflow.model.condition import Reference
from autoflow.model.json import Json

MAX_NESTING: Final = 32

Side = tuple[Json, ...] | None
"""The literals that can stand on a side once decorators have looked into lists; None where a fact stands there."""


class Verdict(NamedTuple):
    """What is known on load about a comparison's right side."""

    #: what is wrong with it, or None
    complaint: str | None = None
    #: whether evaluation can fail on some facts
    can_raise: bool = False


def judge_value(chain: Chain, value: Json | Reference) -> Verdict:
    """Follow the decorators from the left, as evaluation does, and see what reaches the operator."""
    left: Side = None
    right: Side = None if isinstance(value, Reference) else (value,)
    can_raise = False
    for decorator in chain.decorators:
        match decorator:
            case "swap":
                left, right = right, left
            case "someFact" | "everyFact":
                left = _elements(left)
            case "someValue" | "everyValue":
                if right is not None and any(not isinstance(one, list) for one in right):
                    return Verdict(complaint=f"{decorator} needs a list, for example [1, 2]")
                can_raise = can_raise or right is None
                right = _elements(right)
            case _:
                pass
    return _judge_right(chain, right, can_raise=can_raise)


def _elements(side: Side) -> Side:
    if side is None:
        return None
    return tuple(element for one in side if isinstance(one, list) for element in one)


def _judge_right(chain: Chain, right: Side, *, can_raise: bool) -> Verdict:
    operator = chain.operator
    if right is None:
        if operator.needs_literal:
            return Verdict(complaint=f"{operator.name} needs its value written in the condition")
        return Verdict(can_raise=can_raise or operator.needs_list)
    for literal in right:
        complaint = operator.complain(literal) if operator.complain else None
        if complaint:
            return Verdict(complaint=f"{operator.name} {complaint}")
    return Verdict(can_raise=can_raise)


def check_value(chain: Chain, value: Json | Reference) -> None:
    """ConditionError where the right side does not suit the operator."""
    if not isinstance(value, Reference) and not _is_json(value):
        raise ConditionError(
            f"a value is JSON, nested at most {MAX_NESTING} deep, without NaN and infinity", code=codes.WRONG_VALUE
        )
    complaint = judge_value(chain, value).complaint
    if complaint:
        raise ConditionError(complaint, code=codes.WRONG_VALUE, hint=_hint_for(chain, value))
    if chain.operator.name in {"matches", "notMatches"}:
        for pattern in _texts(value):
            compile_regex(pattern)


def _is_json(value: Json, room: int = MAX_NESTING) -> bool:
    if room == 0:
        return False
    if isinstance(value, list):
        return all(_is_json(part, room - 1) for part in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(part, room - 1) for key, part in value.items())
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int | bool)


def _texts(value: Json) -> list[str]:
    """The expressions in a value: someValue:matches has a list of them."""
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


def _hint_for(chain: Chain, value: Json | Reference) -> str | None:
    name = chain.operator.name
    if name in {"in", "notIn"} and isinstance(value, str):
        return "to look for a part of a text use containsText (in a line: contains)"
    if name in {"in", "notIn"} and not isinstance(value, dict | list):
        return "to compare with one value use equal"
    if isinstance(value, bool) and not chain.decorators:
        return "compare true and false with equal"
    return None
