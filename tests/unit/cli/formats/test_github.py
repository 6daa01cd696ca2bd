"""What the runner of GitHub Actions is told, and what it must not be."""

from __future__ import annotations

import re

import pytest

from autoflow.cli.formats.github import Annotation, escape_markdown, shield, write_annotation, write_table


def test_an_annotation_marks_a_stretch_of_a_line() -> None:
    """Level, file, place, title and message, in the order that the documentation of the runner has."""
    annotation = Annotation(
        level="error", path="rules/a.yaml", line=7, column=5, end_line=7, end_column=11, title="AF110", message="no"
    )
    expected = "::error file=rules/a.yaml,line=7,col=5,endLine=7,endColumn=11,title=AF110::no"
    assert write_annotation(annotation) == expected


def test_several_lines_have_no_columns() -> None:
    """The runner allows columns within one line only."""
    annotation = Annotation(level="warning", path="a.yaml", line=7, column=5, end_line=9, end_column=2, message="no")
    assert write_annotation(annotation) == "::warning file=a.yaml,line=7,endLine=9::no"


def test_a_remark_may_have_no_place() -> None:
    """Level and message are enough."""
    assert write_annotation(Annotation(level="notice", message="7 rules")) == "::notice::7 rules"


def test_no_text_ends_its_field() -> None:
    """Percent signs first, then line ends; in properties also colons and commas."""
    annotation = Annotation(level="error", path="a,b:c%.yaml", message="50%\r\n::add-mask::x, y: z", title="a\nb")
    expected = "::error file=a%2Cb%3Ac%25.yaml,title=a%0Ab::50%25%0D%0A::add-mask::x, y: z"
    assert write_annotation(annotation) == expected


@pytest.mark.parametrize("text", ["::add-mask::x", "a\n::set-env name=A::b\n", "##[group]x"])
def test_shielded_text_gives_no_orders(text: str) -> None:
    """All of it stands between the word that stops the runner and the one that nobody could know."""
    first, *inside, last = shield(text, "4f1d").splitlines()
    assert (first, last) == ("::stop-commands::4f1d", "::4f1d::")
    assert inside == text.splitlines()


def test_a_cell_shows_what_stands_in_it() -> None:
    """Neither Markdown nor HTML is read in a text, and it stays on its line."""
    assert escape_markdown("a | b\n<img src=x> [c](d) *e* `f` \\") == (
        r"a \| b &lt;img src=x&gt; \[c\](d) \*e\* \`f\` " + "\\\\"
    )


def test_a_table_stays_within_its_room() -> None:
    """A page that is too large is not shown at all: rows are left out, and counted."""
    rows = [["rules/a.yaml", "é" * 40]] * 1000
    text = write_table(["where", "what"], rows, room=10_000)
    assert len(text.encode()) <= 10_000
    left_out = re.search(r"and (\d+) more", text)
    assert left_out is not None
    assert text.count("é" * 40) + int(left_out[1]) == 1000
    assert write_table(["where", "what"], rows[:2]).splitlines()[:2] == ["| where | what |", "|---|---|"]
