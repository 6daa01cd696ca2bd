"""What differs in meaning between two versions of a rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autoflow.model.json import Json
from autoflow.rules.canonical import hash_document
from autoflow.rules.differences import ABSENT, Difference, diff_documents, diff_texts
from autoflow.rules.loader import load_text
from support.line import CONTEXT

RULE = """\
id: done
trigger: { event: job.done }
delay: 5m
cancel_on: { event: job.reopened, by: job.id }
when: job.total >= 500
actions:
  - sms: { recipient: "+1555", message: "{{ job.id }} is done" }
  - webhook: { url: "https://a.example/x", payload: { id: "{{ job.id }}", total: { fact: job.total } } }
"""


def document(text: str) -> dict[str, Json]:
    """The canonical document of the one rule in a text."""
    result = load_text(text, "rule.yaml", CONTEXT)
    assert not result.errors, result.errors
    [rule] = result.rules
    return dict(rule.document)


def told(*swaps: tuple[str, str]) -> list[tuple[str, Json, Json]]:
    """What is said after these edits of the rule."""
    text = RULE
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    return [(one.path, one.before, one.after) for one in diff_documents(document(RULE), document(text))]


def test_spelling_is_no_difference() -> None:
    """Other words, other order, other quotes: the same rule."""
    assert told(("delay: 5m", "delay: 300s"), ("sms:", "send_sms:"), ("recipient:", "to:")) == []


def test_a_value_is_told_with_both_sides() -> None:
    """Each with its path in the canonical document."""
    assert told(("5m", "10m")) == [("delay", "5m", "10m")]
    assert told(("a.example/x", "b.example/x")) == [
        ("actions[1].webhook.url", "https://a.example/x", "https://b.example/x")
    ]
    assert told(("fact: job.total", "fact: job.sum")) == [
        ("actions[1].webhook.payload.total.fact", "job.total", "job.sum")
    ]


def test_what_is_not_written_counts_as_what_it_means() -> None:
    """A delay that came was none before, and an on_change that came was the default."""
    assert told(("delay: 5m\n", "")) == [("delay", "5m", "0s")]
    assert told(("delay: 5m", "delay: 5m\non_change: cancel")) == [("on_change", "finish_old", "cancel")]


def test_conditions_are_told_in_words() -> None:
    """Marked as such, so that nobody puts quotes around them."""
    [found] = diff_documents(document(RULE), document(RULE.replace(">= 500", ">= 900")))
    assert found == Difference("when", "job.total >= 500", "job.total >= 900", is_line=True)


def test_triggers_of_the_same_events_belong_together() -> None:
    """One that came beside them is told alone."""
    more = "trigger: [ { event: job.done, when: job.id exists }, { event: job.closed } ]"
    assert told(("trigger: { event: job.done }", more)) == [
        ("trigger[0].when", ABSENT, "job.id exists"),
        ("trigger[1]", ABSENT, {"event": "job.closed"}),
    ]
    assert told(("event: job.done", "event: job.closed")) == [("trigger.event", "job.done", "job.closed")]


def test_an_action_before_the_others_does_not_make_them_look_new() -> None:
    """Actions are found again by their id, else by their type."""
    log = {"log": {"message": "hi"}}
    assert told(("actions:\n", "actions:\n  - log: { message: hi }\n")) == [("actions[0]", ABSENT, log)]
    sms = document(RULE)["actions"][0]
    assert told((RULE[RULE.index("  - sms") : RULE.index("  - webhook")], "")) == [("actions[0]", sms, ABSENT)]


def test_texts_for_people_are_told_apart() -> None:
    """They are no change of meaning."""
    named = document(RULE.replace("id: done", "id: done\nname: Done\nlabels: [a]"))
    assert diff_documents(document(RULE), named) == ()
    assert [one.path for one in diff_texts(document(RULE), named)] == ["name", "labels"]


PATTERNS = st.sampled_from(
    [{"event": "a"}, {"event": "b"}, {"event": ["a", "b"]}, {"event": "a", "source": "x"},
     {"event": "a", "when": {"fact": "x", "operator": "equal", "value": 1}}]
)  # fmt: skip
STEPS = st.sampled_from(
    [{"log": {"message": "a"}}, {"log": {"message": "b"}}, {"id": "x", "log": {"message": "a"}},
     {"sms": {"recipient": "1", "message": "a"}}, {"log": {"message": "a"}, "retry": "quick"}]
)  # fmt: skip
DOCUMENTS = st.fixed_dictionaries(
    {
        "trigger": PATTERNS | st.lists(PATTERNS, min_size=2, max_size=3),
        "actions": st.lists(STEPS, min_size=1, max_size=4),
        "enabled": st.sampled_from([True, False, "shadow"]),
    },
    optional={
        "delay": st.sampled_from(["1s", "5m"]),
        "cancel_on": PATTERNS.map(lambda one: {**one, "by": "x.id"}),
        "on_change": st.just("cancel"),
        "retry": st.sampled_from(["quick", {"schedule": ["0s", "1m"]}]),
    },
)


@given(before=DOCUMENTS, after=DOCUMENTS)
def test_something_is_told_exactly_where_the_meaning_differs(before: dict[str, Json], after: dict[str, Json]) -> None:
    """What a reload takes for a new version never looks like none, nor the other way round."""
    same = hash_document({"id": "r", **before}) == hash_document({"id": "r", **after})
    assert (diff_documents(before, after) == ()) is same
