"""Every operator and decorator, on the values where languages differ."""

from __future__ import annotations

from typing import Any

import pytest

from autoflow.errors import ConditionError, EvaluationError
from autoflow.matching.chains import resolve_operator
from autoflow.matching.compiler import compile_condition
from autoflow.matching.explain import explain_condition
from autoflow.matching.operators import DECORATORS, OPERATORS, SYNONYMS
from autoflow.matching.paths import MISSING
from autoflow.model.condition import Leaf, Reference

NAN = float("nan")
ASTRAL, LATE = "\U0001f600", "\uffee"

# operator, fact, value, whether it holds
TABLE: list[tuple[str, Any, Any, bool]] = [
    ("equal", 1, 1, True),
    ("equal", 1, 1.0, True),
    ("equal", 1, "1", False),
    ("equal", 1, True, False),
    ("equal", True, 1, False),
    ("equal", 0, False, False),
    ("equal", True, True, True),
    ("equal", None, None, True),
    ("equal", MISSING, None, False),
    ("equal", "", None, False),
    ("equal", [1], [1], False),
    ("equal", {}, {}, False),
    ("equal", NAN, 1, False),
    ("equal", 2**63, 2**63, True),
    ("equal", 2**63 + 1, 2**63, False),
    ("equal", "é", "e\u0301", False),
    ("notEqual", MISSING, None, True),
    ("notEqual", None, None, False),
    ("notEqual", 1, True, True),
    ("notEqual", [1], [1], True),
    ("in", 1, [1, 2], True),
    ("in", True, [1, 2], False),
    ("in", 1.0, [1], True),
    ("in", "1", [1], False),
    ("in", None, [None], True),
    ("in", MISSING, [None], False),
    ("in", [1], [[1]], False),
    ("in", 1, [], False),
    ("notIn", 1, [2], True),
    ("notIn", MISSING, ["a"], True),
    ("notIn", 1, [1.0], False),
    ("contains", [1, 2], 1, True),
    ("contains", [True], 1, False),
    ("contains", ["a"], "a", True),
    ("contains", "abc", "a", False),
    ("contains", MISSING, 1, False),
    ("doesNotContain", [1], 2, True),
    ("doesNotContain", "abc", "x", False),
    ("doesNotContain", MISSING, 1, False),
    ("doesNotContain", [1], 1, False),
    ("not:contains", MISSING, 1, True),
    ("lessThan", 1, 2, True),
    ("lessThan", 2, 2, False),
    ("lessThanInclusive", 2, 2, True),
    ("greaterThan", 2, 2, False),
    ("greaterThanInclusive", "2000", 2000, True),
    ("greaterThan", "12abc", 1, False),
    ("lessThan", "10", "9", True),
    ("greaterThan", "2024-02-01", "2024-01-01", True),
    ("greaterThan", "b", "a", False),
    ("lessThan", "1" + ASTRAL, "1" + LATE, True),
    ("greaterThan", 5, None, True),
    ("greaterThan", None, -1, False),
    ("greaterThan", True, 0, False),
    ("greaterThan", MISSING, 0, False),
    ("greaterThan", [5], 4, True),
    ("greaterThan", [[5]], 4, True),
    ("greaterThan", [5, 6], 4, False),
    ("greaterThan", [], -1, False),
    ("greaterThan", {"a": 1}, 0, False),
    ("greaterThan", 5, True, True),
    ("greaterThan", 5, [4], True),
    ("greaterThan", " 7 ", 6, True),
    ("greaterThan", "\x1c7", 6, False),
    ("greaterThan", "1e3", 999, True),
    ("greaterThan", "0x10", 15, True),
    ("greaterThan", "0b11", 2, True),
    ("greaterThan", "0xg", 15, False),
    ("greaterThan", "1_0", 5, False),
    ("greaterThan", "５", 4, False),
    ("greaterThan", "Infinity", 4, True),
    ("lessThan", "-Infinity", 4, True),
    ("greaterThan", "nan", 0, False),
    ("greaterThan", NAN, 0, False),
    ("lessThan", NAN, 0, False),
    ("greaterThan", 10**400, 1.5, True),
    ("greaterThan", "9" * 5000, 1, True),
    ("greaterThan", 2**53 + 1, 2**53, True),
    ("exists", 0, True, True),
    ("exists", "", True, True),
    ("exists", None, True, False),
    ("exists", MISSING, True, False),
    ("notExists", None, True, True),
    ("notExists", MISSING, True, True),
    ("notExists", False, True, False),
    ("isEmpty", MISSING, True, True),
    ("isEmpty", None, True, True),
    ("isEmpty", "", True, True),
    ("isEmpty", [], True, True),
    ("isEmpty", {}, True, True),
    ("isEmpty", 0, True, False),
    ("isEmpty", False, True, False),
    ("isEmpty", " ", True, False),
    ("isNotEmpty", [0], True, True),
    ("isNotEmpty", MISSING, True, False),
    ("startsWith", "abc", "ab", True),
    ("startsWith", ["a"], "a", False),
    ("startsWith", 12, "1", False),
    ("endsWith", "abc", "bc", True),
    ("endsWith", MISSING, "", False),
    ("not:startsWith", MISSING, "a", True),
    ("containsText", "abc", "b", True),
    ("containsText", ["b"], "b", False),
    ("notContainsText", "abc", "x", True),
    ("notContainsText", MISSING, "x", True),
    ("includes", ["b"], "b", True),
    ("includes", "abc", "b", True),
    ("includes", "a1", 1, False),
    ("includes", MISSING, "b", False),
    ("doesNotInclude", MISSING, "b", True),
    ("doesNotInclude", ["b"], "b", False),
    ("doesNotInclude", "abc", "b", False),
    ("matches", "xaby", "a.", True),
    ("matches", "xaby", "^a", False),
    ("matches", "ÄB", "(?i)äb", True),
    ("matches", 5, "5", False),
    ("matches", "\ud800a", "a$", True),
    ("notMatches", MISSING, "a", True),
    ("notMatches", "a", "a", False),
    ("between", 1, [1, 5], True),
    ("between", 5.0, [1, 5], True),
    ("between", 5.1, [1, 5], False),
    ("between", "3", [1, 5], True),
    ("between", "2024-02-01", ["2024-01-01", "2024-12-31"], True),
    ("between", None, [0, 5], False),
    ("between", MISSING, [0, 5], False),
    ("someFact:equal", [1, 2], 2, True),
    ("someFact:equal", 2, 2, False),
    ("someFact:equal", [], 2, False),
    ("everyFact:greaterThan", [2, 3], 1, True),
    ("everyFact:greaterThan", [], 1, True),
    ("everyFact:greaterThan", MISSING, 1, False),
    ("someValue:equal", 2, [1, 2], True),
    ("everyValue:notEqual", 3, [1, 2], True),
    ("someFact:someValue:equal", [5, 6], [1, 6], True),
    ("everyValue:contains", [1, 2, 3], [1, 2], True),
    ("someFact:contains", [[1], [2]], 2, True),
    ("swap:contains", 1, [1, 2], True),
    ("swap:lessThan", 1, 2, False),
    ("not:not:equal", 1, 1, True),
    ("someFact:not:equal", [1, 1], 1, False),
    ("not:someFact:equal", "x", 1, True),
    ("ignoreCase:equal", "DONE", "done", True),
    ("ignoreCase:equal", "STRASSE", "straße", True),
    ("ignoreCase:in", "A", ["a", 1], True),
    ("ignoreCase:includes", ["VIP"], "vip", True),
    ("ignoreCase:equal", MISSING, "a", False),
    ("someFact:exists", [None, 0], True, True),
    ("someValue:matches", "abc", ["^x", "c$"], True),
]

