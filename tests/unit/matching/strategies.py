"""Random conditions and facts that meet each other often: few names, few values, every operator and decorator."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from autoflow.errors import ConditionError
from autoflow.matching.chains import resolve_operator
from autoflow.matching.literals import check_value
from autoflow.matching.operators import DECORATORS, OPERATORS
from autoflow.model import condition as model
from autoflow.model.condition import Leaf, Reference

NUMBERS = [0, 1, 1.0, -1, 5, 5.5, 10, 2**63, 10**30, 1e21, 1e-7]
TEXTS = ["", "a", "A", "ab", "1", "5", "10", " 7 ", "12abc", "0x10", "é", "\U0001f600", "\uffee", "\ud800"]
scalars = st.sampled_from([None, True, False, *NUMBERS, *TEXTS])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x y"]), inner, max_size=2)
    ),
    max_leaves=6,
)
fact_values = values | st.sampled_from([float("nan"), float("inf")])
facts = st.dictionaries(st.sampled_from(["f", "g", "h"]), fact_values, max_size=3)
paths = st.sampled_from(
    [
        None,
        None,
        "$.a",
        "$.b",
        "$.a.b",
        "$[0]",
        "$.a[1]",
        "$[*]",
        "$..a",
        "$.a[*].b",
        '$["x y"]',
        "$.length",
        "$[*][0].a",
    ]
)
references = st.builds(lambda fact, path: Reference(fact=fact, path=path), st.sampled_from(["f", "g", "h"]), paths)
names = st.builds(
    lambda decorators, operator: ":".join([*decorators, operator]),
    st.lists(st.sampled_from(sorted(DECORATORS)), max_size=2) | st.just([]),
    st.sampled_from(sorted(OPERATORS) + ["equal", "in"] * 6),
)
rights = st.one_of(
    values,
    values,
    references,
    st.lists(values, max_size=3),
    st.lists(st.lists(scalars, max_size=2), max_size=2),
    st.sampled_from([[1, 5], ["a", "c"], [[1, 5], [0, 1]], "^a", ["^a", "b$"], [1, True, "1", None]]),
)
priorities = st.sampled_from([None, None, None, 1, 2, 7])


def _loads(leaf: Leaf) -> bool:
    try:
        check_value(resolve_operator(leaf.operator), leaf.value)
    except ConditionError:
        return False
    return True


def _make_leaf(left: Reference, operator: str, value: Any, priority: int | None) -> Leaf | None:
    try:
        takes_value = resolve_operator(operator).operator.takes_value
    except ConditionError:
        return None
    leaf = Leaf(left=left, operator=operator, value=value if takes_value else True, priority=priority)
    return leaf if _loads(leaf) else None


leaves = st.builds(_make_leaf, references, names, rights, priorities).filter(lambda leaf: leaf is not None)


def _group(kind: type[model.All] | type[model.Any], inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.lists(inner, max_size=3).map(tuple)
    return st.builds(lambda conditions, priority: kind(conditions=conditions, priority=priority), parts, priorities)


conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        _group(model.All, inner),
        _group(model.Any, inner),
        st.builds(lambda part, priority: model.Not(condition=part, priority=priority), inner, priorities),
    ),
    max_leaves=8,
)


# Few values and the operators that the index files by: most of these conditions are met by some of these facts.
few = st.sampled_from([0, 1, 1.0, True, False, "1", None])
flat_facts = st.dictionaries(st.sampled_from(["f", "g", "h"]), few, min_size=1, max_size=3)
flat_references = st.sampled_from([Reference(fact=name) for name in "fgh"])
filed_leaves = st.one_of(
    st.builds(lambda left, value: Leaf(left=left, operator="equal", value=value), flat_references, few),
    st.builds(
        lambda left, value: Leaf(left=left, operator="in", value=value), flat_references, st.lists(few, max_size=3)
    ),
    st.builds(lambda left: Leaf(left=left, operator="exists", value=True), flat_references),
    st.builds(lambda left, right: Leaf(left=left, operator="equal", value=right), flat_references, flat_references),
    st.builds(lambda left, right: Leaf(left=left, operator="in", value=right), flat_references, flat_references),
)
filed_conditions = st.recursive(
    filed_leaves,
    lambda inner: (
        _group(model.All, inner) | _group(model.Any, inner) | st.builds(lambda part: model.Not(condition=part), inner)
    ),
    max_leaves=6,
)
