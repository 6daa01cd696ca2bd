"""Explanations: actual values, the leaf that decided, and the shape of json-rules-engine's results."""

from __future__ import annotations

from typing import Any

from autoflow.matching.explain import decisive, explain_condition, explanation_to_json
from autoflow.matching.tree import parse_condition
from autoflow.model.condition import Explanation


def explain(document: Any, **facts: Any) -> Explanation:
    """The explanation of a document that has no errors."""
    condition = parse_condition(document).condition
    assert condition is not None
    return explain_condition(condition, facts)


def test_the_shape_is_that_of_json_rules_engine() -> None:
    """Every comparison shows its own words, what was found and its result; a missing value says so."""
    document = {"all": ["job.a == 1", {"not": "job.b == 2"}, {"any": ["c exists"], "name": "n"}]}
    assert explanation_to_json(explain(document, job={"a": 1, "b": None})) == {
        "all": [
            {"fact": "job", "path": "$.a", "operator": "equal", "value": 1, "actual": 1, "result": True},
            {
                "not": {
                    "fact": "job",
                    "path": "$.b",
                    "operator": "equal",
                    "value": 2,
                    "actual": None,
                    "result": False,
                },
                "result": True,
            },
            {
                "name": "n",
                "any": [
                    {
                        "fact": "c",
                        "operator": "exists",
                        "value": True,
                        "actual": None,
                        "found": False,
                        "result": False,
                    }
                ],
                "result": False,
            },
        ],
        "result": False,
    }


def test_a_reference_on_the_right_shows_what_it_led_to() -> None:
    """The right side is shown as it is written and as it was found."""
    leaf = {"fact": "a", "operator": "equal", "value": {"fact": "b", "path": "$.x"}}
    assert explanation_to_json(explain(leaf, a=1, b={"x": 2})) == {
        "fact": "a",
        "operator": "equal",
        "value": {"fact": "b", "path": "$.x"},
        "actual": 1,
        "expected": 2,
        "result": False,
    }


def test_what_a_higher_priority_decided_is_not_looked_at() -> None:
    """Parts of a lower priority have no result once the answer is known, whatever they are."""
    rest = ["b == 1", {"not": "c == 1"}, {"all": ["d == 1"]}]
    told = explain({"any": [*rest, {"fact": "a", "operator": "equal", "value": 1, "priority": 5}]}, a=1)
    assert told.result is True
    assert [part.result for part in told.parts] == [None, None, None, True]
    assert "actual" not in explanation_to_json(told)["any"][0]
    assert decisive(told) is told.parts[3]
    assert decisive(told.parts[0]) is None


def test_the_first_leaf_that_decided_is_found() -> None:
    """In a failed `all` it is the first that failed, in a true `any` the first that held; `not` turns it round."""
    told = decisive(explain({"all": ["a == 1", {"not": {"any": ["b == 9", "b == 2"]}}, "c == 3"]}, a=1, b=2))
    assert told is not None
    assert told.leaf is not None
    assert told.leaf.value == 2
    assert told.actual == 2


def test_an_empty_condition_has_no_decisive_leaf() -> None:
    """Nothing decided what holds always."""
    assert decisive(explain({"any": []})) is None
    assert explain({"any": []}).result is True
    assert explain({"not": {"all": []}}).result is False
