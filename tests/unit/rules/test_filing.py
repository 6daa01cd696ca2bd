"""A rulebook that takes over from the one before it judges as one that is made anew."""

from hypothesis import given, settings
from hypothesis import strategies as st

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.event import Event, facts_of
from autoflow.model.rule import Rule
from autoflow.rules.context import LoadContext
from autoflow.rules.filing import MOST_REVISED, Filing
from autoflow.rules.loader import load_text
from autoflow.rules.rulebook import Matched, Rulebook, RuleVersion, WaitBook

CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
TRIGGERS = ("{ event: job.done }", "{ event: job.* }", "[ { event: job.done }, { event: job.*, when: n > 3 } ]")
CONDITIONS = (
    "n == 3",
    "n == 4",
    "n > 2",
    's matches "^a"',
    "{ fact: n, operator: 'someValue:equal', value: { fact: l } }",
    "true",
)
ENDS = ("[]", "{ event: job.open, by: id }", "{ event: job.*, by: n }")
COUNT = 60
"""Enough for an index to be worth mending."""


def make_rule(number: int, trigger: str, condition: str, ends: str, account: str = "default") -> Rule:
    """One rule."""
    text = (
        f"id: r{number}\naccount: {account}\ntrigger: {trigger}\nwhen: {condition}\ncancel_on: {ends}\n"
        "actions: [ { log: { message: m } } ]\n"
    )
    result = load_text(text, "r.yaml", CONTEXT)
    assert not result.errors, result.errors
    return result.rules[0]


KINDS = [make_rule(0, t, c, e) for t in TRIGGERS for c in CONDITIONS for e in ENDS]
EVENTS = [
    Event(id="e", type=kind, time=0, received_at=0, raw=b"{}", data=data)
    for kind in ("job.done", "job.open", "other")
    for data in ({"n": 3}, {"n": 4, "s": "abc", "l": [4]}, {"n": 9, "l": 9, "id": "x"}, {})
]


def judged(rulebook: Rulebook, one: Event) -> tuple[list[int], list[tuple[int, str]]]:
    """What an event meets, and what cannot be judged on it."""
    found: Matched = rulebook.match(one, facts_of(one))
    return [v.id for v in found.hits], [(v.id, str(error)) for v, error in found.errors]


@settings(deadline=None)  # making sixty rules an index takes its time
@given(data=st.data())
def test_a_rulebook_that_takes_over_judges_as_a_new_one(data: st.DataObject) -> None:
    """Rules edited, added, removed and moved, a few or many at a time: hits, errors, their order and ends agree."""
    number = COUNT
    versions = [RuleVersion(id=n, rule=KINDS[n % len(KINDS)]) for n in range(COUNT)]
    book, waits = Rulebook(versions), WaitBook([v.rule for v in versions])
    for _ in range(data.draw(st.integers(1, 4))):
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(versions) - 1))
            change = data.draw(st.sampled_from(["edit", "edit", "add", "remove", "move"]))
            old = versions[place] if change == "add" else versions.pop(place)
            number += 1
            if change in ("edit", "add"):
                versions.insert(place, RuleVersion(id=number, rule=data.draw(st.sampled_from(KINDS))))
            elif change == "move":
                versions.insert(data.draw(st.integers(0, len(versions))), old)
        book, waits = Rulebook(versions, before=book), WaitBook([v.rule for v in versions], before=waits)
        fresh, fresh_waits = Rulebook(versions), WaitBook([v.rule for v in versions])
        for one in EVENTS:
            assert judged(book, one) == judged(fresh, one)
            assert waits.ends(one, facts_of(one)) == fresh_waits.ends(one, facts_of(one))


def filed(versions: list[RuleVersion]) -> list:
    """Entries whose condition is that of the rule."""
    return [(version.rule.when, version) for version in versions]


def test_an_index_is_mended_and_after_many_changes_made_anew() -> None:
    """What went is no longer held on to once there were so many changes."""
    versions = [RuleVersion(id=n, rule=KINDS[n % len(KINDS)]) for n in range(MOST_REVISED * 32)]
    entries = filed(versions)
    first = filing = Filing.build(list(entries))
    assert filing.revise(list(entries)) is filing
    for change in range(1, MOST_REVISED):
        entries[change] = filed([RuleVersion(id=-change, rule=KINDS[change % len(KINDS)])])[0]
        filing = filing.revise(list(entries))
        mended = filing._index is first._index
        assert mended is (change * 2 <= MOST_REVISED)
        if not mended:
            return
