"""Problems as text and as JSON."""

from __future__ import annotations

import pytest

from autoflow.model.problem import Problem, Severity
from autoflow.rules.report import problem_to_json, render_problem


def problem(**changes: object) -> Problem:
    fields: dict[str, object] = {
        "path": "rules/a.yaml",
        "line": 2,
        "column": 8,
        "end_line": 2,
        "end_column": 11,
        "severity": Severity.ERROR,
        "code": "AF101",
        "message": "wrong",
        "hint": "right",
        "rule": "a",
        **changes,
    }
    return Problem(**fields)  # type: ignore[arg-type]  # a test's own map of fields


def test_a_problem_as_json_has_the_promised_keys() -> None:
    """The keys of `autoflow validate --format json`, in their order."""
    assert list(problem_to_json(problem())) == [
        "path",
        "line",
        "column",
        "end_line",
        "end_column",
        "severity",
        "code",
        "message",
        "hint",
        "rule",
    ]
    assert problem_to_json(problem())["severity"] == "error"


def test_a_problem_is_shown_with_its_line() -> None:
    """The place, the line, the marks below the mistake, and the hint."""
    assert render_problem(problem(), "first: 1\ndelay: 5x # soon\n").splitlines() == [
        "rules/a.yaml:2:8: error AF101 wrong",
        "  2 | delay: 5x # soon",
        "    |        ^^^",
        "  hint: right",
    ]


@pytest.mark.parametrize("text", [None, "", "only one line"])
def test_without_its_line_the_message_stands_alone(text: str | None) -> None:
    """A file that is gone, or shorter by now, is no reason to fail."""
    assert render_problem(problem(hint=None), text) == "rules/a.yaml:2:8: error AF101 wrong"


def test_a_tab_before_the_mistake_stays_one() -> None:
    """So the marks stand below it whatever the terminal makes of tabs."""
    shown = render_problem(problem(line=1, end_line=1, column=3, end_column=4, hint=None), "\tx = 5")
    assert shown.splitlines()[1:] == ["  1 | \tx = 5", "    | \t ^"]


def test_wide_characters_take_their_room() -> None:
    """The marks stand below the mistake where a character is two cells wide, or none."""
    text = "\u65e5\u672c e\u0301: \U0001f600x"
    shown = render_problem(problem(line=1, end_line=1, column=8, end_column=10, hint=None), text)
    assert shown.splitlines()[2] == "    | " + " " * 8 + "^^^"


def test_a_mistake_over_several_lines_is_marked_to_the_end_of_its_first() -> None:
    """More would not fit below."""
    shown = render_problem(problem(line=1, end_line=4, column=1, hint=None), "actions:   \n  x\n")
    assert shown.splitlines()[2] == "    | ^^^^^^^^"


def test_a_long_line_is_cut_around_the_mistake() -> None:
    """What is marked is always on the screen."""
    text = "a" * 500 + "WRONG" + "b" * 500
    shown = render_problem(problem(line=1, end_line=1, column=501, end_column=506, hint=None), text).splitlines()
    assert len(shown[1]) < 200
    start, width = shown[2].index("^"), shown[2].count("^")
    assert shown[1][start : start + width] == "WRONG"


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A file cannot move the cursor of who validates it."""
    said = problem(line=1, end_line=1, column=1, message="a\nb\x1b[2J", hint="c\x1b[2J\u202e")
    shown = render_problem(said, "\x1b[2Jx")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.splitlines()[0].endswith("a b�[2J")
