"""How far an event comes with a rule, and what kept it: in the order in which the rulebook looks."""

from typing import Any

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.matching.explain import decided_by
from autoflow.model.event import Event
from autoflow.model.json import Json
from autoflow.model.rule import Rule
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import load_text
from autoflow.rules.verdict import Stage, Verdict, is_woken, judge_rule, verdict_to_json

BROKEN = "{ fact: a, operator: in, value: { fact: b } }"
"""It cannot be evaluated where b is no list."""


def load(trigger: str, when: str | None = None, more: str = "") -> Rule:
    """A rule with this trigger and condition."""
    condition = f"when: {when}\n" if when else ""
    text = f"id: r\n{more}trigger: {trigger}\n{condition}actions: [ {{ log: {{ message: x }} }} ]\n"
    result = load_text(text, "rules.yaml", LoadContext(action_types=ACTION_TYPES, notifiers={}))
    assert not result.errors, [str(problem) for problem in result.errors]
    return result.rules[0]


def arrive(data: Json = None, **more: Any) -> Event:
    """An event of type x."""
    return Event(id="e", type="x", time=0, received_at=0, raw=b"", data=data or {"a": 1, "b": 2}, **more)


@pytest.mark.parametrize(
    ("trigger", "when", "more", "stage", "woken"),
    [
        ("{ event: x }", None, "", Stage.HIT, True),
        ("{ event: x }", "a == 1", "", Stage.HIT, True),
        ("{ event: x }", "a == 2", "", Stage.CONDITION, True),
        ("{ event: y }", "a == 1", "", Stage.TYPE, False),
        ("{ event: x }", "a == 1", "account: acme\n", Stage.ACCOUNT, False),
        ("{ event: x, source: crm }", "a == 1", "", Stage.TRIGGER, False),
        ("{ event: x, when: a == 2 }", BROKEN, "", Stage.TRIGGER, False),
        ("{ event: x }", BROKEN, "", Stage.ERROR, True),
        (f"{{ event: x, when: {BROKEN} }}", None, "", Stage.ERROR, False),
        (f"[ {{ event: x, when: {BROKEN} }}, {{ event: x }} ]", None, "", Stage.HIT, True),
        (f"[ {{ event: x, when: {BROKEN} }}, {{ event: x, when: a == 2 }} ]", None, "", Stage.ERROR, False),
        ("[ { event: x, when: a == 2 }, { event: x, source: autoflow } ]", "a == 1", "", Stage.HIT, True),
        ("{ event: x }", "a == 1", "enabled: false\n", Stage.HIT, True),
    ],
)
def test_the_first_thing_that_decides_is_named(
    trigger: str, when: str | None, more: str, stage: Stage, *, woken: bool
) -> None:
    """Account, type, trigger, condition; whether the rule is on is for others to say."""
    rule = load(trigger, when, more)
    assert judge_rule(rule, arrive()).stage is stage
    assert is_woken(rule, arrive()) is woken


def leaves(told: Any) -> list[Any]:
    """The comparisons of an explanation's JSON, in order."""
    parts = told.get("all") or told.get("any") or ([told["not"]] if "not" in told else None)
    return [told] if parts is None else [leaf for part in parts for leaf in leaves(part)]


def test_a_trigger_that_is_not_met_is_explained_and_the_condition_is_not() -> None:
    """It was not looked at; what is needed is needed of both."""
    told = verdict_to_json(judge_rule(load("{ event: x, source: crm, when: a == 2 }", "b == 5"), arrive()))
    source, own = leaves(told["trigger_conditions"])
    assert (source["operator"], source["result"], source["decided"]) == ("in", False, True)
    assert (own["result"], "actual" in own) == (None, False)
    assert told["conditions"] is None
    assert [change["text"] for change in told["changes"]] == [
        'event.source is "autoflow", needs to be in ["crm"]',
        "a is 1, needs == 2",
        "b is 2, needs == 5",
    ]
    assert told["changes_suffice"] is True


def test_what_cannot_be_evaluated_keeps_what_can() -> None:
    """And has no remedy: nobody can say what would have been."""
    verdict = judge_rule(load("{ event: x }", f"[ a == 1, {BROKEN} ]"), arrive())
    told = verdict_to_json(verdict)
    assert [leaf["result"] for leaf in leaves(told["conditions"])] == [True, None]
    assert (told["changes"], told["changes_suffice"]) == ([], None)
    assert verdict.error is not None
    assert "a needs a list on the right" in str(verdict.error)


def test_groups_that_nobody_wrote_are_not_shown() -> None:
    """A trigger with one condition is that condition."""
    verdict = judge_rule(load("{ event: x, when: a == 2 }"), arrive())
    assert verdict.trigger is not None
    assert verdict.trigger.kind == "leaf"
    several = judge_rule(load("[ { event: x, when: a == 2 }, { event: x, when: a == 3 } ]"), arrive())
    assert several.trigger is not None
    assert [part.kind for part in several.trigger.parts] == ["leaf", "leaf"]


@pytest.mark.parametrize(
    ("when", "decided"),
    [
        ("[ a == 1, b == 3 ]", "b"),
        ("[ a == 2, b == 3 ]", "a"),
        ("[ a == 1, b == 2 ]", None),
        ("{ any: [ a == 2, b == 2 ] }", "b"),
        ("{ any: [ a == 2, b == 3 ] }", None),
        ("{ any: [ a == 2 ] }", "a"),
        ("{ not: { any: [ a == 2, b == 2 ] } }", "b"),
        ("{ all: [] }", None),
    ],
)
def test_only_a_comparison_that_settled_it_alone_is_marked(when: str, decided: str | None) -> None:
    """Where several did together, none of them is."""
    verdict: Verdict = judge_rule(load("{ event: x }", when), arrive())
    assert verdict.conditions is not None
    found = decided_by(verdict.conditions)
    assert (found.leaf.left.fact if found is not None and found.leaf is not None else None) == decided
