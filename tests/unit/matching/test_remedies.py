"""What would have had to differ: the fewest comparisons, and values with which they come out so."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoflow.errors import EvaluationError
from autoflow.matching.amend import put_value
from autoflow.matching.chains import evaluate, resolve_operator
from autoflow.matching.compiler import compile_condition
from autoflow.matching.lookup import MISSING
from autoflow.matching.paths import compile_reference, parse_reference
from autoflow.matching.remedies import Change, Remedy, find_remedy
from autoflow.matching.tree import parse_condition
from autoflow.model.condition import Condition, Reference
from autoflow.model.event import Event, facts_of
from autoflow.model.json import Json
from unit.matching.strategies import conditions, values

JOB = {"total": 1500, "id": "1", "tags": ["a"], "status": "done", "name": "bob", "client": {"typ": "Commercial"}}
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


def arrive(data: Json) -> Event:
    """An event with this data."""
    return Event(id="e1", type="job.created", time=0, received_at=0, raw=b"", data=data)


def remedy_of(document: Any, data: Json = None) -> Remedy | None:
    """What would have had to differ for a document that has no errors."""
    condition = parse_condition(document).condition
    assert condition is not None
    return find_remedy(condition, arrive({"job": JOB} if data is None else data))


@pytest.mark.parametrize(
    ("line", "text", "value"),
    [
        ("job.total >= 2000", "job.total is 1500, needs >= 2000", 2000),
        ("job.total < 1000", "job.total is 1500, needs < 1000", 999),
        ("not job.total >= 1000", "job.total is 1500, must not be >= 1000", 999),
        ("job.id == 1", 'job.id is "1", needs == 1 (a text is never a number)', 1),
        ('job.status == "Done"', 'job.status is "done", needs == "Done" (upper and lower case differ)', "Done"),
        ('job.status in ["Open", "New"]', 'job.status is "done", needs to be in ["Open", "New"]', "Open"),
        ("job.phone exists", "job.phone is missing, needs a value", "x"),
        ("job.name not exists", 'job.name is "bob", needs to be missing or null', MISSING),
        ("job.phone is not empty", "job.phone is missing, needs something in it", "x"),
        ("job.name is empty", 'job.name is "bob", needs to be empty', MISSING),
        ('job.tags contains "vip"', 'job.tags is ["a"], needs to contain "vip"', ["a", "vip"]),
        ('job.tags not contains "a"', 'job.tags is ["a"], must not contain "a"', []),
        ('job.name starts with "x"', 'job.name is "bob", needs to start with "x"', "xbob"),
        ('job.name not ends with "b"', 'job.name is "bob", must not end with "b"', "bx"),
        ("job.total between 1 and 5", "job.total is 1500, needs to be between 1 and 5", 1),
        ("not job.total > 5", "job.total is 1500, must not be > 5", 5),
        ('event.source == "crm"', 'event.source is "autoflow", needs == "crm"', "crm"),
        ("event.data.job.total > 9000", "event.data.job.total is 1500, needs > 9000", 9001),
        ("trigger.job.total == null", "trigger.job.total is 1500, needs == null", None),
        (
            'job.client.type == "Commercial"',
            'job.client.type is missing, needs == "Commercial" (the event has job.client.typ)',
            "Commercial",
        ),
    ],
)
def test_one_comparison_says_what_it_found_and_what_it_needs(line: str, text: str, value: Json) -> None:
    """In the words of the rule, with a value that was tried."""
    found = remedy_of(line)
    assert found is not None
    [change] = found.changes
    assert (change.text, change.has_value, change.value, found.is_enough) == (text, True, value, True)


def test_the_nearest_branch_is_named() -> None:
    """Of an `any` the branch with the fewest changes, of an `all` every part that failed."""
    found = remedy_of({"any": [["job.total > 9000", "job.vip == true"], ["job.total > 1", 'job.status == "Done"']]})
    assert found is not None
    assert [change.text.partition(",")[0] for change in found.changes] == ['job.status is "done"']
    found = remedy_of({"not": {"all": ["job.total > 1", 'job.id == "1"']}})
    assert found is not None
    assert len(found.changes) == 1
    found = remedy_of({"not": {"any": ["job.total > 1", 'job.id == "1"']}})
    assert found is not None
    assert len(found.changes) == 2
    assert found.is_enough


def test_what_cannot_be_true_together_is_said_not_to_be_enough() -> None:
    """Each comparison can be met, and both cannot: nobody is told that this would have done."""
    found = remedy_of(["job.total > 2000", "job.total < 3"])
    assert found is not None
    assert len(found.changes) == 2
    assert not found.is_enough


def test_where_no_event_would_help_there_is_no_remedy() -> None:
    """`not` of what always holds."""
    assert remedy_of({"not": {"all": []}}) is None
    assert remedy_of({"all": ["job.total > 9000", {"not": {"any": []}}]}) is None


def test_no_value_is_named_that_was_not_tried() -> None:
    """A path to many places and an expression that nobody can guess have none; what they need is said."""
    for document in ('job.name matches "^al+ice$"', {"fact": "job", "path": "$..x", "operator": "equal", "value": 1}):
        found = remedy_of(document)
        assert found is not None
        assert [change.has_value for change in found.changes] == [False]
        assert not found.is_enough
        assert ", needs" in found.changes[0].text


def test_a_large_value_is_replaced_and_not_repeated() -> None:
    """An answer does not carry a list of thousands of elements back with one more."""
    found = remedy_of('job.items contains "x"', {"job": {"items": list(range(10_000))}})
    assert found is not None
    assert (found.changes[0].value, found.is_enough) == (["x"], True)
    assert len(found.changes[0].text) < 150


@pytest.mark.parametrize(
    ("reference", "value", "data"),
    [
        ("job.total", 2, {"job": {"total": 2}}),
        ("job.client.name", "x", {"job": {"total": 1, "client": {"name": "x"}}}),
        ("order", [], {"job": {"total": 1}, "order": []}),
        ("event.data.job", 5, {"job": 5}),
        ("trigger.job.total", 7, {"job": {"total": 7}}),
        ("job.total", MISSING, {"job": {}}),
        ("job.total.x", 1, {"job": {"total": {"x": 1}}}),
    ],
)
def test_a_value_is_put_where_the_reference_looks(reference: str, value: Json, data: Json) -> None:
    """Whatever stood in its way is replaced; the event itself stays as it is."""
    event = arrive({"job": {"total": 1}})
    changed = put_value(event, parse_reference(reference), value)
    assert changed is not None
    assert changed.data == data
    assert event.data == {"job": {"total": 1}}
    assert compile_reference(parse_reference(reference))(facts_of(changed)) == value


def test_a_list_takes_a_value_at_its_end_and_in_the_middle_only() -> None:
    """There is no third element without a second one."""
    event = arrive({"items": [1, 2]})
    grown = put_value(event, parse_reference("items[2]"), 3)
    changed = put_value(event, parse_reference("items[0].name"), "x")
    assert grown is not None
    assert grown.data == {"items": [1, 2, 3]}
    assert changed is not None
    assert changed.data == {"items": [{"name": "x"}, 2]}
    assert put_value(event, parse_reference("items[7]"), 3) is None
    assert put_value(event, parse_reference("items.length"), 3) is None


@pytest.mark.parametrize("path", ["$.received_at", "$.account", "$.depth", "$.a.b", None])
def test_what_no_sender_decides_is_never_changed(path: str | None) -> None:
    """When it arrived, whose it is, and the envelope as a whole."""
    assert put_value(arrive({}), Reference(fact="event", path=path), "x") is None


def test_the_envelope_can_be_changed_where_a_sender_says_it() -> None:
    """The source, the subject and attributes of the sender's own."""
    event = arrive({})
    for name, value in (("source", "crm"), ("subject", "s"), ("traceparent", "00-1")):
        changed = put_value(event, parse_reference(f"event.{name}"), value)
        assert changed is not None
        assert changed.envelope()[name] == value
    assert put_value(event, parse_reference("event.source"), "") is None


