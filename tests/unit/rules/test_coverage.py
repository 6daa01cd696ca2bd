"""What events tell of a rule's comparisons, and where those stand in the rule's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.matching.wording import write_leaf
from autoflow.model.event import Event, arrival_facts
from autoflow.model.json import JsonObject
from autoflow.model.rule import Rule
from autoflow.rules.coverage import LeafCount, RuleCounter, rule_leaves
from autoflow.rules.loader import LoadContext, Loader
from autoflow.rules.source import FileText, find_files, read_file
from autoflow.rules.whereabouts import RulePlaces, locate_rules

CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
ROOT = Path(__file__).parents[3]
ACTIONS = "actions: [ log: { message: x } ]\n"


def load(*texts: str) -> tuple[tuple[Rule, ...], dict[tuple[str, str], RulePlaces]]:
    """The rules of these texts, and where their parts stand."""
    files = [FileText(path=f"rules/{n}.yaml", name=f"{n}.yaml", text=text) for n, text in enumerate(texts, start=1)]
    result = Loader().load(files, CONTEXT)
    assert not result.errors, result.errors
    return result.rules, locate_rules(files, result.rules, ACTION_TYPES)


def count(text: str, *events: Event) -> RuleCounter:
    """A rule's counter after these events."""
    [[rule], _] = load(text)
    counter = RuleCounter(rule)
    for one in events:
        counter.observe(one, arrival_facts(one))
    return counter


def event(event_type: str, data: JsonObject, *, source: str = "autoflow", account: str = "default") -> Event:
    """One event."""
    return Event(id="e", type=event_type, time=0, received_at=0, raw=b"", data=data, source=source, account=account)


def tallies(counter: RuleCounter) -> list[tuple[int, int, int]]:
    """(true, false, failed) of each comparison."""
    return [(one.true, one.false, one.failed) for one in counter.counts]


def test_every_comparison_is_looked_at_whatever_the_others_say() -> None:
    """The second of two is counted though the first one has decided."""
    rule = "trigger: { event: a }\nwhen: [ x == 1, y == 1 ]\n" + ACTIONS
    counter = count(rule, event("a", {"x": 0, "y": 1}), event("a", {"x": 0, "y": 0}))
    assert tallies(counter) == [(0, 2, 0), (1, 1, 0)]
    assert (counter.judged, counter.woken) == (2, 2)


def test_the_rules_own_condition_counts_only_where_the_trigger_is_met() -> None:
    """What the trigger's condition lets not through tells nothing of `when`."""
    rule = "trigger: { event: a, when: x == 1 }\nwhen: y == 1\n" + ACTIONS
    counter = count(rule, event("a", {"x": 0, "y": 1}), event("a", {"x": 1, "y": 0}))
    assert tallies(counter) == [(1, 1, 0), (0, 1, 0)]
    assert (counter.judged, counter.woken) == (2, 1)


@pytest.mark.parametrize(
    "other",
    [
        event("b", {"x": 1}, source="crm"),
        event("a", {"x": 1}),
        event("a", {"x": 1}, source="crm", account="acme"),
    ],
    ids=["type", "source", "account"],
)
def test_an_event_that_is_not_meant_counts_nothing(other: Event) -> None:
    """Another type, another source or another account tells nothing of the rule."""
    counter = count("trigger: { event: a, source: crm, when: x == 1 }\n" + ACTIONS, other)
    assert tallies(counter) == [(0, 0, 0)]
    assert counter.judged == 0


def test_a_pattern_of_cancel_on_is_looked_at_on_its_own_events() -> None:
    """Its comparison stands between those of the triggers and the rule's own, and counts no judged event."""
    rule = "trigger: { event: a, when: x == 1 }\ncancel_on: { event: b, by: id, when: z == 1 }\nwhen: y == 1\n"
    counter = count(rule + ACTIONS, event("b", {"id": 1, "z": 1}), event("b", {"id": 1}))
    assert tallies(counter) == [(0, 0, 0), (1, 1, 0), (0, 0, 0)]
    assert counter.judged == 0


def test_what_cannot_be_evaluated_is_neither_true_nor_false() -> None:
    """It is counted beside them, and keeps the others from nothing."""
    rule = "trigger: { event: a }\nwhen: [ { fact: x, operator: in, value: { fact: y } }, z == 1 ]\n" + ACTIONS
    counter = count(rule, event("a", {"x": 1, "y": 5, "z": 1}))
    assert tallies(counter) == [(0, 0, 1), (1, 0, 0)]


