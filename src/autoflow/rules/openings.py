"""The quote or bracket that is opened and never closed: the reader of YAML only sees what is odd lines later.

Called by `hints` for what no trap explains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from autoflow.rules.blocks import block_below

CLOSING = {"{": "}", "[": "]"}
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_TEMPLATE = re.compile(r"\{\{(?:.*?\}\})?|\{%(?:.*?%\})?")
_SIGN = re.compile(r"[\[\]{}\"']")
_BEFORE_VALUES = frozenset(":-,[{")
_DOCUMENT = re.compile(r"---(\s|$)")


class Opening(NamedTuple):
    """A sign that has no other half; line and column count from 1."""

    sign: str
    line: int
    column: int


def find_opening(lines: Sequence[str], line: int) -> Opening | None:
    """What was opened last, and is not closed by the end of that line, in its document."""
    first = next((number for number in range(line, 0, -1) if _DOCUMENT.match(lines[number - 1])), 1)
    opened: list[Opening] = []
    number = first
    while number <= line:
        for sign, column in _signs(lines[number - 1]):
            if sign in "\"'":
                return Opening(sign, number, column)
            if sign in CLOSING:
                opened.append(Opening(sign, number, column))
            elif opened and CLOSING[opened[-1].sign] != sign:
                return opened[-1]
            elif opened:
                opened.pop()
        number = max(block_below(lines, number).stop, number + 1)
    return opened[-1] if opened else None


def _signs(line: str) -> Iterator[tuple[str, int]]:
    """Brackets, and quotes without another half, each with its column; those inside of a plain text open nothing."""
    bare = _blank(line)
    for found in _SIGN.finditer(bare):
        before = bare[: found.start()].rstrip()
        if found[0] in "]}" or not before or before[-1] in _BEFORE_VALUES:
            yield found[0], found.start() + 1


def _blank(line: str) -> str:
    """The line without texts in quotes, templates and comments, each sign in its column."""
    for form in (_QUOTED, _COMMENT, _TEMPLATE):
        line = form.sub(lambda found: " " * len(found[0]), line)
    return line