def holds(condition: Condition, event: Event) -> bool | None:
    """The compiled answer; None where it cannot be evaluated."""
    try:
        return compile_condition(condition)(facts_of(event))
    except EvaluationError:
        return None


def leaf_says(change: Change, event: Event) -> bool:
    """What the comparison of a change says of an event."""
    leaf, facts = change.leaf, facts_of(event)
    right = compile_reference(leaf.value)(facts) if isinstance(leaf.value, Reference) else leaf.value
    return evaluate(resolve_operator(leaf.operator), compile_reference(leaf.left)(facts), right)


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(conditions, st.dictionaries(st.sampled_from(["f", "g", "h"]), values, max_size=3))
def test_a_named_value_makes_its_comparison_say_what_was_needed(condition: Condition, data: dict[str, Json]) -> None:
    """For any tree and any event; and where it is said to be enough, the whole condition holds with all of them."""
    event = arrive(data)
    found = find_remedy(condition, event)
    if found is None:
        assert holds(condition, event) is not True
        return
    changed = event
    for change in found.changes:
        assert change.text
        if not change.has_value:
            continue
        alone = put_value(event, change.leaf.left, change.value)
        assert alone is not None
        assert leaf_says(change, alone) is change.wanted
        changed = put_value(changed, change.leaf.left, change.value) or changed
    assert found.is_enough is (holds(condition, changed) is True)
    if holds(condition, event) is True:
        assert found == Remedy(changes=(), is_enough=True)
