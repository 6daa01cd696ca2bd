"""A condition as a person reads it: marks, values, and the comparison that decided; on narrow terminals too."""

import sys
from typing import Any

import pytest

from autoflow.cli.output import COLOURS
from autoflow.cli.trees import change_lines, tree_lines
from autoflow.matching.explain import decided_by, explain_condition, explanation_to_json
from autoflow.matching.tree import parse_condition


def explain(document: Any, **facts: Any) -> Any:
    """The JSON of an explanation, as answers have it."""
    condition = parse_condition(document).condition
    assert condition is not None
    explanation = explain_condition(condition, facts)
    return explanation_to_json(explanation, decided=decided_by(explanation))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of forty columns, without colour."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        ("a == 1", ["✓ a == 1  is 1"]),
        (["a == 1", "b == 2"], ["✗ all", "  ✓ a == 1  is 1", "  ✗ b == 2  is missing  ← decided"]),
        (["a == 2", "b == 2"], ["✗ all", "  ✗ a == 2  is 1  ← decided", "  ✗ b == 2  is missing"]),
        ({"any": ["b == 2", "a == 1"]}, ["✓ any", "  ✗ b == 2  is missing", "  ✓ a == 1  is 1  ← decided"]),
        ({"any": ["b == 2", "a == 3"]}, ["✗ any", "  ✗ b == 2  is missing", "  ✗ a == 3  is 1"]),
        (["a == 1", "c == null"], ["✓ all", "  ✓ a == 1  is 1", "  ✓ c == null  is null"]),
        ({"not": "a == 1"}, ["✗ not", "  ✓ a == 1  is 1  ← decided"]),
        ({"all": ["a == 2"], "name": "n"}, ["✗ all n", "  ✗ a == 2  is 1  ← decided"]),
        ("a between 0 and 5", ["✓ a between 0 and 5  is 1"]),
        (
            {"fact": "a", "operator": "equal", "value": {"fact": "d"}},
            ["✗ a == d (4)  is 1"],
        ),
        (
            {"any": [{"fact": "a", "operator": "equal", "value": 1, "priority": 9}, "b exists"]},
            ["✓ any", "  ✓ a == 1  is 1  ← decided", "  · b exists  not evaluated"],
        ),
    ],
)  # fmt: skip
def test_each_comparison_has_its_mark_and_what_was_found(document: Any, lines: list[str]) -> None:
    """What decided is marked where one comparison alone did; a tree of one needs no mark."""
    assert tree_lines(explain(document, a=1, c=None, d=4), depth=0) == lines


@pytest.mark.usefixtures("narrow")
def test_a_narrow_terminal_has_the_value_on_a_line_of_its_own() -> None:
    """Nothing is cut that tells why."""
    told = explain(['job.client.type == "Commercial"', "a == 1"], job={"client": {"type": "Private"}}, a=1)
    assert tree_lines(told, depth=1) == [
        "  ✗ all",
        '    ✗ job.client.type == "Commercial"  ← decided',
        '        is "Private"',
        "    ✓ a == 1  is 1",
    ]  # fmt: skip


def test_what_an_event_says_is_never_an_order_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a value, and not in what would have had to be; colour is ours alone."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = explain("a == 1", a="\x1b[2J\u202e")
    change = {"text": "a is \x1b[2J, needs == 1"}
    text = "".join(tree_lines(told) + change_lines({"changes": [change], "changes_suffice": True}))
    for style in COLOURS.values():
        text = text.replace(f"\x1b[{style}m", "")
    assert "\x1b" not in text.replace("\x1b[0m", "")
    assert "\u202e" not in text


def test_what_would_not_be_enough_is_not_promised() -> None:
    """`at least` where another thing would be in the way."""
    item = {"changes": [{"text": "a is 1, needs > 5"}], "changes_suffice": False}
    assert change_lines(item) == ["  it would need at least", "    a is 1, needs > 5"]
    assert change_lines({"changes": [], "changes_suffice": None}) == []
