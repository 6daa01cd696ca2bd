"""An operator with the decorators before it: found by name on load, applied to two values by the explainer."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from autoflow.errors import ConditionError, EvaluationError
from autoflow.matching import codes
from autoflow.matching.coercion import fold_case
from autoflow.matching.operators import DECORATORS, NOT_YET, OPERATORS, SYNONYMS, Operator, Test, kind_of
from autoflow.model.json import Json


class Chain(NamedTuple):
    """An operator with the decorators before it, the outermost first."""

    decorators: tuple[str, ...]
    operator: Operator

    @property
    def name(self) -> str:
        """The canonical spelling, for example `someFact:equal`."""
        return ":".join((*self.decorators, self.operator.name))


@lru_cache(maxsize=1024)
def resolve_operator(text: str) -> Chain:
    """The operator and decorators that a name means; ConditionError with the near match where it means none."""
    *decorators, name = text.split(":")
    for decorator in decorators:
        if decorator not in DECORATORS:
            raise ConditionError(
                f"no decorator is called {decorator!r}",
                code=codes.UNKNOWN_DECORATOR,
                hint=near_match(decorator, DECORATORS) or f"known are {', '.join(DECORATORS)}",
            )
    name = SYNONYMS.get(name, name)
    if name in NOT_YET:
        raise ConditionError(
            f"{name!r} compares times, which this release does not do yet",
            code=codes.NOT_YET,
            hint="times of one form (2026-01-31T08:00:00Z) can be compared as texts with < and >",
        )
    if name not in OPERATORS:
        raise ConditionError(
            f"no operator is called {name!r}",
            code=codes.UNKNOWN_OPERATOR,
            hint=near_match(name, [*OPERATORS, *SYNONYMS]) or "docs/conditions.md lists them all",
        )
    chain = Chain(decorators=tuple(decorators), operator=OPERATORS[name])
    _check_chain(chain)
    return chain


def _check_chain(chain: Chain) -> None:
    operator = chain.operator
    turning = {"swap"} & set(chain.decorators)
    if not operator.takes_value:
        turning = {"swap", "someValue", "everyValue"} & set(chain.decorators)
    if turning and (operator.needs_literal or not operator.takes_value):
        raise ConditionError(f"{min(turning)} does not go with {operator.name}", code=codes.UNKNOWN_DECORATOR)
    if "ignoreCase" in chain.decorators and operator.name in {"matches", "notMatches"}:
        raise ConditionError(
            f"ignoreCase does not go with {operator.name}",
            code=codes.UNKNOWN_DECORATOR,
            hint="begin the expression with (?i)",
        )


def near_match(word: str, known: Iterable[str]) -> str | None:
    """A hint with the known word that was probably meant."""
    lowered = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), lowered, n=1, cutoff=0.7)
    return f"did you mean {lowered[found[0]]}?" if found else None


def evaluate(chain: Chain, left: Json, right: Json) -> bool:
    """Whether the operator holds for two values. EvaluationError where it cannot be told."""
    return _evaluate(chain.decorators, chain.operator.test, left, right)


def _evaluate(decorators: tuple[str, ...], test: Test, left: Json, right: Json) -> bool:
    if not decorators:
        return test(left, right)
    rest = decorators[1:]
    match decorators[0]:
        case "not":
            return not _evaluate(rest, test, left, right)
        case "swap":
            return _evaluate(rest, test, right, left)
        case "ignoreCase":
            return _evaluate(rest, test, fold_case(left), fold_case(right))
        case "someFact":
            return isinstance(left, list) and any(_evaluate(rest, test, one, right) for one in left)
        case "everyFact":
            return isinstance(left, list) and all(_evaluate(rest, test, one, right) for one in left)
        case "someValue":
            return any(_evaluate(rest, test, left, one) for one in _elements(right))
        case _:
            return all(_evaluate(rest, test, left, one) for one in _elements(right))


def _elements(right: Json) -> list[Json]:
    if isinstance(right, list):
        return right
    raise EvaluationError(f"needs a list on the right, and found {kind_of(right)}")
