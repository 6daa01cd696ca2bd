"""What would have had to differ for a condition to hold: the fewest comparisons, each with a value that would do.

Beside `explain`, which says what was found. A value that is named was put into the event and tried.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, assert_never

from autoflow.errors import EvaluationError
from autoflow.matching.amend import put_value
from autoflow.matching.chains import Chain, evaluate, resolve_operator
from autoflow.matching.compiler import compile_condition
from autoflow.matching.lookup import MISSING, Absent
from autoflow.matching.near import write_near
from autoflow.matching.paths import compile_reference
from autoflow.matching.wording import describe_need
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.event import Event, facts_of
from autoflow.model.json import Json

MOST_CANDIDATES: Final = 200
"""Values that are tried for one comparison."""
LARGEST_KEPT: Final = 200
"""Elements or characters of what was found, up to which something is put to it; else it is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A comparison that would have had to come out otherwise."""

    leaf: Leaf
    #: what it would have had to say
    wanted: bool
    #: what was found; MISSING where nothing was
    actual: Json
    expected: Json
    #: whether a single value of the left side is known with which it does
    has_value: bool = False
    #: that value; MISSING: the event would have had to leave it out
    value: Json | Absent = None
    #: what the event has in place of what is missing, spelled a little otherwise
    near: str | None = None

    @property
    def text(self) -> str:
        """`job.total is 1500, needs >= 2000`."""
        said = describe_need(self.leaf, self.actual, self.expected, wanted=self.wanted)
        return f"{said} (the event has {self.near})" if self.near else said


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What would have had to differ, all together."""

    changes: tuple[Change, ...]
    #: whether the condition holds for the event with all those values, which was tried
    is_enough: bool


def find_remedy(condition: Condition, event: Event) -> Remedy | None:
    """The fewest comparisons that keep the condition from holding; None where no event could change it."""
    changes = _find(condition, event, facts_of(event), wanted=True)
    if changes is None:
        return None
    changed = event
    for change in changes:
        if change.has_value:
            changed = put_value(changed, change.leaf.left, change.value) or changed
    try:
        is_enough = compile_condition(condition)(facts_of(changed))
    except EvaluationError:
        is_enough = False
    return Remedy(changes=changes, is_enough=is_enough)


def _find(
    condition: Condition, event: Event, facts: Mapping[str, Json], *, wanted: bool
) -> tuple[Change, ...] | None:
    match condition:
        case Leaf():
            return _change_leaf(condition, event, facts, wanted=wanted)
        case Not():
            return _find(condition.condition, event, facts, wanted=not wanted)
        case All() | Any():
            if not condition.conditions:
                return () if wanted else None  # an empty one holds, whatever the event is
            found = [_find(part, event, facts, wanted=wanted) for part in condition.conditions]
            return _join(found) if isinstance(condition, All) is wanted else _choose(found)
        case _:
            assert_never(condition)


def _join(found: list[tuple[Change, ...] | None]) -> tuple[Change, ...] | None:
    """All of them are needed; one that stands twice is told once."""
    joined: list[Change] = []
    for changes in found:
        if changes is None:
            return None
        joined += [change for change in changes if change not in joined]
    return tuple(joined)


def _choose(found: list[tuple[Change, ...] | None]) -> tuple[Change, ...] | None:
    """One of them is enough: with values for all of it where there is such a one, then the one of the fewest."""
    possible = [changes for changes in found if changes is not None]
    return min(possible, key=lambda changes: (sum(not one.has_value for one in changes), len(changes)), default=None)


def _change_leaf(leaf: Leaf, event: Event, facts: Mapping[str, Json], *, wanted: bool) -> tuple[Change, ...]:
    chain = resolve_operator(leaf.operator)
    left, right = compile_reference(leaf.left)(facts), _right_of(leaf, facts)
    if _judge(chain, left, right) is wanted:
        return ()
    near = write_near(leaf.left, facts) if left is MISSING else None
    change = Change(leaf=leaf, wanted=wanted, actual=left, expected=right, near=near)
    for candidate in _candidates(chain, left, right):
        if _judge(chain, candidate, right) is wanted and _is_true(leaf, event, candidate, wanted=wanted):
            return (replace(change, has_value=True, value=candidate),)
    return (change,)


def _is_true(leaf: Leaf, event: Event, candidate: Json, *, wanted: bool) -> bool:
    """Whether the comparison says so on the event with that value in it."""
    changed = put_value(event, leaf.left, candidate)
    if changed is None:
        return False
    facts = facts_of(changed)
    left, right = compile_reference(leaf.left)(facts), _right_of(leaf, facts)
    return _judge(resolve_operator(leaf.operator), left, right) is wanted


def _right_of(leaf: Leaf, facts: Mapping[str, Json]) -> Json:
    return compile_reference(leaf.value)(facts) if isinstance(leaf.value, Reference) else leaf.value


def _judge(chain: Chain, left: Json, right: Json) -> bool | None:
    try:
        return evaluate(chain, left, right)
    except EvaluationError:
        return None


def _candidates(chain: Chain, left: Json, right: Json) -> Iterator[Json]:
    """Values worth a try, the most telling ones first; each is one that JSON can hold."""
    depth = sum(decorator in ("someFact", "everyFact") for decorator in chain.decorators)
    for value in islice(_plain_candidates(chain.operator.name, left, right), MOST_CANDIDATES):
        for _ in range(depth):
            value = [value]
        if _is_json(value):
            yield copy.deepcopy(value)


def _plain_candidates(operator: str, left: Json, right: Json) -> Iterator[Json]:
    if isinstance(left, str | list) and len(left) > LARGEST_KEPT:
        left = type(left)()
    rights = right if isinstance(right, list) else [right]
    if operator in ("startsWith", "endsWith", "containsText", "includes") and isinstance(left, str):
        yield from (f"{one}{left}" if operator != "endsWith" else f"{left}{one}" for one in rights)
    if isinstance(left, list):
        yield [*left, right]
        yield [one for one in left if one not in rights]
    if isinstance(right, str) and operator in ("matches", "notMatches"):
        yield right.strip("^$")
    if operator not in ("exists", "isNotEmpty"):
        yield right
        for one in rights:
            yield from _neighbours(one)
        yield MISSING
    yield from ("x", 1, 0, True, False, None, "", [], {})
    for one in (right, *rights):
        yield [one]
        yield [[one]]


def _neighbours(value: Json) -> Iterator[Json]:
    """The value, and the next ones on both sides."""
    yield value
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
        yield value - 1
        if abs(value) < 2**1000:
            yield math.nextafter(value, math.inf)
            yield math.nextafter(value, -math.inf)
    elif isinstance(value, str):
        yield value + "x"
        yield "1" + value
        yield "0"
        yield "9" + value
    elif isinstance(value, list):
        yield from value


def _is_json(value: Json) -> bool:
    if value is MISSING:
        return True
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError):
        return False
    return True
