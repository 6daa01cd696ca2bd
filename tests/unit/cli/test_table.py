"""Tables that fit: cut first, then without what matters least, never cut where nobody looks."""

import io
import sys

import pytest

from autoflow.cli import table
from autoflow.cli.table import Column, fit, print_table, text_width

COLUMNS = (
    Column(title="id", show=lambda item: item["id"]),
    Column(title="rule", show=lambda item: item["rule"], least=6),
    Column(title="detail", show=lambda item: item["detail"], least=8, optional=True),
)
ITEM = {"id": 7, "rule": "notify-technician", "detail": "the server said that it is full"}


def columns(*widths: int) -> list[Column]:
    """Columns that keep at least so many characters; none is optional."""
    return [Column(title="x", show=str, least=least) for least in widths]


def test_what_fits_is_not_touched() -> None:
    """Every column as wide as its widest cell."""
    assert fit(COLUMNS, [2, 17, 31], 54) == ([0, 1, 2], [2, 17, 31])


def test_without_a_terminal_nothing_is_cut() -> None:
    """Another program gets all of it."""
    assert fit(COLUMNS, [2, 17, 3000], None) == ([0, 1, 2], [2, 17, 3000])


def test_the_widest_column_gives_first() -> None:
    """What is short stays readable."""
    assert fit(COLUMNS, [2, 17, 31], 40) == ([0, 1, 2], [2, 17, 17])


def test_an_optional_column_goes_before_others_are_cut_too_far() -> None:
    """Better one column less than three stumps."""
    assert fit(COLUMNS, [2, 17, 31], 19) == ([0, 1], [2, 15])


def test_a_column_that_must_not_be_cut_is_never_cut() -> None:
    """An id that is cut is of no use to anybody, however narrow the terminal is."""
    kept, widths = fit((COLUMNS[0], *columns(5)), [40, 10], 20)
    assert (kept, widths) == ([0, 1], [40, 5])


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("日本", 4), ("é", 1), ("e\u0301", 1), ("", 0)])
def test_width_is_counted_in_places(text: str, width: int) -> None:
    """Wide characters take two, combining ones none."""
    assert text_width(text) == width


def print_at(width: int | None, items: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of a table at that width."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(table, "terminal_width", lambda: width)
    print_table(COLUMNS, items, empty="nothing")
    return out.getvalue().splitlines()


def test_a_table_is_aligned_and_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head, a rule, and a line an item."""
    assert print_at(32, [ITEM], monkeypatch) == [
        "id  rule           detail",
        "────────────────────────────────",
        "7   notify-techn…  the server s…",
    ]


def test_a_column_with_nothing_in_it_is_not_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs find every column."""
    item = {**ITEM, "detail": None}
    assert print_at(80, [item], monkeypatch)[0] == "id  rule"
    assert print_at(None, [item], monkeypatch)[0] == "id  rule               detail"


def test_a_foreign_text_gives_no_orders_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event's id comes from anywhere."""
    [*_, line] = print_at(None, [{**ITEM, "rule": "a\x1b[2Jb\nc"}], monkeypatch)
    assert line == "7   a�[2Jb c  the server said that it is full"


def test_nothing_is_said_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads standard output gets no line at all."""
    print_table(COLUMNS, [], empty="no runs")
    assert capsys.readouterr() == ("", "no runs\n")
