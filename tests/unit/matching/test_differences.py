"""Two conditions are compared part by part, whatever their order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autoflow.matching.differences import ConditionDifference, diff_conditions
from autoflow.matching.tree import parse_condition, write_condition
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.json import Json, canonical_json


def tree(value: Json, **shared: Json) -> Condition:
    """A condition as a rule file writes it."""
    known = {name: tree(one) for name, one in shared.items()}
    parsed = parse_condition(value, shared=known)
    assert parsed.condition is not None, parsed.errors
    return parsed.condition


def told(before: Json, after: Json) -> list[tuple[str, str | None, str | None]]:
    """What is said of two conditions, `None` where there is none."""
    found = diff_conditions(*(None if one is None else tree(one) for one in (before, after)))
    return [(one.path, one.before, one.after) for one in found]


def test_equal_conditions_do_not_differ() -> None:
    """However they are spelled."""
    spelled = {"all": [{"fact": "job", "path": "$.total", "operator": "greaterThanInclusive", "value": 500}]}
    assert told(["job.total >= 500"], spelled) == []


def test_a_part_that_came_is_told_alone() -> None:
    """What stood there before is not told again, also where one line became a list."""
    more = (".all[1]", None, "job.total >= 500")
    assert told(['job.status == "Done"'], ['job.status == "Done"', "job.total >= 500"]) == [more]
    assert told('job.status == "Done"', ['job.status == "Done"', "job.total >= 500"]) == [more]
    assert told(["job.total >= 500", 'job.status == "Done"'], ["job.total >= 500"]) == [
        (".all[1]", 'job.status == "Done"', None)
    ]


def test_a_whole_condition_that_came_or_went_is_told_line_by_line() -> None:
    """There is nothing on the other side to compare it with."""
    lines = ["job.total >= 500", "job.paid exists"]
    assert told(None, lines) == [("", None, "job.total >= 500"), ("", None, "job.paid exists")]
    assert told(lines, None) == [("", "job.total >= 500", None), ("", "job.paid exists", None)]


def test_a_comparison_that_changed_is_told_with_both() -> None:
    """Found by what it compares, wherever it stands now."""
    assert told(["job.total >= 500", "job.id exists"], ["job.id exists", "job.total >= 1000"]) == [
        (".all[1]", "job.total >= 500", "job.total >= 1000")
    ]


def test_a_change_deep_inside_is_told_with_its_place() -> None:
    """Groups of one kind belong together."""
    before = {"all": ["a.b == 1", {"any": ["c.d == 2", {"not": "e.f == 3"}]}]}
    after = {"all": ["a.b == 1", {"any": ["c.d == 2", {"not": "e.f == 4"}]}]}
    assert told(before, after) == [(".all[1].any[1].not", "e.f == 3", "e.f == 4")]


def test_all_that_became_any_is_told_as_a_whole() -> None:
    """No part of it means what it meant."""
    assert told({"all": ["a.b == 1", "c.d == 2"]}, {"any": ["a.b == 1", "c.d == 2"]}) == [
        ("", "a.b == 1 and c.d == 2", "a.b == 1 or c.d == 2")
    ]


def test_another_order_is_told_where_nothing_else_differs() -> None:
    """It counts for nothing but the meaning's hash, and must not look like nothing."""
    assert told(["a.b == 1", "c.d == 2"], ["c.d == 2", "a.b == 1"]) == [
        (".all (order)", "a.b == 1, c.d == 2", "c.d == 2, a.b == 1")
    ]


def test_one_and_true_are_not_the_same() -> None:
    """Python takes them for equal, conditions do not."""
    assert told("a.b == 1", "a.b == true") == [("", "a.b == 1", "a.b == true")]


def test_what_differs_inside_a_named_condition_says_its_name() -> None:
    """Shared conditions are known by it."""
    before = tree({"all": [{"condition": "vip"}, "a.b == 1"]}, vip={"any": ["c.total > 5", "c.plan == 1"]})
    after = tree({"all": [{"condition": "vip"}, "a.b == 1"]}, vip={"any": ["c.total > 9", "c.plan == 1"]})
    assert diff_conditions(before, after) == (
        ConditionDifference(".all[0].any[0]", "c.total > 5", "c.total > 9", "vip"),
    )


LEAVES = st.builds(
    lambda fact, operator, value: Leaf(left=Reference(fact=fact), operator=operator, value=value),
    st.sampled_from("abc"),
    st.sampled_from(["equal", "greaterThan"]),
    st.sampled_from([1, 1.0, 2, "x"]),
)
NAMES = st.sampled_from([None, None, None, "vip", "old"])
PRIORITIES = st.sampled_from([None, None, 1, 2])


def groups(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """Conditions made of others."""
    parts = st.lists(inner, max_size=3).map(tuple)
    return (
        st.builds(All, conditions=parts, name=NAMES, priority=PRIORITIES)
        | st.builds(Any, conditions=parts, name=NAMES, priority=PRIORITIES)
        | st.builds(Not, condition=inner, name=NAMES, priority=PRIORITIES)
    )


TREES = st.recursive(LEAVES, groups, max_leaves=6)


@given(before=TREES, after=TREES)
def test_something_is_told_exactly_where_something_differs(before: Condition, after: Condition) -> None:
    """No two conditions of other hashes look equal, and none differs from itself."""
    same = canonical_json(write_condition(before)) == canonical_json(write_condition(after))
    assert (diff_conditions(before, after) == ()) is same
    assert diff_conditions(before, before) == ()