# operator, fact, right fact, whether it holds or the words of the error
BETWEEN_FACTS: list[tuple[str, Any, Any, bool | str]] = [
    ("equal", 1, 1, True),
    ("equal", MISSING, MISSING, True),
    ("notEqual", "a", MISSING, True),
    ("in", 1, [1], True),
    ("in", "b", "abc", True),
    ("in", MISSING, "is undefined here", True),
    ("in", 5, "15", True),
    ("in", 1e21, "1e+21", True),
    ("in", 1e-7, "1e-7", True),
    ("in", 0.000001, "0.000001", True),
    ("in", 1.5, "1.5", True),
    ("in", 123456789012345680000.0, "123456789012345680000", True),
    ("in", -1.25e-9, "-1.25e-9", True),
    ("in", 10**25, "1e+25", True),
    ("in", 10**400, "Infinity", True),
    ("in", [1, [None, "a"]], "1,,a", True),
    ("in", {}, "[object Object]", True),
    ("in", True, "true", True),
    ("in", None, "null", True),
    ("in", NAN, "NaN", True),
    ("in", float("-inf"), "-Infinity", True),
    ("in", -0.0, "0", True),
    ("in", 1, None, "in on left needs a list on the right, and found null"),
    ("in", 1, 5, "in on left needs a list on the right, and found a number"),
    ("notIn", 1, {}, "notIn on left needs a list on the right, and found a map"),
    ("notIn", 1, MISSING, "notIn on left needs a list on the right, and found nothing"),
    ("in", 1, True, "in on left needs a list on the right, and found true"),
    ("someValue:equal", 1, "1", "someValue:equal on left needs a list on the right, and found a text"),
    ("everyValue:equal", 1, [1, 1.0], True),
    ("contains", [1], 1, True),
    ("lessThan", 1, "2", True),
    ("ignoreCase:startsWith", "ABC", "ab", True),
]


