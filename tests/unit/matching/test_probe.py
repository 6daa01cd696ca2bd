"""Comparisons one by one: what coverage counts agrees with the explanation, and stands where it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from autoflow.errors import EvaluationError
from autoflow.matching.explain import explain_condition
from autoflow.matching.lines import spans_in
from autoflow.matching.probe import Probe, leaves_of
from autoflow.matching.spots import spots_in
from autoflow.matching.tree import parse_condition, resolve_shared, write_condition
from autoflow.matching.wording import LONGEST_LEAF, shorten, write_leaf
from autoflow.model.condition import Condition, Explanation
from autoflow.model.json import Json
from unit.matching.strategies import conditions, facts

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


def results_of(explanation: Explanation) -> list[bool | None]:
    """The results of the comparisons, in order."""
    if explanation.leaf is not None:
        return [explanation.result]
    return [result for part in explanation.parts for result in results_of(part)]


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(conditions, facts)
def test_each_comparison_is_judged_as_it_is_explained(condition: Condition, found: dict[str, Any]) -> None:
    """What the explanation looked at has the same result; alone, each is explained as it is judged."""
    probe = Probe(condition)
    judged = probe.judge(found)
    for leaf, result in zip(leaves_of(condition), judged, strict=True):
        if result is None:
            with pytest.raises(EvaluationError):
                explain_condition(leaf, found)
        else:
            assert explain_condition(leaf, found).result is result
    try:
        explained = results_of(explain_condition(condition, found))
    except EvaluationError:
        assert None in judged
        return
    assert [one for one in zip(explained, judged, strict=True) if one[0] is not None and one[0] is not one[1]] == []


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(conditions)
def test_a_document_has_a_spot_for_each_comparison(condition: Condition) -> None:
    """The spots of a tree are those of its comparisons, in their order: what stands there is that comparison."""
    document = write_condition(condition)
    spots, leaves = spots_in(document, {}), leaves_of(condition)
    assert len(spots) == len(leaves)
    for spot, leaf in zip(spots, leaves, strict=True):
        there: Any = document
        for step in spot.pointer:
            there = there[step]
        assert parse_condition(there).condition == leaf


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("job.total > 5", ["job.total > 5"]),
        ("  a == 1   and (b exists or not c is empty) ", ["a == 1", "b exists", "c is empty"]),
        ('not (a in [1, "x, y"]) and b between 1 and 5', ['a in [1, "x, y"]', "b between 1 and 5"]),
        ('a["b c"].d starts with "é\\u00e9" or x == "ü"', ['a["b c"].d starts with "é\\u00e9"', 'x == "ü"']),
        ("a not contains null", ["a not contains null"]),
    ],
)
def test_a_line_tells_where_its_comparisons_stand(line: str, parts: list[str]) -> None:
    """From the first character of the reference to the last one of the value, in the order they are written."""
    assert [line[column : column + width] for column, width in spans_in(line)] == parts


DOCUMENTS: list[tuple[Json, list[str]]] = [
    (["a == 1", "b == 2 or c == 3"], ["a == 1", "b == 2", "c == 3"]),
    ({"any": ["a == 1", {"not": {"all": ["b == 2", {"condition": "x"}]}}]}, ["a == 1", "b == 2", "x == 9", "y == 8"]),
    ({"operator": "AND", "conditions": ["a == 1", {"OR": ["b == 2"]}]}, ["a == 1", "b == 2"]),
    ({"operator": "NOT", "conditions": ["a == 1"]}, ["a == 1"]),
    ({"NOT": {"fact": "a", "operator": "equals", "value": 1}}, ["a == 1"]),
    ({"condition": "deep"}, ["z == 7", "x == 9", "y == 8"]),
    ({"all": []}, []),
]
SHARED: dict[str, Json] = {"x": "x == 9 and y == 8", "deep": {"all": ["z == 7", {"condition": "x"}]}}


@pytest.mark.parametrize(("document", "texts"), DOCUMENTS)
def test_spots_follow_every_spelling_of_a_condition(document: Json, texts: list[str]) -> None:
    """Lines, lists, groups in both spellings and shared conditions: as many spots as comparisons, in their order."""
    shared, _ = resolve_shared(SHARED)
    condition = parse_condition(document, shared=shared).condition
    assert condition is not None
    assert [write_leaf(leaf) for leaf in leaves_of(condition)] == texts
    spots = spots_in(document, SHARED)
    assert len(spots) == len(texts)
    for spot, text in zip(spots, texts, strict=True):
        there: Any = document if spot.shared is None else SHARED[spot.shared]
        for step in spot.pointer:
            there = there[step]
        assert not isinstance(there, str) or there[spot.column : (spot.column or 0) + spot.width] == text


@pytest.mark.parametrize(
    "line",
    [
        "job.total >= 2000",
        'job["a-b"].c not in ["x", 1]',
        "a between 1 and 5",
        "a not between 1 and 5",
        'a not starts with "x"',
        'a ends with "x"',
        "a is not empty",
        "a not exists",
        "a == null",
        'a matches "^x"',
        "a not contains 1.5",
    ],
)
def test_a_comparison_in_words_reads_back(line: str) -> None:
    """The words of a comparison are a line that means it."""
    condition = parse_condition(line).condition
    assert condition is not None
    [leaf] = leaves_of(condition)
    assert write_leaf(leaf) == line


def test_what_a_line_has_no_word_for_stands_by_its_name() -> None:
    """Decorators and references on the right are written so that they can be found in the tree."""
    document = {"fact": "tags", "operator": "someFact:equal", "value": {"fact": "job", "path": "$.tag"}}
    condition = parse_condition(document).condition
    assert condition is not None
    assert [write_leaf(leaf) for leaf in leaves_of(condition)] == ["tags someFact:equal job.tag"]


def test_a_long_comparison_is_cut_for_people() -> None:
    """A list of a thousand values fits no line."""
    assert shorten("a == 1") == "a == 1"
    assert len(shorten("a in " + "x" * 1000)) == LONGEST_LEAF
    assert shorten("x" * LONGEST_LEAF) == "x" * LONGEST_LEAF
