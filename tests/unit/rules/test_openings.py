"""The sign that is opened and never closed is found, and no other one is taken for it."""

from __future__ import annotations

import pytest

from autoflow.rules.openings import find_opening


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a: { b: 1\nc: 2", 2, ("{", 1, 4)),
        ("a: [ 1, { b: 2 }\nc: 2", 2, ("[", 1, 4)),
        ("a: { b: [ 1, 2 }", 1, ("[", 1, 9)),
        ("a: 'x\nb: y", 2, ("'", 1, 4)),
        ('é: { m: "x }', 1, ('"', 1, 9)),
        ("a: { b: 1 }\nc: [ 2 ]", 2, None),
        ("a: it's fine\nb: x[1] and {{ y\nc: z", 3, None),
        ("a: \"{ [ '\" # { [\nb: '[ \"'", 2, None),
        ("a: { b: '{{ x }}', c: \"{% if { %}\" }", 1, None),
        ("a: |\n  { [ \" '\n\n  {\nb: c", 5, None),
        ('a: >- # so\n  { "\nb: [ 1', 3, ("[", 3, 4)),
        ("a: [\n---\nb: 1", 3, None),
        ("a: ]", 1, None),
    ],
)
def test_what_is_opened_last_and_not_closed(text: str, line: int, found: tuple[str, int, int] | None) -> None:
    """Texts, templates, comments and other documents do not count, and neither does what is closed."""
    assert find_opening(text.split("\n"), line) == found