def facts_of(**values: Any) -> dict[str, Any]:
    """Facts without those that are missing."""
    return {name: value for name, value in values.items() if value is not MISSING}


@pytest.mark.parametrize(("operator", "fact", "value", "holds"), TABLE)
def test_an_operator_against_a_literal(operator: str, fact: Any, value: Any, holds: bool) -> None:
    """The table's verdict is that of the compiled condition and of the explanation."""
    leaf = Leaf(left=Reference(fact="left"), operator=operator, value=value)
    facts = facts_of(left=fact)
    assert compile_condition(leaf)(facts) is holds
    assert explain_condition(leaf, facts).result is holds


@pytest.mark.parametrize(("operator", "left", "right", "answer"), BETWEEN_FACTS)
def test_an_operator_between_two_facts(operator: str, left: Any, right: Any, answer: bool | str) -> None:
    """With a reference on the right the verdict is the table's, and an error names operator and reference."""
    leaf = Leaf(left=Reference(fact="left"), operator=operator, value=Reference(fact="right"))
    facts = facts_of(left=left, right=right)
    if isinstance(answer, bool):
        assert compile_condition(leaf)(facts) is answer
        assert explain_condition(leaf, facts).result is answer
        return
    for judge in (lambda: compile_condition(leaf)(facts), lambda: explain_condition(leaf, facts)):
        with pytest.raises(EvaluationError) as caught:
            judge()
        assert caught.value.message == answer


def test_a_list_equals_itself_and_no_copy() -> None:
    """Two references to the very same list are equal; two lists that look the same are not."""
    one = [1]
    leaf = Leaf(left=Reference(fact="a"), operator="equal", value=Reference(fact="b"))
    assert compile_condition(leaf)({"a": one, "b": one})
    assert not compile_condition(leaf)({"a": one, "b": [1]})


def test_every_operator_and_decorator_is_in_the_tables() -> None:
    """No operator and no decorator goes untested."""
    used = [part for operator, *_ in TABLE for part in operator.split(":")]
    assert set(OPERATORS) | set(DECORATORS) <= set(used)


@pytest.mark.parametrize(("written", "canonical"), sorted(SYNONYMS.items()))
def test_a_synonym_means_a_known_operator(written: str, canonical: str) -> None:
    """Each accepted spelling is read as its canonical name, also behind decorators."""
    assert resolve_operator(written).name == canonical
    assert resolve_operator(f"someFact:{written}").name == f"someFact:{canonical}"


@pytest.mark.parametrize(
    "name", ["swap:matches", "swap:exists", "someValue:isEmpty", "ignoreCase:matches", "swap:between"]
)
def test_a_decorator_that_makes_no_sense_is_refused(name: str) -> None:
    """Decorators that would take an operator's prepared value away are found on load."""
    with pytest.raises(ConditionError) as caught:
        resolve_operator(name)
    assert caught.value.code == "AF206"


def test_deep_lists_do_not_exhaust_the_stack() -> None:
    """A list nested 20,000 deep is compared like any other."""
    deep: Any = 5
    for _ in range(20_000):
        deep = [deep]
    leaf = Leaf(left=Reference(fact="left"), operator="greaterThan", value=4)
    assert compile_condition(leaf)({"left": deep})
