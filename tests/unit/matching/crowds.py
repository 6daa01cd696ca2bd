"""Many random rules about few values, so that they share columns, bounds and buckets; reproducible by seed."""

from __future__ import annotations

import random
from typing import Any

from autoflow.errors import ConditionError
from autoflow.matching.chains import resolve_operator
from autoflow.matching.literals import check_value
from autoflow.matching.operators import DECORATORS, OPERATORS
from autoflow.model import condition as model
from autoflow.model.condition import Condition, Leaf, Reference

NUMBERS = [
    0, 1, -1, 4, 5, 6, 0.0, -0.0, 1.0, 4.999999999999999, 5.0, 5.000000000000001, 5.5, 1e-7, 1e21, 2**53, 2**53 + 1,
    2.0**53, 2**63, 2**64 + 1, 10**30, 10**400, -(10**400), 1.7976931348623157e308,
]  # fmt: skip
TEXTS = [
    "", "a", "A", "ab", "b", "1", "5", "5.0", " 5 ", "05", "5x", "10", "1e3", "0x5", "Infinity", "-Infinity", "NaN",
    "true", "null", "undefined", "é", "\U0001f600", "\uffee", "\ud800", "a\nb", 'a"b\'c\\', "x" * 100,
]  # fmt: skip
SCALARS: list[Any] = [None, True, False, *NUMBERS, *TEXTS]
FOUND_ONLY = [float("nan"), float("inf"), float("-inf")]
"""Facts of our own making can hold them; a literal cannot."""
PATTERNS = ["^a", "b$", "a|5", r"^\d+$", "(?i)^A", "", ".", r"\bb", "é", "x{50}", "^$", r"[^a-z]"]
FACTS = ["f", "g", "h", "we\"ird'\\\n"]
PATHS = [None, None, "$.a", "$.b", "$.a.b", "$.a.b.c", "$[0]", "$.a[1]", "$[*]", "$..a", "$.a[*].b", "$.length",
         '$["x y"]']  # fmt: skip
ORDERS = ["lessThan", "lessThanInclusive", "greaterThan", "greaterThanInclusive"]
SHARED = [*ORDERS, *ORDERS, "equal", "equal", "notEqual", "in", "notIn", "between", "matches", "notMatches"]


def make_value(source: random.Random, depth: int = 2) -> Any:
    """A random JSON value, mostly a scalar."""
    shape = source.random()
    if depth == 0 or shape < 0.75:
        return source.choice(SCALARS)
    if shape < 0.87:
        return [make_value(source, depth - 1) for _ in range(source.randint(0, 3))]
    return {name: make_value(source, depth - 1) for name in source.sample(["a", "b", "c", "x y"], 2)}


def make_facts(source: random.Random) -> dict[str, Any]:
    """Some facts, now and then with what no literal can be."""
    found = {}
    for name in FACTS:
        if source.random() < 0.85:
            rare = source.random() < 0.08
            found[name] = source.choice(FOUND_ONLY) if rare else make_value(source, 3)
    return found


def make_reference(source: random.Random) -> Reference:
    """A way into the facts, two of which are frequent."""
    if source.random() < 0.5:
        return Reference(fact="f", path=source.choice([None, "$.a"]))
    return Reference(fact=source.choice(FACTS), path=source.choice(PATHS))


def make_leaf(source: random.Random) -> Leaf:
    """A comparison that loads."""
    while True:
        plain = source.random() < 0.7
        name = source.choice(SHARED if plain else sorted(OPERATORS))
        decorators = source.choices(sorted(DECORATORS), k=source.choice([0, 0, 1, 2])) if not plain else []
        decorators = ["not"] if plain and source.random() < 0.1 else decorators
        leaf = Leaf(
            left=make_reference(source),
            operator=":".join([*decorators, name]),
            value=_make_right(source, name, decorators),
            priority=source.choice([None, None, None, None, 1, 2, 7]),
        )
        try:
            check_value(resolve_operator(leaf.operator), leaf.value)
        except ConditionError:
            continue
        return leaf


def _make_right(source: random.Random, name: str, decorators: list[str]) -> Any:
    if not OPERATORS[name].takes_value:
        return True
    if source.random() < 0.08:
        return make_reference(source)
    if name in {"in", "notIn"}:
        value: Any = [make_value(source, 1) for _ in range(source.randint(0, 4))]
    elif name == "between":
        value = [source.choice(NUMBERS), source.choice(NUMBERS)]
    elif "atches" in name:
        value = source.choice(PATTERNS)
    else:
        value = source.choice(NUMBERS) if name in ORDERS and source.random() < 0.8 else make_value(source, 1)
    return [value] if {"someValue", "everyValue"} & set(decorators) else value


def make_condition(source: random.Random, depth: int) -> Condition:
    """A tree; `depth` 0 is a comparison."""
    shape = source.random()
    if depth == 0 or shape < 0.3:
        return make_leaf(source)
    priority = source.choice([None, None, 2])
    if shape < 0.45:
        return model.Not(condition=make_condition(source, depth - 1), priority=priority)
    kind = model.All if shape < 0.75 else model.Any
    parts = tuple(make_condition(source, depth - 1) for _ in range(source.choice([0, 1, 2, 2, 3, 3, 4])))
    return kind(conditions=parts, priority=priority)


def make_crowd(source: random.Random, count: int) -> list[Condition | None]:
    """So many rules of one random depth; a few have no condition, and some are there twice."""
    depth = source.choice([0, 0, 1, 1, 2, 3])
    crowd: list[Condition | None] = []
    for _ in range(count):
        again = crowd and source.random() < 0.1
        crowd.append(source.choice(crowd) if again else make_condition(source, depth))
    return [None if source.random() < 0.02 else one for one in crowd]
