"""Many rules at once: what generated code, tables and the index say is what each rule's own condition says."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import can_raise, compile_condition
from autoflow.matching.explain import explain_condition
from autoflow.matching.generator import compile_judge, isolate
from autoflow.matching.index import ConditionIndex
from autoflow.matching.sieve import compile_sieves
from autoflow.model.condition import Condition
from unit.matching.crowds import make_crowd, make_facts

Answer = bool | str
"""Whether it holds, or the words of its error."""


def answers_of(crowd: Sequence[Condition | None], found: dict[str, Any], explained: bool) -> list[Answer]:
    """What each condition says by itself, compiled or explained."""
    answers: list[Answer] = []
    for condition in crowd:
        try:
            if condition is None:
                answers.append(True)
            elif explained:
                answers.append(bool(explain_condition(condition, found).result))
            else:
                answers.append(compile_condition(condition)(found))
        except EvaluationError as error:
            answers.append(error.message)
    return answers


def check_many(
    seed: int, count: int, judge: Callable[[list[Condition | None], dict[str, Any]], list[Answer]]
) -> None:
    """Compare one crowd's answers with those of its members, on many facts."""
    source = random.Random(seed)
    crowd = make_crowd(source, count)
    for round_ in range(12):
        found = make_facts(source)
        wanted = answers_of(crowd, found, explained=round_ % 3 == 0)
        given = judge(crowd, found)
        different = [(one, w, g) for one, w, g in zip(crowd, wanted, given, strict=True) if w != g]
        assert different == [], found


@pytest.mark.parametrize("seed", range(60))
def test_an_index_of_many_says_what_its_conditions_say(seed: int) -> None:
    """Hits and errors of an index are those of the rules one by one, compiled and explained, in their order."""
    indexes: dict[int, ConditionIndex[int]] = {}

    def judge(crowd: list[Condition | None], found: dict[str, Any]) -> list[Answer]:
        if id(crowd) not in indexes:
            indexes[id(crowd)] = ConditionIndex.build([(one, place) for place, one in enumerate(crowd)])
        matched = indexes[id(crowd)].match(found)
        assert matched.hits == sorted(set(matched.hits))
        given: list[Answer] = [place in set(matched.hits) for place in range(len(crowd))]
        for place, error in matched.errors:
            given[place] = error.message
        return given

    check_many(seed, [3, 16, 17, 40, 90, 150][seed % 6], judge)


@pytest.mark.parametrize("seed", range(100, 140))
def test_generated_code_says_what_the_closures_say(seed: int) -> None:
    """One generated function for all rules, those that can raise among them, has every rule's own answer."""

    def judge(crowd: list[Condition | None], found: dict[str, Any]) -> list[Answer]:
        places, faults = isolate(list(enumerate(crowd)))(found)
        given: list[Answer] = [place in set(places) for place in range(len(crowd))]
        for place, error in faults:
            given[place] = error.message
        return given

    check_many(seed, [1, 4, 12, 30][seed % 4], judge)


@pytest.mark.parametrize("seed", range(200, 230))
def test_generated_code_alone_says_what_the_closures_say(seed: int) -> None:
    """Without rules that can raise nothing is ever judged a second time, so that no closure hides a fault."""

    def judge(crowd: list[Condition | None], found: dict[str, Any]) -> list[Answer]:
        quiet = [(place, one) for place, one in enumerate(crowd) if one is None or not can_raise(one)]
        given = answers_of(crowd, found, explained=False)
        places = compile_judge(quiet)(found)
        for place, _ in quiet:
            given[place] = place in places
        return given

    check_many(seed, 30, judge)


@pytest.mark.parametrize("seed", range(300, 345))
def test_a_sieve_says_what_the_closures_say(seed: int) -> None:
    """Tables of bits for all rules have every rule's own answer, whatever the rules share."""

    def judge(crowd: list[Condition | None], found: dict[str, Any]) -> list[Answer]:
        quiet = [(place, one) for place, one in enumerate(crowd) if one is None or not can_raise(one)]
        given = answers_of(crowd, found, explained=False)
        places = compile_sieves(quiet)(found) if quiet else []
        assert places == sorted(places)
        for place, _ in quiet:
            given[place] = place in places
        return given

    check_many(seed, [20, 60, 130][seed % 3], judge)


def test_the_crowds_meet_both_verdicts_and_errors() -> None:
    """The comparisons above are not all of one kind: rules hold, do not hold, and cannot be judged."""
    source = random.Random(7)
    crowd = make_crowd(source, 400)
    answers = [answer for _ in range(5) for answer in answers_of(crowd, make_facts(source), explained=False)]
    assert answers.count(True) > 200
    assert answers.count(False) > 200
    assert sum(isinstance(answer, str) for answer in answers) > 5
