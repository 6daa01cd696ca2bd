"""What is proven of conditions: never a word where some facts say otherwise, and the mistakes that people make."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import compile_condition
from autoflow.matching.contradiction import Proof, Verdict, find_proofs, never_holds
from autoflow.matching.suspicion import may_clash
from autoflow.matching.tree import parse_condition
from autoflow.model.condition import All, Condition, Leaf, Not, Reference
from unit.matching import strategies
from unit.matching.strategies import NUMBERS, TEXTS, conditions, facts

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]

# Comparisons of one value that clash often, and values near their bounds.
BOUNDS = [0, 1, 5, 5.5, 10, "1", "5", "10", "a", "ab", "12abc", "", None, True]
near = st.sampled_from(
    [
        *NUMBERS,
        *TEXTS,
        0.5,
        2,
        4,
        6,
        9,
        11,
        "0",
        "6",
        "9",
        "abc",
        "b",
        None,
        True,
        False,
        [],
        {},
        [5],
        ["a"],
        {"a": 1},
    ]
)
few_references = st.sampled_from([Reference(fact="f"), Reference(fact="f", path="$.a"), Reference(fact="g")])
ONE_BOUND = ["equal", "notEqual", "lessThan", "lessThanInclusive", "greaterThan", "greaterThanInclusive"]
PARTS = ["startsWith", "endsWith", "containsText", "includes", "notContainsText", "doesNotInclude"]
close_leaves = st.one_of(
    st.builds(
        lambda left, operator, value: Leaf(left=left, operator=operator, value=value),
        few_references,
        st.sampled_from([*ONE_BOUND, "contains", "doesNotContain", "not:contains", "not:lessThan"]),
        st.sampled_from(BOUNDS),
    ),
    st.builds(
        lambda left, operator, value: Leaf(left=left, operator=operator, value=value),
        few_references,
        st.sampled_from([*PARTS, "not:startsWith", "ignoreCase:startsWith"]),
        st.sampled_from(["a", "ab", "1", "5", "b"]),
    ),
    st.builds(
        lambda left, operator: Leaf(left=left, operator=operator, value=True),
        few_references,
        st.sampled_from(["exists", "notExists", "isEmpty", "isNotEmpty"]),
    ),
    st.builds(
        lambda left, operator, value: Leaf(left=left, operator=operator, value=value),
        few_references,
        st.sampled_from(["in", "notIn"]),
        st.lists(st.sampled_from(BOUNDS), max_size=3),
    ),
    st.builds(
        lambda left, operator, value: Leaf(left=left, operator=operator, value=value),
        few_references,
        st.sampled_from(["between", "not:between"]),
        st.sampled_from([[1, 5], [5, 10], ["a", "b"], [0, 0]]),
    ),
)
close_conditions = st.recursive(
    close_leaves,
    lambda inner: (
        strategies._group(All, inner)
        | strategies._group(strategies.model.Any, inner)
        | st.builds(lambda part: Not(condition=part), inner)
    ),
    max_leaves=6,
)
close_facts = st.fixed_dictionaries(
    {}, optional={"f": near | st.fixed_dictionaries({}, optional={"a": near}), "g": near}
)


def part_at(condition: Condition, trail: tuple[int, ...]) -> Condition:
    """The part that a trail leads to."""
    for number in trail:
        assert not isinstance(condition, Leaf)
        condition = condition.condition if isinstance(condition, Not) else condition.conditions[number]
    return condition


def holds(condition: Condition, found: dict[str, Any]) -> bool | None:
    """The answer, or None where it cannot be told."""
    try:
        return compile_condition(condition)(found)
    except EvaluationError:
        return None


def check(condition: Condition, found: dict[str, Any]) -> None:
    """Every proof is true of these facts."""
    for proof in find_proofs(condition):
        # What compares with a list or a map is warned of by itself, before this is asked.
        assert may_clash(condition) or any(isinstance(one.claim.leaf.value, list | dict) for one in proof.claims)
        whole, part = holds(condition, found), part_at(condition, proof.trail)
        match proof.verdict:
            case Verdict.NEVER:
                assert whole is not True
            case Verdict.ALWAYS:
                under_not = sum(isinstance(part_at(condition, proof.trail[:n]), Not) for n in range(len(proof.trail)))
                assert holds(part, found) is not bool(under_not % 2)
            case Verdict.DEAD_PART if whole:
                assert holds(with_part_gone(condition, proof.trail), found) is True


def with_part_gone(condition: Condition, trail: tuple[int, ...]) -> Condition:
    """The condition with one part that is false instead."""
    if not trail:
        return Not(condition=All(conditions=()))
    if isinstance(condition, Not):
        return Not(condition=with_part_gone(condition.condition, trail[1:]))
    assert not isinstance(condition, Leaf)
    parts = list(condition.conditions)
    parts[trail[0]] = with_part_gone(parts[trail[0]], trail[1:])
    return type(condition)(conditions=tuple(parts), priority=condition.priority)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(close_conditions, st.lists(close_facts, min_size=20, max_size=20))
def test_what_is_proven_is_true_of_values_near_the_bounds(condition: Condition, many: list[dict[str, Any]]) -> None:
    """No facts meet what never holds, and all meet what always does: values beside every bound are tried."""
    if not find_proofs(condition):
        return
    for found in many:
        check(condition, found)


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(conditions, st.lists(facts, min_size=5, max_size=5))
def test_what_is_proven_is_true_of_anything(condition: Condition, many: list[dict[str, Any]]) -> None:
    """The same with every operator and decorator there is, and facts of any shape."""
    for found in many:
        check(condition, found)


def proofs_of(*lines: str) -> list[tuple[str, list[str]]]:
    """Verdicts, each with the comparisons that prove it."""
    parsed = parse_condition(list(lines))
    assert parsed.condition is not None, parsed.errors
    return [(proof.verdict.value, _words(proof)) for proof in find_proofs(parsed.condition)]


def _words(proof: Proof) -> list[str]:
    return [f"{one.claim.leaf.left.fact} {one.claim.leaf.operator}" for one in proof.claims]


@pytest.mark.parametrize(
    "lines",
    [
        ['a == "x"', 'a == "y"'],
        ['a == "x" and a != "x"'],
        ["a > 5", "a < 3"],
        ["a > 5", "a <= 5"],
        ["a between 1 and 3", "a > 3"],
        ["a between 10 and 20", "a between 1 and 5"],
        ["a exists", "a not exists"],
        ["a is empty", "a > 5"],
        ["a is empty", "a is not empty"],
        ['a == "x"', 'a in ["y", "z"]'],
        ['a in ["x"]', 'a in ["y"]'],
        ['a in ["x", "y"]', 'a not in ["y", "x"]'],
        ["a in []"],
        ['a == "J-5"', 'a starts with "K"'],
        ['a starts with "J"', 'a starts with "K"'],
        ['a starts with "J-"', "a > 5"],
        ['a ends with ".de"', 'a ends with ".com"'],
        ['a starts with "ab"', 'a not starts with "a"'],
        ['a contains "vip"', 'a not contains "vip"'],
        ['a matches "^x"', 'a not matches "^x"'],
        ['a == 5', 'a == "5"'],
        ["a == null", "a exists"],
        ["a == true", "a == false"],
        ["not (a > 5)", "a > 7"],
        ["not (a == 1 or b == 1)", "b == 1"],
        ["a not exists", "a.b == 1"],
        ["a.b not exists", "a.b.c > 0"],
        ["a == 1 or a == 2", "a == 3 or a == 4", "a == 1"],
        ["a > 10 or a < 5", "a == 7"],
    ],
)  # fmt: skip
def test_what_no_value_can_meet_never_holds(lines: list[str]) -> None:
    """Each of these pairs contradicts itself, and is told."""
    assert [verdict for verdict, _ in proofs_of(*lines)] == ["never"]


@pytest.mark.parametrize(
    "lines",
    [
        ["a > 5", "a < 6"],
        ["a >= 5", "a <= 5"],
        ["a > 3", 'a < "2"'],  # "10" is greater than 3, and as a text before "2"
        ['a > "1"', 'a < "2"'],
        ["a != 1", "a != 2"],
        ["a != null", "a not exists"],
        ['a contains "x"', 'a contains "y"'],
        ['a starts with "a"', 'a ends with "b"'],
        ['a starts with "ab"', 'a starts with "abc"'],
        ['a starts with "1"', "a > 5"],
        ['a starts with "I"', "a > 5"],  # Infinity
        ['a starts with "x"', "not (a > 5)", "not (a < 7)"],  # what is no number is neither
        ["not (a > 5)", "not (a < 5)"],
        ["not (a > 5)", "not (a <= 5)"],  # missing is neither
        ["a not exists", "b.a == 1"],
        ["a is empty", "a exists"],
        ["a.length > 3", "a is not empty"],
        ['a == "x" or b == "y"', 'b != "x"'],
    ],
)  # fmt: skip
def test_what_some_value_meets_is_not_spoken_of(lines: list[str]) -> None:
    """A reviewer who cries wolf is switched off."""
    assert proofs_of(*lines) == []


def test_the_comparisons_that_clash_are_named() -> None:
    """Two where two are enough, also among many, and the cause where something is absent."""
    assert proofs_of("b > 1", "a > 5", "b < 9", "a < 3") == [("never", ["a greaterThan", "a lessThan"])]
    assert proofs_of('a in ["x", "y"]', 'a != "x"', 'a != "y"') == [
        ("never", ["a in", "a notEqual", "a notEqual"])
    ]  # fmt: skip
    assert proofs_of("a not exists", "a.b == 1") == [("never", ["a notExists", "a equal"])]


def test_a_choice_that_always_holds_is_told() -> None:
    """`!=` with `or` between is true of every value: the classic."""
    assert proofs_of('a != "x" or a != "y"') == [("always", ["a notEqual", "a notEqual"])]
    assert proofs_of('b > 1 and (a != "x" or b == 2 or a != "y")') == [("always", ["a notEqual", "a notEqual"])]
    assert proofs_of("a < 5 or a >= 5") == []  # a missing value is neither


def test_a_part_of_a_choice_that_never_holds_is_told() -> None:
    """By itself, or beside what stands around the choice."""
    assert proofs_of("a == 1 and a == 2 or b == 3") == [("dead part", ["a equal", "a equal"])]
    assert proofs_of('a == "open"', 'a == "closed" or b > 5') == [("dead part", ["a equal", "a equal"])]


def test_what_cannot_be_evaluated_proves_nothing() -> None:
    """`swap:in` asks for a list on the left: on anything else there is no answer, which is not a no."""
    leaves = [
        Leaf(left=Reference(fact="a"), operator="in", value=[1, 5]),
        Leaf(left=Reference(fact="a"), operator="swap:in", value=[]),
    ]
    assert find_proofs(All(conditions=tuple(leaves))) == ()


def test_values_that_are_known_take_part() -> None:
    """What a reference can only be decides too."""
    parsed = parse_condition('a == "x"')
    assert parsed.condition is not None
    assert never_holds(parsed.condition, {Reference(fact="a"): ("y",)})
    assert not never_holds(parsed.condition, {Reference(fact="a"): ("y", "x")})


def test_a_huge_condition_is_given_up_soon() -> None:
    """What would take long is not judged to its end, and nothing is said of it."""
    many = {"any": [{"all": [f"a == {n}", "b > 1"]} for n in range(600)]}
    values = list(range(600))
    parsed = parse_condition([{"fact": "a", "operator": "in", "value": values}, many])
    assert parsed.condition is not None
    find_proofs(parsed.condition)
