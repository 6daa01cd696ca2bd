"""Generated code: what goes into its text, what it fetches and how often, and where it gives way to closures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import compile_condition
from autoflow.matching.generator import LARGEST, Numbered, compile_judge, isolate
from autoflow.matching.loads import Loads
from autoflow.matching.tree import parse_condition
from autoflow.model.condition import All, Condition, Leaf, Not, Reference


class Asked(Mapping[str, Any]):
    """Facts that remember what was asked for."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = facts
        self.names: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.names.append(name)
        return self._facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)


def read(*documents: Any) -> list[Numbered]:
    """Conditions by their place."""
    found: list[Numbered] = []
    for place, document in enumerate(documents):
        condition = parse_condition(document).condition
        assert condition is not None
        found.append((place, condition))
    return found


def test_each_fact_is_asked_once_for_all_rules() -> None:
    """However many comparisons read below a fact, the event is asked for the fact once."""
    rules = [f'job.client.id == {place} or job.client.name == "x" or job.total > {place}' for place in range(50)]
    facts = Asked({"job": {"client": {"id": 7, "name": "y"}, "total": 3}})
    assert compile_judge(read(*rules))(facts) == [0, 1, 2, 7]
    assert facts.names == ["job"]


def test_a_path_with_wildcards_is_followed_once_and_only_when_needed() -> None:
    """What can be long is looked at where a comparison comes to it, and not again."""
    look = {"fact": "items", "path": "$[*].id", "operator": "contains", "value": 3}
    rules = read(*[{"all": ["open == true", look]}] * 20)
    closed, opened = Asked({"open": False, "items": [{"id": 3}]}), Asked({"open": True, "items": [{"id": 3}]})
    assert compile_judge(rules)(closed) == []
    assert closed.names.count("items") == 0
    assert compile_judge(rules)(opened) == list(range(20))
    assert opened.names.count("items") == 1


HOSTILE = ["'); raise SystemExit #", '"""', "\\", "\n f0 = 1\n", "{0}", "\ud800", "M", "facts", "\x00", "x" * 5_000]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_rule_becomes_code(text: str) -> None:
    """Names, path steps, literals and expressions are only ever compared, whatever signs are in them."""
    for operator in ("equal", "startsWith", "containsText", "lessThan"):
        leaf = Leaf(left=Reference(fact=text[:500]), operator=operator, value=text)
        deep = Leaf(left=Reference(fact="f", path=None), operator="in", value=[text, 1])
        judge = compile_judge([(0, leaf), (1, deep), (2, Not(condition=leaf))])
        assert judge({text[:500]: text, "f": text}) == ([1, 2] if operator == "lessThan" else [0, 1])


@pytest.mark.parametrize("name", ["a'b", "a\\", "a\nb", "\x00", "{", "é"])
def test_a_quoted_step_is_a_key_and_nothing_else(name: str) -> None:
    """A path's step with quotes, line ends or brackets in it finds the member of that very name."""
    condition = parse_condition(
        {"fact": "f", "path": f"$[{_quote(name)}]", "operator": "equal", "value": 1}
    ).condition
    judge = compile_judge([(4, condition)])
    assert judge({"f": {name: 1}}) == [4]
    assert judge({"f": {name + "x": 1}}) == []


def _quote(text: str) -> str:
    import json

    return json.dumps(text)


def test_long_literals_and_great_numbers_stay_out_of_the_text() -> None:
    """Literals that would make the source large, and numbers whose decimal form Python refuses, are bound."""
    loads = Loads()
    assert loads.literal("it's") == '("it\'s")'
    assert loads.literal(-5) == "(-5)"
    great = 10**5_000
    names = [loads.literal(value) for value in ("x" * 1_000, great, 1.5)]
    assert [loads.bound[name] for name in names] == ["x" * 1_000, great, 1.5]


def test_what_nests_too_deeply_is_judged_by_closures() -> None:
    """Nesting that Python's parser refuses gives the same answer as any other."""
    condition: Condition = Leaf(left=Reference(fact="a"), operator="equal", value=1)
    for _ in range(301):
        condition = Not(condition=condition)
    assert compile_judge([(0, condition)])({"a": 2}) == [0]
    assert compile_judge([(0, condition)])({"a": 1}) == []


def test_a_nested_condition_as_deep_as_the_language_allows_is_generated() -> None:
    """64 levels inside a trigger's own two make one function of the text."""
    document: Any = "a == 1 or b > 2"
    for level in range(61):
        document = {"not": document} if level % 2 else {"any": [document, "c == 9"]}
    condition = parse_condition(document).condition
    assert condition is not None
    wrapped = All(conditions=(All(conditions=(condition,)),))
    judge = compile_judge([(0, wrapped)])
    assert judge.__code__.co_filename == "<conditions>"  # type: ignore[attr-defined]  # it is a function
    for facts in ({"a": 1}, {"b": 3}, {"c": 9}, {}):
        assert (judge(facts) == [0]) is compile_condition(condition)(facts)


def test_many_rules_become_several_functions() -> None:
    """More comparisons than one function takes are cut into more functions, and the places stay in order."""
    rules = read(*[f"a > {place}" for place in range(3 * LARGEST + 5)])
    assert compile_judge(rules)({"a": LARGEST * 2.5}) == [
        place for place in range(len(rules)) if place < LARGEST * 2.5
    ]


def test_a_fault_is_told_for_its_own_rule_only() -> None:
    """Where generated code meets a rule that cannot be judged, all others are judged, and later events too."""
    faulty = {"fact": "a", "operator": "in", "value": {"fact": "list"}}
    rules = read("a == 1", faulty, {"any": ["a == 1", faulty]}, {"any": ["a == 2", "b exists"]})
    judge = isolate(rules)
    places, faults = judge({"a": 1, "list": 5, "b": 1})
    assert places == [0, 3]
    assert [place for place, _ in faults] == [1, 2]
    assert faults[0][1].message == "in on a needs a list on the right, and found a number"
    assert judge({"a": 1, "list": [1]}) == ([0, 1, 2], [])
    with pytest.raises(EvaluationError):
        compile_judge(rules)({"a": 1, "list": 5})


@pytest.mark.parametrize("kind", ["all", "any"])
def test_the_widest_condition_of_the_language_is_generated(kind: str) -> None:
    """Nearly 2,000 parts beside each other, which can raise or not, are one function."""
    quiet = {kind: [f"a > {place}" for place in range(1_900)]}
    raising = {kind: [{"fact": "a", "operator": "in", "value": {"fact": f"b{place}"}} for place in range(1_900)]}
    judge = isolate(read(quiet, raising))
    lists = {f"b{place}": [5_000] if kind == "all" or place == 7 else [] for place in range(1_900)}
    assert judge({"a": 5_000, **lists}) == ([0, 1], [])
    assert judge({"a": -1, **lists}) == ([], [])
    assert [place for place, _ in judge({"a": 5_000, **lists, "b1": 0})[1]] == [1]
