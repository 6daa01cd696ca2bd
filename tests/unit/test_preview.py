"""What a rule would do with an event, said without doing it."""

from typing import Any

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.event import Event
from autoflow.model.json import JsonObject
from autoflow.model.rule import Rule
from autoflow.preview import Preview, describe_unmatched, preview_rules, preview_to_json
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import load_text
from autoflow.templates import TemplateLibrary, check_template

NOW = 1_800_000_000_000
CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={}, templates=None, check_template=check_template)
IN_IDS = "{ fact: job, path: $.id, operator: in, value: { fact: job, path: $.ids } }"
ACTS = 'actions: [ { log: { message: "{{ job.id }}" } } ]'


def load(*rules: str) -> tuple[Rule, ...]:
    """Rules as a file has them, one document each."""
    result = load_text("\n---\n".join(rules), "rules.yaml", CONTEXT)
    assert not result.errors, [str(problem) for problem in result.errors]
    return result.rules


def arrive(data: JsonObject, event_type: str = "job.done", **more: Any) -> Event:
    """An event that arrives now."""
    return Event(id="e1", type=event_type, time=NOW, received_at=NOW, raw=b"{}", data=data, **more)


def preview(event: Event, *rules: str) -> list[Preview]:
    """What these rules would do."""
    return preview_rules(load(*rules), event, types=ACTION_TYPES, library=TemplateLibrary())


def test_a_rule_that_fires_tells_when_and_what() -> None:
    """Due after its delay; the message as it would be sent."""
    [found] = preview(arrive({"job": {"id": "j1"}}), f"id: a\ntrigger: {{ event: job.done }}\ndelay: 5m\n{ACTS}")
    told = preview_to_json(found)
    assert told["fires"] is True
    assert told["due_at"] == "2027-01-15T08:05:00.000Z"
    assert told["actions"] == [{"type": "log", "params": {"message": "j1"}}]
    assert told["error"] is None


def test_a_condition_that_cannot_be_evaluated_stops_no_other_rule() -> None:
    """It does not fire and says why; the parts that can be evaluated keep their values."""
    bad = f"id: bad\ntrigger: {{ event: job.done }}\nwhen: [ job.id exists, {IN_IDS} ]\n{ACTS}"
    good = f"id: good\ntrigger: {{ event: job.done }}\n{ACTS}"
    first, second = preview(arrive({"job": {"id": "j1", "ids": 7}}), bad, good)
    told = preview_to_json(first)
    assert (told["fires"], told["due_at"], told["actions"]) == (False, None, [])
    assert told["error"]["code"] == "AF280"
    assert "job.id" in told["error"]["message"]
    conditions = told["conditions"]
    assert conditions["result"] is None
    assert [part["result"] for part in conditions["all"]] == [True, None]
    assert second.fires


def test_a_trigger_that_cannot_be_evaluated_is_told_too() -> None:
    """The trigger's own condition counts like the rule's."""
    rule = f"id: bad\ntrigger: {{ event: job.done, when: {IN_IDS} }}\n{ACTS}"
    [found] = preview(arrive({"job": {"id": "j1", "ids": 7}}), rule)
    assert (found.fires, found.error is not None and found.error.code) == (False, "AF280")


def test_a_message_that_cannot_be_rendered_is_told_with_the_rule_that_fires() -> None:
    """The daemon would fire and fail, and so it is said."""
    [found] = preview(arrive({"job": {}}), f"id: a\ntrigger: {{ event: job.done }}\n{ACTS}")
    assert found.fires
    assert found.error is not None
    assert found.error.code == "AF300"


@pytest.mark.parametrize(
    ("enabled", "fires", "told"),
    [("false", False, False), ("shadow", True, "shadow"), ("true", True, True)],
)
def test_a_disabled_rule_does_not_fire_and_is_said_to_be_disabled(enabled: str, fires: bool, told: object) -> None:
    """A rule in shadow is judged, and says that it is in shadow."""
    rule = f"id: a\nenabled: {enabled}\ntrigger: {{ event: job.done }}\n{ACTS}"
    [found] = preview(arrive({"job": {"id": "j1"}}), rule)
    assert found.fires is fires
    assert preview_to_json(found)["enabled"] == told


def test_a_secret_stays_a_reference() -> None:
    """What a preview prints may be pasted anywhere."""
    rule = """
id: a
trigger: { event: job.done }
actions:
  - http: { url: "https://api.example.com/x", headers: { Authorization: "secret://env/TOKEN" } }
"""
    [found] = preview(arrive({"job": {"id": "j1"}}), rule)
    assert found.actions[0].params["headers"] == {"Authorization": "secret://env/TOKEN"}


def test_an_event_that_is_met_but_for_the_account_says_so() -> None:
    """The usual reason why nothing happens; a disabled rule is not one."""
    rules = load(
        f"id: a\naccount: acme\ntrigger: {{ event: job.done }}\n{ACTS}",
        f"id: b\naccount: idle\nenabled: false\ntrigger: {{ event: job.done }}\n{ACTS}",
    )
    said = describe_unmatched(rules, arrive({}))
    assert said == "job.done: a trigger is met but for the account: rules of acme, the event of default"
    assert describe_unmatched(rules, arrive({}, "job.other")) == "job.other: no rule is triggered by this event"