def test_a_rule_that_is_off_counts_nothing() -> None:
    """It is not looked at by the daemon either."""
    counter = count("enabled: false\ntrigger: { event: a }\nwhen: x == 1\n" + ACTIONS, event("a", {"x": 1}))
    assert tallies(counter) == [(0, 0, 0)]


def test_counts_add_up() -> None:
    """A shared comparison has what all its rules have seen."""
    both = LeafCount(true=1)
    both.add(LeafCount(false=2, failed=3))
    assert (both.true, both.false, both.failed, both.is_covered) == (1, 2, 3, True)


def test_a_comparison_is_found_by_line_and_column() -> None:
    """In a line, in a list, in a map, behind another spelling, and in quotes."""
    text = (
        "accountId: acme\n"
        "trigger_event: a\n"
        "conditions:\n"
        "  - x == 1 and y == 2\n"
        "  - 'z == \"it''s\" or w exists'\n"
        "  - { fact: v, operator: equal,\n      value: 1 }\n" + ACTIONS
    )
    [[rule], places] = load("id: r\n" + text)
    found = [(one.place.line, one.place.column) for one in places["acme", "r"].leaves]
    assert found == [(5, 5), (5, 16), (6, 6), (6, 22), (7, 5)]
    assert [write_leaf(leaf) for _, leaf in rule_leaves(rule)] == [
        "x == 1", "y == 2", 'z == "it\'s"', "w exists", "v == 1",
    ]  # fmt: skip
    assert [(one.path, one.place.line) for one in places["acme", "r"].actions] == [("rules/1.yaml", 9)]


def test_a_shared_comparison_stands_where_it_is_written() -> None:
    """In another file, and the same for every rule that has it."""
    shared = "shared_conditions:\n  big: total > 5\n  huge: { all: [ { condition: big }, total > 50 ] }\n"
    rules = "rules:\n" + "".join(
        f"  - {{ id: {name}, trigger: {{ event: a }}, when: {{ condition: huge }}, {ACTIONS.strip()} }}\n"
        for name in ("one", "two")
    )
    _, places = load(rules, shared)
    first, second = places["default", "one"].leaves, places["default", "two"].leaves
    assert [(one.path, one.place.line, one.place.column) for one in first] == [
        ("rules/2.yaml", 2, 8), ("rules/2.yaml", 3, 38),
    ]  # fmt: skip
    assert first == second
    assert all(one.shared is not None for one in first)


def test_every_comparison_of_the_shipped_rules_is_found() -> None:
    """What stands at its place is that comparison, in its own words."""
    files = [read_file(path, None) for path in find_files(ROOT / "rules")]
    result = Loader().load(files, CONTEXT)
    places = locate_rules(files, result.rules, ACTION_TYPES)
    texts = {file.path: file.text.splitlines() for file in files}
    seen = 0
    for rule in result.rules:
        for (_, leaf), at in zip(rule_leaves(rule), places[rule.key].leaves, strict=True):
            place = at.place
            assert texts[at.path][place.line - 1][place.column - 1 : place.end_column - 1] == write_leaf(leaf)
            seen += 1
    assert seen > 5


def test_rules_beside_broken_ones_are_found() -> None:
    """A file may hold what is no rule: only those that were loaded are looked for."""
    text = "rules:\n  - { id: [1], trigger: 5 }\n  - { id: r, trigger: { event: a }, when: x == 1, " + ACTIONS.strip()
    file = FileText(path="r.yaml", name="r.yaml", text=text + " }\n  - { id: s, when: { condition: gone } }\n")
    result = Loader().load([file], CONTEXT)
    assert [rule.id for rule in result.rules] == ["r"]
    assert list(locate_rules([file], result.rules, ACTION_TYPES)) == [("default", "r")]


def test_a_comparison_in_a_folded_text_is_found_in_its_line() -> None:
    """Where each line end became a space; where it did not, the text as a whole is what is known."""
    text = (
        "id: r\ntrigger: { event: a }\nwhen:\n  - >\n    x == 1\n    and y == 2\n"
        "  - z == 3\n      and w\n     == 4\n  - >-\n    v == 5\n\n    and u == 6\n"
        "  - |\n    s == 7 and\n    t == 8\n  - >\n    q == 9\n      and p == 10\n"
    )
    _, places = load(text + ACTIONS)
    found = [(one.place.line, one.place.column) for one in places["default", "r"].leaves]
    assert found == [(5, 5), (6, 9), (7, 5), (8, 11), (11, 5), (10, 5), (15, 5), (16, 5), (18, 5), (17, 5)]
