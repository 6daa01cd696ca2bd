"""One thing in full, for people."""

from typing import Any

import pytest

from autoflow.cli.details import print_detail

TOTAL = {"fact": "job", "path": "$.total", "operator": "greaterThanInclusive", "value": 5}
PLAN = {"fact": "plan", "operator": "equal", "value": "a b"}


def show(capsys: pytest.CaptureFixture[str], **document: Any) -> list[str]:
    """The lines of a rule's document."""
    print_detail({"id": "r", "document": {"id": "r", **document}})
    return capsys.readouterr().out.splitlines()[2:]


def test_conditions_of_a_rule_are_shown_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """What must all hold stands line by line; choices have their parts below them."""
    when = {"all": [TOTAL, {"any": [PLAN, {"not": TOTAL}]}, {"condition": "urgent"}]}
    assert show(capsys, when=when) == [
        "  id    r",
        "  when  job.total >= 5",
        "        any",
        '          plan == "a b"',
        "          not",
        "            job.total >= 5",
        "        condition urgent",
    ]


def test_conditions_of_patterns_are_shown_as_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Of one pattern, and of several."""
    one, other = {"event": "a", "when": PLAN}, {"event": "b"}
    assert show(capsys, trigger=one, cancel_on=[one, other]) == [
        "  id  r",
        "  trigger",
        "    event  a",
        '    when   plan == "a b"',
        "  cancel_on",
        "    event  a",
        '    when   plan == "a b"',
        "    -",
        "    event  b",
    ]


def test_what_an_event_holds_is_no_condition(capsys: pytest.CaptureFixture[str]) -> None:
    """Data that looks like one is shown as it is."""
    print_detail({"id": "e1", "data": {"when": {"fact": "job", "operator": "equal", "value": 1}}})
    assert "    operator  equal" in capsys.readouterr().out
