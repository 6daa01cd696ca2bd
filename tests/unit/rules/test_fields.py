"""Which values a rule reads of an event, wherever it reads them, and which of them are not there."""

from pathlib import Path

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.event import Event
from autoflow.model.json import Json
from autoflow.rules.context import LoadContext
from autoflow.rules.fields import Field, find_fields
from autoflow.rules.loader import load_text
from autoflow.templates import TemplateLibrary, check_template

RULE = """
id: r
trigger:
  - { event: job.done, when: job.total > 5 }
  - { event: job.other, when: job.never == 1 }
cancel_on: { event: job.closed, by: { job.id: other.id } }
when: { any: [ job.status == "x", { fact: job, path: $.a, operator: equal, value: { fact: job, path: $.b } } ] }
actions:
  - email: { recipient: "{{ job.mail }}", template: t }
  - webhook:
      url: "https://x.example.com/{{ job.id }}"
      payload: { deep: [ { fact: job.c }, { fact: job.d, default: 0 }, { literal: { fact: job.e } } ] }
  - log: { message: "{% for one in job.items %}{{ one.name }}{{ loop.index }}{% endfor %}{{ job.f | upper }}" }
"""


def find(data: Json, tmp_path: Path) -> dict[str, Field]:
    """What the rule reads of an event, by path."""
    (tmp_path / "t.txt").write_text("Hi {{ job.client.name }}")
    (tmp_path / "t.subject.txt").write_text("{{ job.number }}")
    library = TemplateLibrary.load(tmp_path)
    context = LoadContext(
        action_types=ACTION_TYPES, notifiers={}, templates=library.names, check_template=check_template
    )
    result = load_text(RULE, "rules.yaml", context)
    assert not result.errors, [str(problem) for problem in result.errors]
    event = Event(id="e", type="job.done", time=0, received_at=0, raw=b"", data=data)
    return {field.path: field for field in find_fields(result.rules[0], event, library)}


def test_every_place_of_a_rule_is_looked_at(tmp_path: Path) -> None:
    """Triggers of the event's type, keys, conditions on both sides, texts, templates and facts; each is told once."""
    found = find({}, tmp_path)
    assert {path: field.used_in for path, field in found.items()} == {
        "job.total": ("trigger.when",),
        "job.id": ("cancel_on.by", "2.url"),
        "job.status": ("when",),
        "job.a": ("when",),
        "job.b": ("when",),
        "job.mail": ("1.recipient",),
        "job.client.name": ("1.template",),
        "job.number": ("1.template",),
        "job.c": ("2.payload",),
        "job.items": ("3.message",),
        "job.f": ("3.message",),
    }
    assert not any(field.found for field in found.values())


def test_what_is_there_and_what_is_meant_is_told(tmp_path: Path) -> None:
    """Null is there; a name that is spelled a little otherwise is near."""
    found = find({"job": {"total": None, "client": {"nmae": "x"}, "Status": 1, "numbers": 7}}, tmp_path)
    assert found["job.total"].found
    assert (found["job.client.name"].found, found["job.client.name"].near) == (False, "job.client.nmae")
    assert found["job.status"].near == "job.Status"
    assert found["job.number"].near == "job.numbers"
    assert found["job.items"].near is None
    assert find({"jobb": {"mail": "x"}}, tmp_path)["job.mail"].near == "jobb.mail"
