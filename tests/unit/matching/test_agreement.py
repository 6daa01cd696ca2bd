"""Three ways to judge a condition, one answer: compiled, explained, and through the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import can_raise, compile_condition
from autoflow.matching.explain import decisive, explain_condition, explanation_to_json
from autoflow.matching.index import ConditionIndex
from autoflow.matching.tree import parse_condition, write_condition
from autoflow.model.condition import Condition
from unit.matching.strategies import conditions, facts, filed_conditions, flat_facts

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


def judge(condition: Condition, found: dict[str, Any]) -> bool | str:
    """The compiled answer, or the message of the error."""
    try:
        return compile_condition(condition)(found)
    except EvaluationError as error:
        return error.message


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(conditions, facts)
def test_the_explanation_has_the_compiled_answer(condition: Condition, found: dict[str, Any]) -> None:
    """Compiled and explained, a condition is true, false or fails with the same words, whatever the facts."""
    answer = judge(condition, found)
    if isinstance(answer, str):
        assert can_raise(condition)
        with pytest.raises(EvaluationError) as caught:
            explain_condition(condition, found)
        assert caught.value.message == answer
        return
    explanation = explain_condition(condition, found)
    assert explanation.result is answer
    assert explanation_to_json(explanation)["result"] is answer
    leaf = decisive(explanation)
    assert leaf is None or (leaf.kind == "leaf" and leaf.result is not None)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(st.lists(st.none() | conditions, max_size=8), facts)
def test_the_index_finds_what_each_condition_says(entries: list[Condition | None], found: dict[str, Any]) -> None:
    """Through the index, hits and errors are those of the conditions one by one, in the order of the entries."""
    compare_with_index(entries, found)


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(st.lists(filed_conditions, min_size=1, max_size=8), flat_facts)
def test_filing_a_condition_changes_nothing(entries: list[Condition], found: dict[str, Any]) -> None:
    """Conditions that the index files by their equalities are met exactly where they hold."""
    compare_with_index(entries, found)


def compare_with_index(entries: Sequence[Condition | None], found: dict[str, Any]) -> None:
    """Judge the conditions one by one and through an index."""
    answers = [True if condition is None else judge(condition, found) for condition in entries]
    matched = ConditionIndex.build([(condition, place) for place, condition in enumerate(entries)]).match(found)
    assert matched.hits == [place for place, answer in enumerate(answers) if answer is True]
    assert [(place, error.message) for place, error in matched.errors] == [
        (place, answer) for place, answer in enumerate(answers) if isinstance(answer, str)
    ]


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(conditions)
def test_a_written_condition_reads_back_equal(condition: Condition) -> None:
    """Writing a condition as plain JSON and parsing that gives an equal condition."""
    parsed = parse_condition(write_condition(condition))
    assert parsed.errors == ()
    assert parsed.condition == condition
