"""What an event meets, and what it ends."""

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.event import Event, facts_of
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import load_text
from autoflow.rules.rulebook import (
    KNOWN_TYPES,
    Rulebook,
    RuleVersion,
    WaitBook,
    key_text,
    pattern_names,
    run_key,
    wait_hash,
)

CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
ACT = "actions: [ { log: { message: m } } ]\n"


def book(*rules: str) -> Rulebook:
    """A rulebook of rules that log."""
    text = "---\n".join(f"id: r{number}\n{rule}\n{ACT}" for number, rule in enumerate(rules))
    result = load_text(text, "r.yaml", CONTEXT)
    assert not result.errors, result.errors
    return Rulebook([RuleVersion(id=number, rule=rule) for number, rule in enumerate(result.rules)])


def event(event_type: str, data: dict | None = None, **more: str) -> Event:
    """An event."""
    return Event(id="e", type=event_type, time=0, received_at=0, raw=b"{}", data=data or {}, **more)


def met(rulebook: Rulebook, one: Event) -> list[str]:
    """The rules that an event meets."""
    return [version.rule.id for version in rulebook.match(one, facts_of(one)).hits]


def test_names_prefixes_and_the_star() -> None:
    """A prefix means everything below it, not itself; the star means everything that comes from outside."""
    rulebook = book(
        "trigger: { event: job.done }",
        "trigger: { event: job.* }",
        'trigger: { event: "*" }',
        "trigger: { event: [job.done, order.created] }",
        "trigger: { event: autoflow.* }",
    )
    assert met(rulebook, event("job.done")) == ["r0", "r1", "r2", "r3"]
    assert met(rulebook, event("job.done.late")) == ["r1", "r2"]
    assert met(rulebook, event("job")) == ["r2"]
    assert met(rulebook, event("autoflow.action.dead_lettered")) == ["r4"]


def test_a_rule_is_met_once_by_each_of_its_triggers_together() -> None:
    """Two triggers of one rule that mean the same event are one hit, among other rules and alone."""
    twice = "trigger: [ { event: a.b, when: n > 1 }, { event: a.* } ]"
    assert met(book(twice, twice), event("a.b", {"n": 2})) == ["r0", "r1"]
    assert met(book(twice), event("a.b", {"n": 2})) == ["r0"]
    assert met(book(twice), event("a.b", {"n": 1})) == ["r0"]


def test_types_that_senders_make_up_are_not_all_remembered() -> None:
    """What is remembered about event types has a bound, and forgetting changes no answer."""
    rulebook = book("trigger: { event: job.* }", "trigger: { event: a }")
    for number in range(2 * KNOWN_TYPES + 3):
        assert met(rulebook, event(f"job.t{number}")) == ["r0"]
        assert met(rulebook, event(f"other.t{number}")) == []
    assert len(rulebook._by_type) <= KNOWN_TYPES
    assert met(rulebook, event("a")) == ["r1"]


def test_accounts_are_apart() -> None:
    """A rule sees the events of its own account only."""
    rulebook = book("trigger: { event: a }\naccount: one", "trigger: { event: a }")
    assert met(rulebook, event("a")) == ["r1"]
    assert met(rulebook, event("a", account="one")) == ["r0"]
    assert [version.rule.id for version in rulebook.foreign_listeners(event("a"))] == ["r0"]


def test_sources_and_the_triggers_own_condition() -> None:
    """Both are judged on arrival."""
    rulebook = book("trigger: { event: a, source: [meta, ads], when: n > 1 }")
    assert met(rulebook, event("a", {"n": 2}, source="ads")) == ["r0"]
    assert met(rulebook, event("a", {"n": 2})) == []
    assert met(rulebook, event("a", {"n": 1}, source="ads")) == []


def test_a_rule_with_two_triggers_that_are_met_acts_once() -> None:
    """One event, one run."""
    rulebook = book("trigger: [ { event: a }, { event: a, when: n == 1 } ]")
    assert met(rulebook, event("a", {"n": 1})) == ["r0"]


def test_a_disabled_rule_is_not_looked_at() -> None:
    """And a shadow rule is."""
    rulebook = book("trigger: { event: a }\nenabled: false", "trigger: { event: a }\nenabled: shadow")
    assert met(rulebook, event("a")) == ["r1"]


def test_a_rules_condition_is_not_judged_where_its_trigger_is_not_met() -> None:
    """An event for somebody else raises no error here."""
    faulty = "when: { fact: n, operator: in, value: { fact: list } }"
    rulebook = book(f'trigger: {{ event: a, when: kind == "mine" }}\n{faulty}')
    theirs = event("a", {"kind": "theirs", "n": 1, "list": None})
    mine = event("a", {"kind": "mine", "n": 1, "list": None})
    assert rulebook.match(theirs, facts_of(theirs)).errors == ()
    assert len(rulebook.match(mine, facts_of(mine)).errors) == 1


@pytest.mark.parametrize(
    ("name", "names"),
    [("a", ("a", "*")), ("a.b.c", ("a.b.c", "a.b.*", "a.*", "*")), ("autoflow.x", ("autoflow.x", "autoflow.*"))],
)
def test_pattern_names(name: str, names: tuple[str, ...]) -> None:
    """Every pattern that means a type."""
    assert pattern_names(name) == names


def test_keys_compare_as_json() -> None:
    """Types count, 1.0 is 1, and what is missing or null is equal to nothing."""
    assert key_text([1]) == key_text([1.0]) != key_text(["1"])
    assert key_text([True]) != key_text([1])
    assert key_text([None]) is None
    assert key_text([]) == "[]"
    assert key_text([{"a": 1, "b": 2}]) == key_text([{"b": 2, "a": 1}])


def test_an_event_ends_work_by_pairs_of_keys() -> None:
    """Left in the run's event, right in the other one; conditions and sources of the pattern count."""
    rulebook = book(
        "trigger: { event: cart.updated }\n"
        "cancel_on: { event: order.created, source: shop, when: order.paid == true, by: { cart.id: order.cart_id } }"
    )
    rule = rulebook.versions[0].rule
    waits = WaitBook([rule])
    cart = event("cart.updated", {"cart": {"id": 7}})
    order = event("order.created", {"order": {"cart_id": 7, "paid": True}}, source="shop")
    [(pattern, key)] = waits.ends(order, facts_of(order))
    assert pattern == wait_hash(rule.cancel_on[0])
    assert key == run_key(rule.cancel_on[0], facts_of(cart))
    unpaid = event("order.created", {"order": {"cart_id": 7, "paid": False}}, source="shop")
    elsewhere = event("order.created", {"order": {"cart_id": 7, "paid": True}})
    keyless = event("order.created", {"order": {"paid": True}}, source="shop")
    for one in (unpaid, elsewhere, keyless):
        assert waits.ends(one, facts_of(one)) == ()


def test_a_pattern_that_cannot_be_judged_ends_nothing() -> None:
    """Work goes on rather than vanish."""
    rulebook = book(
        "trigger: { event: a }\n"
        "cancel_on: { event: b, by: id, when: { fact: n, operator: in, value: { fact: list } } }"
    )
    waits = WaitBook([rulebook.versions[0].rule])
    one = event("b", {"id": 1, "n": 1, "list": None})
    assert waits.ends(one, facts_of(one)) == ()
