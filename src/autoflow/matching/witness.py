"""Whether some value could meet several comparisons at once. Asked by `contradiction`, of one reference at a time.

Never says no where there is such a value: what a comparison asks of a kind of value is only ever taken too lightly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final, NamedTuple

from autoflow.errors import EvaluationError
from autoflow.matching.chains import Chain, evaluate, resolve_operator
from autoflow.matching.coercion import compare, is_same, number_of, reads_as_number, text_of
from autoflow.matching.lookup import MISSING
from autoflow.model.condition import Leaf, Reference
from autoflow.model.json import Json

_NEGATIONS: Final = {
    "notEqual": "equal",
    "notIn": "in",
    "notExists": "exists",
    "isNotEmpty": "isEmpty",
    "notContainsText": "containsText",
    "doesNotInclude": "includes",
    "notMatches": "matches",
}
_ORDERS: Final = {
    "lessThan": (False, True),
    "lessThanInclusive": (False, False),
    "greaterThan": (True, True),
    "greaterThanInclusive": (True, False),
}
"""Operator -> whether it bounds from below, and whether the bound itself is left out."""
_TEXT_PARTS: Final = frozenset({"startsWith", "endsWith", "containsText", "includes"})
ABSENT: Final[tuple[Json, ...]] = (MISSING, None)
"""What `not exists` leaves."""
_EMPTY: Final[tuple[Json, ...]] = (MISSING, None, "", [], {})
_SINGLE: Final[tuple[Json, ...]] = (MISSING, None, True, False, "", [], {}, {"a": None})
"""Values of kinds that have no other, as far as an undecorated comparison can tell."""


class Claim(NamedTuple):
    """A comparison that is to hold, or that is not to."""

    leaf: Leaf
    negated: bool = False

    @property
    def plain(self) -> tuple[str | None, bool]:
        """The operator without its opposite, and whether it is not to hold; None where values decide otherwise."""
        chain = resolve_operator(self.leaf.operator)
        name, negated = chain.operator.name, self.negated
        if chain.decorators == ("not",):
            negated = not negated
        elif chain.decorators:
            return None, negated
        return (_NEGATIONS[name], not negated) if name in _NEGATIONS else (name, negated)

    def holds_for(self, value: Json) -> bool:
        """Whether a value meets it, or might: `swap:in` can be evaluated only where the value is a list."""
        chain: Chain = resolve_operator(self.leaf.operator)
        try:
            return evaluate(chain, value, self.leaf.value) is not self.negated
        except EvaluationError:
            return True


class _Sorted(NamedTuple):
    """A claim whose plain operator is known, ready to be asked about a kind of value."""

    name: str
    negated: bool
    value: Json
    claim: Claim


def can_be_met(claims: Sequence[Claim], among: Sequence[Json] | None = None) -> bool:
    """Whether a value may meet all of these claims about one reference; `among` where it must be one of some."""
    if _disagree(claims):
        return False
    known = [claim for claim in claims if not isinstance(claim.leaf.value, Reference)]
    if among is None:
        counted = [listed for claim in known if (listed := _listed(claim)) is not None]
        among = min(counted, key=len, default=None)
    if among is not None:
        return any(all(claim.holds_for(value) for claim in known) for value in among)
    made = [
        _Sorted(name=plain[0], negated=plain[1], value=claim.leaf.value, claim=claim)
        for claim in known
        if (plain := claim.plain)[0] is not None
    ]
    if any(all(one.claim.holds_for(value) for one in made) for value in _SINGLE):
        return True
    return any(may_meet(made) for may_meet in _KINDS)


def _disagree(claims: Sequence[Claim]) -> bool:
    """Whether the very same comparison is to hold and not to."""
    seen: dict[tuple[str, str], bool] = {}
    for claim in claims:
        name, negated = claim.plain
        key = (name or claim.leaf.operator, repr(claim.leaf.value))
        if seen.setdefault(key, negated) is not negated:
            return True
    return False


def _listed(claim: Claim) -> tuple[Json, ...] | None:
    """The only values that can meet a claim, where they can be counted."""
    value = claim.leaf.value
    match claim.plain:
        case ("equal", False):
            return _scalars([value])
        case ("in", False) if isinstance(value, list):
            return _scalars(value)
        case ("exists", True):
            return ABSENT
        case ("isEmpty", False):
            return _EMPTY
        case _:
            return None


def _scalars(values: list[Json]) -> tuple[Json, ...]:
    """A list or a map is never the very one that is written in a condition."""
    return tuple(value for value in values if not isinstance(value, list | dict))


class _Range:
    """Numbers or texts between bounds, each of which may be left out."""

    def __init__(self) -> None:
        self.bounds: list[tuple[bool, bool, Json]] = []

    def add(self, below: bool, left_out: bool, bound: Json) -> None:
        """One more bound."""
        self.bounds.append((below, left_out, bound))

    def point(self) -> tuple[bool, Json]:
        """Whether something may lie inside, and the only value that does, MISSING where there are many."""
        lows = [(bound, left_out) for below, left_out, bound in self.bounds if below]
        highs = [(bound, left_out) for below, left_out, bound in self.bounds if not below]
        only: Json = MISSING
        for (low, low_out), (high, high_out) in product(lows, highs):
            order = compare(low, high)
            if order == 1 or (order == 0 and (low_out or high_out)):
                return False, MISSING
            if order == 0:
                only = low
        return True, only


def _bounds_of(one: _Sorted) -> list[tuple[bool, bool, Json]]:
    """The bounds that a claim sets; turned round where it is not to hold. None for what it does not order."""
    if one.name == "between":
        if one.negated:
            return []  # two ranges, either of them: taken for no bound
        low, high = one.value
        return [(True, False, low), (False, False, high)]
    if one.name not in _ORDERS:
        return []
    below, left_out = _ORDERS[one.name]
    return [(not below, not left_out, one.value) if one.negated else (below, left_out, one.value)]


def _number_may_meet(made: Sequence[_Sorted]) -> bool:
    """A number is compared as a number, whatever stands on the right."""
    found = _Range()
    for one in made:
        if one.name not in _ORDERS and one.name not in ("between", "equal", "in") and not one.claim.holds_for(0.5):
            return False
        for below, left_out, bound in _bounds_of(one):
            number = number_of(text_of(bound) if isinstance(bound, list | dict) else bound)
            if not math.isnan(number):
                found.add(below, left_out, number)
            elif not one.negated:
                return False
    some, point = found.point()
    return some and (point is MISSING or all(one.claim.holds_for(point) for one in made))


def _orders_may_meet(made: Sequence[_Sorted]) -> bool:
    """Of texts and lists: the ranges of what they are as numbers and as texts, each by itself."""
    numbers, texts = _Range(), _Range()
    for one in sorted(made, key=lambda one: one.negated):
        for below, left_out, bound in _bounds_of(one):
            kind = texts if isinstance(bound, str | list | dict) else numbers
            if not one.negated or kind.bounds:  # only what is compared at all is bounded by what is not to hold
                kind.add(below, left_out, bound)
    return numbers.point()[0] and texts.point()[0]


def _text_may_meet(made: Sequence[_Sorted]) -> bool:
    ordered = False
    for one in made:
        if one.name in _TEXT_PARTS and not isinstance(one.value, str):
            if not one.negated:
                return False
        elif one.name in ("contains", "doesNotContain") and not one.negated:
            return False
        ordered = ordered or (not one.negated and (one.name in _ORDERS or one.name == "between"))
    return _orders_may_meet(made) and _parts_may_meet(made, ordered=ordered)


def _parts_may_meet(made: Sequence[_Sorted], *, ordered: bool) -> bool:
    """Beginnings, ends and parts of a text; with `ordered` it is to begin as a number."""
    wanted = {name: [str(o.value) for o in made if o.name == name and not o.negated] for name in _TEXT_PARTS}
    starts, ends = sorted(wanted["startsWith"], key=len), sorted(wanted["endsWith"], key=len)
    longest_start, longest_end = "".join(starts[-1:]), "".join(ends[-1:])
    if not all(map(longest_start.startswith, starts)) or not all(map(longest_end.endswith, ends)):
        return False
    if ordered and not _may_begin_number(longest_start.strip()[:1]):
        return False
    pieces = [longest_start, longest_end, *wanted["containsText"], *wanted["includes"]]
    for one in made:
        if not one.negated or not isinstance(one.value, str):
            continue
        if one.name == "startsWith" and longest_start.startswith(one.value):
            return False
        if one.name == "endsWith" and longest_end.endswith(one.value):
            return False
        if one.name in ("containsText", "includes") and any(one.value in piece for piece in pieces):
            return False
    return True


def _may_begin_number(first: str) -> bool:
    return first in ("", "I") or reads_as_number(first + "1")


def _list_may_meet(made: Sequence[_Sorted]) -> bool:
    held: list[Json] = []
    kept_out: list[Json] = []
    for one in made:
        if one.name in ("contains", "includes"):
            (kept_out if one.negated else held).append(one.value)
        elif one.name == "doesNotContain":
            (held if one.negated else kept_out).append(one.value)
        elif one.name not in _ORDERS and one.name != "between" and not one.claim.holds_for([0]):
            return False
    if any(is_same(one, other) for one in held for other in kept_out):
        return False
    return _orders_may_meet(made)


_KINDS: Final[tuple[Callable[[Sequence[_Sorted]], bool], ...]] = (_number_may_meet, _text_may_meet, _list_may_meet)
