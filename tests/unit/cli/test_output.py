"""Colour where it is wanted, times in words, and text that a terminal can be trusted with."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from autoflow.cli.output import in_words, paint, print_json, print_line, printable, wants_colour

VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM")


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "on_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
        ({"CLICOLOR": "0"}, False, False),
    ],
)
def test_colour_follows_the_conventions(
    environment: dict[str, str], on_terminal: bool, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR wins, then what forces it, then the terminal."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(Terminal()) is on_terminal
    assert wants_colour(io.StringIO()) is elsewhere


def test_paint_leaves_text_alone_where_no_colour_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a byte more in a pipe."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert paint("done", "bold green", io.StringIO()) == "done"
    assert paint("done", "bold green", Terminal()) == "\x1b[1;32mdone\x1b[0m"


@pytest.mark.parametrize(
    ("millis", "words"),
    [
        (0, "now"),
        (999, "now"),
        (-999, "now"),
        (1000, "in 1s"),
        (299_000, "in 4m 59s"),
        (300_000, "in 5m"),
        (-7_500_000, "2h 5m ago"),
        (90_061_000, "in 1d 1h"),
        (86_405_000, "in 1d 5s"),
    ],
)
def test_times_are_told_in_their_two_largest_units(millis: int, words: str) -> None:
    """Nobody counts milliseconds of a delay."""
    assert in_words(millis) == words


def test_what_a_terminal_takes_for_an_order_is_taken_out() -> None:
    """Escapes, bells and direction marks are shown as what they are: unreadable."""
    assert printable("a\x1b[31m\x07\u202eb\tc") == "a�[31m��b c"


@pytest.mark.parametrize("print_it", [print_json, print_line])
def test_half_a_letter_is_no_defect(print_it: Callable[[Any], None], capsys: pytest.CaptureFixture[str]) -> None:
    """A reference into a text can find one, and no encoding can write it."""
    print_it({"actual": "\ude00"})
    assert capsys.readouterr().out == '{"actual": "?"}\n'
