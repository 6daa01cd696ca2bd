"""Tables from a value to the rules for which it is good, one bit a rule. Before it: clauses. After it: the sieve.

A table asks one question about an event for all its rules together: one look-up, one bisection, one search.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from operator import or_
from typing import Final

from autoflow.matching.clauses import Kind, Term
from autoflow.matching.coercion import Key, key_of, order_number
from autoflow.matching.generator import compile_judge
from autoflow.matching.regex import compile_regexes
from autoflow.model.condition import Condition
from autoflow.model.json import Json

Find = Callable[[Json], int]
"""The rules for which a value is good, as bits."""

Owned = tuple[int, Term]
"""(the rule's bit, its term)"""


def build_table(kind: Kind, owned: Sequence[Owned]) -> Find:
    """The table for terms of one group, at most one a rule where they are negated.

    A table of judged parts is asked with the facts, every other with the value of its reference.
    """
    find = _BUILDERS[kind](owned)
    if not owned[0][1].negated:
        return find
    members = unite(bit for bit, _ in owned)
    return lambda value: members ^ find(value)


def unite(sets: Iterable[int]) -> int:
    """All rules that are in one of the sets."""
    found = 0
    for one in sets:
        found |= one
    return found


def _build_equal(owned: Sequence[Owned]) -> Find:
    good: dict[Key, int] = {}
    for bit, term in owned:
        for value in term.value if term.operator == "in" else [term.value]:
            if (key := key_of(value)) is not None:
                good[key] = good.get(key, 0) | bit

    def find(value: Json) -> int:
        key = key_of(value)
        return good.get(key, 0) if key is not None else 0

    return find


def _build_order(owned: Sequence[Owned]) -> Find:
    """The value's place among the bounds says which rules it is good for."""
    bounds, sets = _sweep(owned)
    count = len(bounds)

    def find(value: Json) -> int:
        kind = type(value)
        number = value if kind is float or kind is int else order_number(value)
        if number != number:  # NaN
            return 0
        place = bisect_left(bounds, number)
        return sets[2 * place + (place < count and bounds[place] == number)]

    return find


def _sweep(owned: Sequence[Owned]) -> tuple[list[float], list[int]]:
    """(bounds in order, the good rules before the first bound, at it, between it and the next, and so on)."""
    bounds = sorted({term.value for _, term in owned})
    places = {bound: place for place, bound in enumerate(bounds)}
    ups, downs = [0] * (2 * len(bounds) + 1), [0] * (2 * len(bounds) + 1)
    for bit, term in owned:
        at = 2 * places[term.value] + 1
        match term.operator:
            case "greaterThan":
                ups[at + 1] |= bit
            case "greaterThanInclusive":
                ups[at] |= bit
            case "lessThan":
                downs[at - 1] |= bit
            case _:
                downs[at] |= bit
    rising = accumulate(ups, or_)
    falling = reversed(list(accumulate(reversed(downs), or_)))
    return bounds, [one | other for one, other in zip(rising, falling, strict=True)]


def _build_regex(owned: Sequence[Owned]) -> Find:
    good: dict[str, int] = {}
    for bit, term in owned:
        pattern = term.value
        good[pattern] = good.get(pattern, 0) | bit
    sets = list(good.values())
    search = compile_regexes(list(good))
    return lambda value: unite(sets[place] for place in search(value)) if isinstance(value, str) else 0


def _build_judged(owned: Sequence[Owned]) -> Find:
    good: dict[str, tuple[Condition, int]] = {}
    for bit, term in owned:
        # Literals can be lists, which have no hash; the repr tells 1, 1.0 and true apart.
        written = repr(term.condition)
        good[written] = (term.condition, good[written][1] | bit if written in good else bit)
    sets = [bits for _, bits in good.values()]
    judge = compile_judge([(place, condition) for place, (condition, _) in enumerate(good.values())])
    return lambda facts: unite([sets[place] for place in judge(facts)])


_BUILDERS: Final[dict[Kind, Callable[[Sequence[Owned]], Find]]] = {
    Kind.EQUAL: _build_equal,
    Kind.ORDER: _build_order,
    Kind.REGEX: _build_regex,
    Kind.JUDGED: _build_judged,
}
