"""Texts over several lines (`|` and `>`) in the lines of a file: neither comments nor brackets stand in them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SIGN = re.compile(r"(?:^|(?<=\s))[|>][-+0-9]*\s*(?:\s#.*)?$")


def block_below(lines: Sequence[str], line: int) -> range:
    """The lines of the text that begins in this line (from 1); none where none does."""
    first = lines[line - 1]
    if not _SIGN.search(first):
        return range(line + 1, line + 1)
    indent = _indent_of(first)
    end = line + 1
    while end <= len(lines) and (not lines[end - 1].strip() or _indent_of(lines[end - 1]) > indent):
        end += 1
    return range(line + 1, end)


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
