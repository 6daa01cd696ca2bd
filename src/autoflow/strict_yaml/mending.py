"""What a document holds beside the parts that cannot be read: those are cut out, so that the rest is looked at too.

Called by `read` where the reader gave up. One mistake would otherwise hide every other one of its document.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from autoflow.strict_yaml.loader import StrictLoader

MOST_CUTS = 20
"""Parts of one document; with more of them, the mistakes that are found are made by the cuts."""

_OPENED = re.compile("quoted scalar|flow|simple key")
_KEY = re.compile(r"(?:[^\s#\"'{}\[\]&*!|>%@`-][^:#]*|\"[^\"]*\"|'[^']*'):(?=\s|$)")
_RULES = re.compile(r"[\"']?rules[\"']?:\s*(?:#.*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """A document without the parts that cannot be read."""

    node: Any
    #: the lines of those, from 1, the last one included
    unread: tuple[tuple[int, int], ...]
    #: why they cannot be read, but for the first one, which is known
    further: tuple[yaml.MarkedYAMLError, ...]


def mend(lines: Sequence[str], start: int, error: yaml.MarkedYAMLError) -> Mended | None:
    """The document in these lines from one of them on (counted from 0); None where its rest cannot be read either."""
    rest = list(lines[start:])
    unread: list[tuple[int, int]] = []
    errors = [error]
    while len(errors) <= MOST_CUTS:
        cut = _cut_out(rest, _blamed(errors[-1]) - start)
        if cut is None:
            return None
        unread.append((start + cut.start + 1, start + cut.stop))
        try:
            # Empty lines before it keep the line numbers right.
            node = yaml.compose("\n" * start + "\n".join(rest), StrictLoader)
        except yaml.MarkedYAMLError as next_error:
            errors.append(next_error)
        else:
            return Mended(node=node, unread=tuple(unread), further=tuple(errors[1:])) if node is not None else None
    return None


def _blamed(error: yaml.MarkedYAMLError) -> int:
    """The line that is wrong: of what is not closed, the one that opens it."""
    opened = error.context_mark is not None and _OPENED.search(error.context or "")
    mark = error.context_mark if opened else error.problem_mark or error.context_mark
    return mark.line if mark is not None else -1


def _cut_out(lines: list[str], blamed: int) -> range | None:
    """Empty the rule of a list, or else the key of the document, that the line belongs to. None where it is empty."""
    if not 0 <= blamed < len(lines):
        return None
    part = _find_item(lines, blamed) or _find_entry(lines, blamed)
    if part is None:
        return None
    first = lines[part.start]
    indent = first[: len(first) - len(first.lstrip())]
    key = _KEY.match(first, len(indent))
    instead = f"{indent}{key[0]}" if key else f"{indent}- {{}}"
    if first == instead and not any(lines[number].strip() for number in part[1:]):
        return None
    lines[part.start : part.stop] = [instead, *[""] * (len(part) - 1)]
    return part


def _find_item(lines: Sequence[str], blamed: int) -> range | None:
    """The rule of a list of rules that a line belongs to."""
    top = next((number for number in range(blamed, -1, -1) if _RULES.match(lines[number])), None)
    if top is None or any(_is_entry(line) for line in lines[top + 1 : blamed + 1]):
        return None
    items = [number for number in range(top + 1, len(lines)) if re.match(r"\s*-(\s|$)", lines[number])]
    if not items:
        return None
    indent = _indent_of(lines[items[0]])
    starts = [number for number in items if _indent_of(lines[number]) == indent]
    first = max((number for number in starts if number <= blamed), default=None)
    if first is None:
        return None
    ends = (n for n in range(first + 1, len(lines)) if n in starts or _is_entry(lines[n]))
    return range(first, next(ends, len(lines)))


def _find_entry(lines: Sequence[str], blamed: int) -> range | None:
    """The key of the document that a line belongs to, with all that stands below it."""
    starts = [number for number, line in enumerate(lines) if _is_entry(line)]
    first = max((number for number in starts if number <= blamed), default=None)
    if first is None:
        return None
    return range(first, min((number for number in starts if number > first), default=len(lines)))


def _is_entry(line: str) -> bool:
    """Whether a key of the document begins here; documents that are indented as a whole are not mended."""
    return _KEY.match(line) is not None


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())
