"""The index: which conditions are looked at at all, and that errors stay with their own rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autoflow.matching.generator import EVENTS_BEFORE
from autoflow.matching.index import ConditionIndex
from autoflow.matching.tree import parse_condition
from autoflow.model.condition import Condition


class Counted(Mapping[str, Any]):
    """Facts that count how often they are asked."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = facts
        self.asked = 0

    def __getitem__(self, name: str) -> Any:
        self.asked += 1
        return self._facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)


def read(document: Any) -> Condition:
    """The condition of a document that has no errors."""
    condition = parse_condition(document).condition
    assert condition is not None
    return condition


def build(*documents: Any) -> ConditionIndex[int]:
    """An index of documents by their place."""
    return ConditionIndex.build([(None if one is None else read(one), place) for place, one in enumerate(documents)])


def asked_by(count: int, document: str, facts: dict[str, Any]) -> tuple[int, list[int]]:
    """How often the facts were asked by an index of so many rules, and what was hit."""
    index = build(*[document.format(place=place) for place in range(count)])
    counted = Counted(facts)
    hits = index.match(counted).hits
    return counted.asked, hits


def test_the_cost_does_not_grow_with_the_number_of_rules() -> None:
    """One rule of 2,000 is met with as many looks at the facts as one rule of 20."""
    document = 'client.id == {place} and job.total > 5 and job.type == "x"'
    facts = {"client": {"id": 7}, "job": {"total": 9, "type": "x"}}
    few, hits = asked_by(20, document, facts)
    many, same_hits = asked_by(2_000, document, facts)
    assert hits == same_hits == [7]
    assert many == few <= 4


def test_what_stands_beside_an_equality_still_counts() -> None:
    """A rule found by its value is met only where the rest of its condition holds too."""
    index = build("a == 1 and b > 5", "(a == 1 and c exists) and b > 1", "a == 1 or b == 9", "not a == 1")
    assert index.match({"a": 1, "b": 3}).hits == [2]
    assert index.match({"a": 1, "b": 3, "c": 0}).hits == [1, 2]
    assert index.match({"a": 2, "b": 9, "c": 0}).hits == [2, 3]


def test_lists_and_choices_of_values_are_found_by_value() -> None:
    """`in` and `or` of equalities are looked at only for their values, also over two references, and hit once."""
    for document in ("client.id in [{place}, -{place}]", "client.id == {place} or job.n == {place}"):
        few, hits = asked_by(20, document, {"client": {"id": 7}, "job": {"n": 7}})
        many, same_hits = asked_by(2_000, document, {"client": {"id": 7}, "job": {"n": 7}})
        assert hits == same_hits == [7]
        assert many == few <= 4


def test_true_one_and_text_stay_apart() -> None:
    """Values of different types lead to different rules; 1 and 1.0 are one value."""
    index = build("a == 1", "a == true", 'a == "1"', "a == null", "a == 0", "a == false", "a in [1.0]")
    expected = {1: [0, 6], "1": [2], None: [3], 0: [4]}
    assert {value: index.match({"a": value}).hits for value in expected} == expected
    assert index.match({"a": 1.0}).hits == [0, 6]
    assert index.match({"a": True}).hits == [1]
    assert index.match({"a": False}).hits == [5]
    assert index.match({"a": [1]}).hits == []
    assert index.match({}).hits == []


def test_hits_come_in_the_order_of_the_rules() -> None:
    """However the conditions are filed, hits keep the order of the entries; no condition is always met."""
    index = build(
        "a > 0", "a == 1", None, {"fact": "a", "operator": "in", "value": {"fact": "list"}}, "a != 5", "a == 2"
    )
    assert index.match({"a": 1, "list": [1]}).hits == [0, 1, 2, 3, 4]


def test_one_faulty_rule_never_hides_another() -> None:
    """A rule that cannot be judged is told by itself, also where a sibling had decided; all others are met."""
    faulty = {"fact": "a", "operator": "in", "value": {"fact": "list"}}
    index = build(
        "a == 1",
        {"all": ["a == 2", faulty]},
        {"any": ["a == 1", faulty]},
        {"all": [{"any": [], "priority": 2}, faulty]},
        "a exists",
    )
    matched = index.match({"a": 1, "list": 5})
    assert matched.hits == [0, 4]
    assert [place for place, _ in matched.errors] == [1, 2, 3]
    assert matched.errors[0][1].message == "in on a needs a list on the right, and found a number"


def test_a_higher_priority_hides_a_later_error() -> None:
    """Parts of a lower priority are not looked at once the answer is known, as in json-rules-engine."""
    faulty = {"fact": "a", "operator": "in", "value": {"fact": "list"}}
    index = build({"any": [{"fact": "a", "operator": "equal", "value": 1, "priority": 2}, faulty]})
    assert index.match({"a": 1, "list": 5}).hits == [0]
    assert len(index.match({"a": 2, "list": 5}).errors) == 1


def test_a_list_that_can_hold_nothing_is_never_met() -> None:
    """`in []`, and `in` of lists only, lead nowhere, and neither does a choice of them."""
    index = build("a in []", "a in [[1]]", "a in [] or a in [[1]]", "a in [] or a == 1")
    assert index.match({"a": 1}).hits == [3]
    assert index.match({"a": [1]}).hits == []


def test_code_is_generated_where_events_come_for_it() -> None:
    """A few rules are closures at first and one function later, which asks the facts once; the answer stays."""
    index = build("a == 1 and b > 5", "a == 1 and b > 6", "a == 2 or a == 1")
    asked = []
    for _ in range(2 * EVENTS_BEFORE):
        counted = Counted({"a": 1, "b": 6})
        assert index.match(counted).hits == [0, 2]
        asked.append(counted.asked)
    assert asked[0] > asked[-1] == 2
    assert sorted(asked, reverse=True) == asked
