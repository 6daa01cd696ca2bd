"""The sieve: how the cost of an event and the memory stand to the number of rules, and its odd corners."""

from __future__ import annotations

from typing import Any

import pytest

from autoflow.matching.compiler import compile_condition
from autoflow.matching.regex import SET_SIZE, compile_regex, compile_regexes
from autoflow.matching.sieve import BLOCK, compile_sieves
from autoflow.matching.tree import parse_condition
from autoflow.model.condition import Condition


class Number(float):
    """A number that counts how often it is compared."""

    compared = 0

    def __lt__(self, other: float) -> bool:
        Number.compared += 1
        return float(self) < other

    def __gt__(self, other: float) -> bool:
        Number.compared += 1
        return float(self) > other


def read(document: Any) -> Condition:
    """The condition of a document without errors."""
    condition = parse_condition(document).condition
    assert condition is not None
    return condition


def sift(documents: list[Any], facts: dict[str, Any]) -> list[int]:
    """The places of those that hold, and that they are the ones which hold by themselves."""
    conditions = [read(document) for document in documents]
    found = compile_sieves(list(enumerate(conditions)))(facts)
    assert found == [place for place, one in enumerate(conditions) if compile_condition(one)(facts)]
    return found


@pytest.mark.parametrize(
    "value", [-1, 0, 999.5, 1_000, 1_000.5, 2_999, 3_000, "1000", "x", None, True, [1000], 10**400]
)
def test_bounds_of_many_rules_are_met_exactly(value: Any) -> None:
    """One bound a rule, on a bound, beside it and far off, also for texts that read as numbers."""
    words = ("<", "<=", ">", ">=")
    sift([f"a {words[place % 4]} {place // 4 * 10}" for place in range(1_200)], {"a": value})


def test_bounds_are_found_by_bisection() -> None:
    """2,000 bounds cost a dozen comparisons of the value, and not 2,000."""
    rules = [read(f"a > {place}") for place in range(2_000)]
    judge = compile_sieves(list(enumerate(rules)))
    Number.compared = 0
    value = Number(7.5)
    assert judge({"a": value}) == list(range(8))
    assert Number.compared <= 24


def test_rules_in_several_blocks_keep_their_order() -> None:
    """More rules than one block takes are met in the order of their places."""
    count = 2 * BLOCK + 10
    assert sift([f"a >= {count - place}" for place in range(count)], {"a": count - 5}) == list(range(5, count))
    assert sift([f"a == {place} or b == {place}" for place in range(count)], {"a": 5, "b": count - 1}) == [
        5,
        count - 1,
    ]


def test_nobody_everybody_and_a_few() -> None:
    """A set with no rule, with all, with the first and last, is told in full."""
    documents = [f"a != {place}" for place in range(200)]
    assert sift(documents, {"a": 7}) == [place for place in range(200) if place != 7]
    assert sift(documents, {}) == list(range(200))
    assert sift([f"not a != {place}" for place in range(200)], {"a": 199}) == [199]
    assert sift([f"not a != {place}" for place in range(200)], {}) == []


def test_choices_of_opposites_are_kept_apart() -> None:
    """`a != 1 or a != 2` holds for 1 and for 2: one table must not answer for both."""
    documents = [f"a != {place} or a != {place + 1}" for place in range(30)]
    assert sift(documents, {"a": 3}) == list(range(30))
    assert sift([f"a < {place} or a > {place + 5} or a < {place - 5}" for place in range(30)], {"a": 12})


def test_choices_that_would_grow_too_large_are_judged_as_a_whole() -> None:
    """Five pairs joined by `or` would be 32 clauses: their answer is the same."""
    pairs = " or ".join(f"(a > {{place}} and b{number} == 1)" for number in range(5))
    documents = [pairs.format(place=place) for place in range(40)]
    assert sift(documents, {"a": 20, "b3": 1}) == list(range(20))
    assert sift(documents, {"a": 20, "b3": 2}) == []


def test_a_thousand_different_questions_still_have_their_answers() -> None:
    """Rules that share nothing have no columns of their own, and are judged one by one."""
    assert sift([f"f{place}.x > 1" for place in range(500)], {"f7": {"x": 2}, "f400": {"x": 3}}) == [7, 400]


def test_expressions_are_searched_together_with_the_same_result() -> None:
    """A set of expressions finds what each finds, also in halves of surrogate pairs and in long texts."""
    patterns = [f"x{number}|^a.*{number}$" for number in range(SET_SIZE + 10)] + [
        "",
        "é",
        r"\bz\b",
        "(?i)Q",
        "\\x{fffd}",
    ]
    search = compile_regexes(patterns)
    for text in ("", "x7", "a 12", "é z", "q\ud800", "y" * 10_000 + "x3", "x1 x2 x70 73"):
        assert sorted(search(text)) == [place for place, one in enumerate(patterns) if compile_regex(one)(text)]


def test_expressions_that_need_too_much_memory_together_are_searched_singly() -> None:
    """Where RE2 has no room for all expressions of a set, every expression is asked by itself."""
    greedy = [f"(?:a|b|cd?){{400}}z{number}|{number}y" for number in range(SET_SIZE)]
    search = compile_regexes([*greedy, "c"])
    assert search("17y") == [7, 17]
    assert search("ab" * 200 + "z9 c") == [9, SET_SIZE]
