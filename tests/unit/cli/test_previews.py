"""A preview as a person reads it: the verdict, the conditions as they were written, the message."""

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.cli.previews import print_preview
from autoflow.model.event import Event
from autoflow.model.json import JsonObject
from autoflow.preview import preview_rules
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import load_text
from autoflow.templates import TemplateLibrary, check_template

NOW = 1_800_000_000_000
CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={}, templates=None, check_template=check_template)
RULE = """
id: a
{enabled}
trigger: {{ event: job.done }}
delay: 5m
when: {when}
actions: [ {{ log: {{ message: "{{{{ job.id }}}} is done" }} }} ]
"""


def print_previews(text: str, data: JsonObject) -> None:
    """What is printed for these rules and a job.done with this data."""
    result = load_text(text, "rules.yaml", CONTEXT)
    assert not result.errors, [str(problem) for problem in result.errors]
    event = Event(id="e1", type="job.done", time=NOW, received_at=NOW, raw=b"{}", data=data)
    previews = preview_rules(result.rules, event, types=ACTION_TYPES, library=TemplateLibrary(), with_missed=True)
    for preview in previews:
        print_preview(preview)


def show(capsys: pytest.CaptureFixture[str], when: str, *, enabled: str = "enabled: true") -> list[str]:
    """The lines that are printed for a job of 1500."""
    data = {"job": {"id": "j1", "total": 1500, "tags": ["vip"], "names": 7}}
    print_previews(RULE.format(when=when, enabled=enabled), data)
    return capsys.readouterr().out.splitlines()


def test_a_rule_that_fires_shows_when_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order in which it happens."""
    assert show(capsys, "job.total >= 1000") == [
        "a fires on job.done e1",
        "  when",
        "    ✓ job.total >= 1000  is 1500",
        "  due     2027-01-15T08:05:00.000Z (in 5m)",
        "  1. log",
        "     │ j1 is done",
        "",
    ]


@pytest.mark.parametrize(
    ("when", "line"),
    [
        ("job.total < 1000", "    ✗ job.total < 1000  is 1500"),
        ("job.phone exists", "    ✗ job.phone exists  is missing"),
        ("job.tags not contains \"vip\"", '    ✗ job.tags not contains "vip"  is ["vip"]'),
        ("job.id not in [\"j1\"]", '    ✗ job.id not in ["j1"]  is "j1"'),
        ("job.id starts with \"x\"", '    ✗ job.id starts with "x"  is "j1"'),
        (
            "{ fact: job, path: $.id, operator: in, value: { fact: job, path: $.names } }",
            "    · job.id in job.names  not evaluated",
        ),
    ],
)  # fmt: skip
def test_a_comparison_reads_as_it_was_written(capsys: pytest.CaptureFixture[str], when: str, line: str) -> None:
    """With what was found beside it."""
    lines = show(capsys, when)
    assert lines[0] == "a does not fire on job.done e1"
    assert line in lines


@pytest.mark.parametrize(
    ("enabled", "headline"),
    [
        ("enabled: false", "a is disabled, and does not fire on job.done e1"),
        ("enabled: shadow", "a fires in shadow, and sends nothing, on job.done e1"),
    ],
)
def test_a_rule_that_does_not_act_says_why(capsys: pytest.CaptureFixture[str], enabled: str, headline: str) -> None:
    """Before anything else."""
    assert show(capsys, "job.total > 1", enabled=enabled)[0] == headline


def test_a_message_that_cannot_be_made_says_which_action_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands before it is shown as it would be sent; what the event has in its place is named."""
    rule = (
        "id: a\ntrigger: { event: job.done }\nactions:\n"
        "  - log: { message: first }\n  - sms: { recipient: '{{ job.phone }}', message: second }\n"
    )
    print_previews(rule, {"job": {"phnoe": "+1555"}})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a fires on job.done e1"
    assert lines[1].strip() == "when    no conditions"
    assert lines[3:5] == ["  1. log", "     │ first"]
    assert lines[5].startswith("  2. sms fails and ends the run: AF300: recipient: job.phone is undefined")
    assert lines[6:] == ["  the event lacks", "    job.phone (it has job.phnoe)  read in 2.recipient", ""]


def test_a_trigger_that_is_not_met_is_told_with_what_it_would_need(capsys: pytest.CaptureFixture[str]) -> None:
    """The rule waits for such events, and its trigger says no to this one."""
    rule = "id: a\ntrigger: { event: job.done, source: crm }\nactions: [ { log: { message: x } } ]\n"
    print_previews(rule, {})
    assert capsys.readouterr().out.splitlines() == [
        "a is not triggered by job.done e1",
        "  trigger",
        '    ✗ event.source in ["crm"]  is "autoflow"',
        "  it would act if",
        '    event.source is "autoflow", needs to be in ["crm"]',
        "",
    ]
