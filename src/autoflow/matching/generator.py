"""Many conditions as one generated function, which reads each value once. Before it: the index, which says which.

The text holds our own words, literals by `repr`, and names of bound values; nothing that a person wrote becomes code.
It means what the compiler's closures mean, and the tests hold the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, assert_never

from autoflow.errors import EvaluationError
from autoflow.matching.chains import Chain, evaluate, resolve_operator
from autoflow.matching.coercion import key_of
from autoflow.matching.compiler import Predicate, by_priority, can_raise, compile_condition
from autoflow.matching.literals import judge_value
from autoflow.matching.loads import Loads, build_function
from autoflow.matching.regex import compile_regex
from autoflow.matching.tree import depth_of
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.json import Json

Judge = Callable[[Mapping[str, Json]], list[int]]
"""The places of the conditions that hold, in order."""

Numbered = tuple[int, Condition | None]
"""(place, condition); without a condition it always holds."""

Fault = tuple[int, EvaluationError]
"""(place, why it cannot be judged)"""
Isolating = Callable[[Mapping[str, Json]], tuple[list[int], list[Fault]]]

DEEPEST: Final = 80
"""Nesting that Python's parser takes in any version; what is deeper is judged by closures."""
EVENTS_BEFORE: Final = 8
"""Events that closures judge before code is generated."""
LARGEST: Final = 300
"""Comparisons in one generated function: the compiler's time and memory stay in proportion."""

_ORDER: Final = {
    "lessThan": "<",
    "lessThanInclusive": "<=",
    "greaterThan": ">",
    "greaterThanInclusive": ">=",
}
_TEXT: Final = {
    "startsWith": "{value}.startswith({literal})",
    "endsWith": "{value}.endswith({literal})",
    "containsText": "{literal} in {value}",
}
_OPPOSITES: Final = {
    "notEqual": "equal",
    "notIn": "in",
    "notExists": "exists",
    "notMatches": "matches",
    "notContainsText": "containsText",
}


def compile_judge(entries: Sequence[Numbered]) -> Judge:
    """The conditions as few functions as they fit in. It raises EvaluationError where a condition does."""
    judges = [_compile_chunk(chunk) for chunk in _chunks(entries)]
    if len(judges) == 1:
        return judges[0]
    return lambda facts: [place for judge in judges for place in judge(facts)]


def judge_singly(entries: Sequence[Numbered]) -> Judge:
    """The conditions as closures, asked one by one."""
    if len(entries) == 1:
        return _judge_one(*entries[0])
    holding = [(place, compile_closure(condition)) for place, condition in entries]
    return lambda facts: [place for place, holds in holding if holds(facts)]


def judge_late(entries: Sequence[Numbered], keep: Callable[[Judge], None]) -> Judge:
    """Closures for the first events; then code is generated, and `keep` is handed its judge.

    There can be 10,000 event types with a rule each, and most of them are rare.
    """
    singly = judge_singly(entries)
    left = EVENTS_BEFORE

    def judge(facts: Mapping[str, Json]) -> list[int]:
        nonlocal left
        left -= 1
        if left == 0:
            keep(compile_judge(entries))
        return singly(facts)

    return judge


def _judge_one(place: int, condition: Condition | None) -> Judge:
    if condition is None:
        return lambda facts: [place]
    holds = compile_condition(condition)
    return lambda facts: [place] if holds(facts) else []


def compile_closure(condition: Condition | None) -> Predicate:
    """The condition by itself; None always holds."""
    return compile_condition(condition) if condition is not None else lambda facts: True


def _chunks(entries: Sequence[Numbered]) -> Iterator[list[Numbered]]:
    """The entries in order, cut where a function would grow too large."""
    chunk: list[Numbered] = []
    size = 0
    for entry in entries:
        weight = 1 if entry[1] is None else count_leaves(entry[1])
        if chunk and size + weight > LARGEST:
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += weight
    yield chunk


def _compile_chunk(entries: Sequence[Numbered]) -> Judge:
    if any(condition is not None and depth_of(condition) > DEEPEST for _, condition in entries):
        return judge_singly(entries)
    writer = _Writer(Loads())
    lines = [" found = []"]
    for place, condition in entries:
        written = "True" if condition is None else writer.write(condition)
        lines.append(f" if {written}: found.append({place})")
    return build_function(writer.loads, [*lines, " return found"])  # type: ignore[return-value]  # as written here


def count_leaves(condition: Condition) -> int:
    """How many comparisons a condition has, and at least 1."""
    stack, count = [condition], 0
    while stack:
        match stack.pop():
            case Leaf():
                count += 1
            case Not(condition=part):
                stack.append(part)
            case All(conditions=parts) | Any(conditions=parts):
                stack += parts
    return max(count, 1)


class _Writer:
    """Writes conditions as Python expressions, each of which is True or False."""

    def __init__(self, loads: Loads) -> None:
        self.loads = loads

    def write(self, condition: Condition) -> str:
        """The condition as one expression in brackets or without need of them."""
        match condition:
            case Leaf():
                return self._write_leaf(condition)
            case Not():
                return f"(not {self.write(condition.condition)})"
            case All() | Any():
                return self._write_parts(condition)
            case _:
                assert_never(condition)

    def _write_parts(self, condition: All | Any) -> str:
        """Parts of one priority are all evaluated where one of them can raise; otherwise the first decides."""
        chosen = isinstance(condition, Any)
        groups = []
        for group in by_priority(condition.conditions):
            parts = [self.write(part) for part in group]
            if any(can_raise(part) for part in group):
                groups.append(f"{self.loads.bind(any if chosen else all)}(({', '.join(parts)},))")
            else:
                groups.append(_join(parts, chosen=chosen))
        return _join(groups, chosen=chosen) if groups else "True"

    def _write_leaf(self, leaf: Leaf) -> str:
        chain = resolve_operator(leaf.operator)
        if judge_value(chain, leaf.value).can_raise:
            return f"{self.loads.bind(compile_condition(leaf))}(facts)"
        if isinstance(leaf.value, Reference):
            return self._write_test(chain, leaf, self.loads.value(leaf.value))
        name, negated = chain.operator.name, False
        if chain.decorators == ("not",):
            negated = True
        elif chain.decorators:
            return self._write_test(chain, leaf, self.loads.bind(leaf.value))
        if name in _OPPOSITES:
            name, negated = _OPPOSITES[name], not negated
        written = self._write_plain(name, leaf.left, leaf.value)
        if written is None:
            return self._write_test(chain, leaf, self.loads.bind(leaf.value))
        return f"(not {written})" if negated else written

    def _write_test(self, chain: Chain, leaf: Leaf, right: str) -> str:
        """The operator's plain meaning, called with both values."""
        left = self.loads.value(leaf.left)
        if not chain.decorators:
            return f"{self.loads.bind(chain.operator.test)}({left}, {right})"
        return f"{self.loads.bind(evaluate)}({self.loads.bind(chain)}, {left}, {right})"

    def _write_plain(self, name: str, left: Reference, value: Json) -> str | None:
        """An operator without decorators against a literal, or None where it has no short form."""
        loads = self.loads
        if name == "equal":
            return self._write_equal(loads.value(left), value)
        if name == "in":
            return self._write_in(loads.value(left), value)
        if name in _ORDER:
            return f"({loads.number(left)} {_ORDER[name]} {loads.literal(value)})" if is_number(value) else None
        if name == "between" and all(map(is_number, value)):
            return f"({loads.literal(value[0])} <= {loads.number(left)} <= {loads.literal(value[1])})"
        if name == "exists":
            return f"({loads.value(left)} is not None and {loads.value(left)} is not M)"
        if name == "matches":
            found = loads.value(left)
            return f"({self._is_text(found)} and {loads.bind(compile_regex(value))}({found}))"
        if name in _TEXT and isinstance(value, str):
            found = loads.value(left)
            test = _TEXT[name].format(value=found, literal=loads.literal(value))
            return f"({self._is_text(found)} and {test})"
        return None

    def _write_equal(self, found: str, value: Json) -> str:
        literal = self.loads.literal(value)
        if value is None or isinstance(value, bool):
            return f"({found} is {value!r})"
        if isinstance(value, str):
            return f"({found} == {literal})"
        if not isinstance(value, int | float):
            return "False"
        if value in (0, 1):
            return f"({found} == {literal} and {found} is not True and {found} is not False)"
        return f"({found} == {literal})"

    def _write_in(self, found: str, values: list[Json]) -> str:
        keys = frozenset(key for key in map(key_of, values) if key is not None)
        if all(isinstance(key, str) for key in keys):
            return f"({self._is_text(found)} and {found} in {self.loads.bind(keys)})"
        return f"({self.loads.bind(key_of)}({found}) in {self.loads.bind(keys)})"

    def _is_text(self, found: str) -> str:
        self.loads.bound["T"] = str
        return f"isinstance({found}, T)"


def _join(parts: list[str], *, chosen: bool) -> str:
    """One of the parts, or all of them."""
    return parts[0] if len(parts) == 1 else f"({(' or ' if chosen else ' and ').join(parts)})"


def is_number(value: Json) -> bool:
    """Whether a literal is a number, and not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def isolate(entries: Sequence[Numbered], *, fewest: int = 1) -> Isolating:
    """Conditions that can raise: (places that hold, faults). Where one raises, that event is judged rule by rule.

    Fewer than `fewest` always are.
    """
    singly = [(place, compile_closure(condition)) for place, condition in entries]
    if len(entries) < fewest:
        return lambda facts: _judge_each(singly, facts)
    judge = compile_judge(entries)

    def judge_all(facts: Mapping[str, Json]) -> tuple[list[int], list[Fault]]:
        try:
            return judge(facts), []
        except EvaluationError:
            return _judge_each(singly, facts)

    return judge_all


def _judge_each(singly: Sequence[tuple[int, Predicate]], facts: Mapping[str, Json]) -> tuple[list[int], list[Fault]]:
    found: list[int] = []
    faults: list[Fault] = []
    for place, holds in singly:
        try:
            if holds(facts):
                found.append(place)
        except EvaluationError as error:
            faults.append((place, error))
    return found, faults
