"""Documents as they were read, where each part of them stands, and problems at those places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from autoflow.model.json import Json
from autoflow.model.problem import Problem, Severity

Pointer = tuple[str | int, ...]

LINE_END = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line for YAML."""

SYNTAX = "AF101"
DUPLICATE_KEY = "AF102"
KEY_NOT_TEXT = "AF103"
TOO_MUCH = "AF104"
UNKNOWN_TAG = "AF105"
NOT_A_NUMBER = "AF106"


class Place(NamedTuple):
    """A stretch of a file. Lines and columns count from 1; the end column is the first one after."""

    line: int
    column: int
    end_line: int
    end_column: int
    #: how a text is written: "" plain, ' or " quoted, | or > block; None for maps and lists
    style: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One document of a file: its value, and where each part of it stands."""

    path: str
    value: Json
    #: what is wrong with it; a document with errors still has a value, to be checked further
    problems: tuple[Problem, ...]
    #: first and last lines of what could not be read and is not there
    unread: tuple[tuple[int, int], ...] = ()
    #: where the document, and each part of a list in its map, begins
    lines: Mapping[Pointer, int] = field(default_factory=dict, repr=False, compare=False)
    make_node: Callable[[], yaml.Node] = field(repr=False, compare=False)

    @property
    def node(self) -> yaml.Node:
        """The tree with the places: most documents have no problem, and nobody asks for it."""
        return self.make_node()

    def line_of(self, pointer: Pointer) -> int:
        """The line in which a value begins."""
        return self.lines.get(pointer) or self.value_at(pointer).line

    def value_at(self, pointer: Pointer) -> Place:
        """Where the value stands; where there is none, its nearest container."""
        return place_of(self._nearest(pointer)[0])

    def key_at(self, pointer: Pointer) -> Place:
        """Where the key of that value stands; what has no key is found by its value."""
        if not pointer:
            return place_of(self.node)
        parent, depth = self._nearest(pointer[:-1])
        found = _entry(parent, pointer[-1]) if depth == len(pointer) - 1 else None
        return place_of(found[0] or found[1]) if found else self.value_at(pointer)

    def has(self, pointer: Pointer) -> bool:
        """Whether something was written there."""
        return self._nearest(pointer)[1] == len(pointer)

    def _nearest(self, pointer: Pointer) -> tuple[yaml.Node, int]:
        node = self.node
        for depth, step in enumerate(pointer):
            found = _entry(node, step)
            if found is None:
                return node, depth
            node = found[1]
        return node, len(pointer)


class YamlRead(NamedTuple):
    """What a file holds: its documents, and the problems for which a part of it could not be read at all."""

    documents: tuple[YamlDocument, ...]
    problems: tuple[Problem, ...]

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Those of the file and of each of its documents."""
        return (*self.problems, *(problem for document in self.documents for problem in document.problems))


def _entry(node: yaml.Node, step: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode) and isinstance(step, str):
        pairs: Iterator[tuple[yaml.Node, yaml.Node]] = (pair for pair in node.value if pair[0].value == step)
        return next(pairs, None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return None, node.value[step]
    return None


def place_of(node: yaml.Node) -> Place:
    """Where a node stands."""
    return place_between(node.start_mark, _end_of(node), style=getattr(node, "style", None) or "", node=node)


def _end_of(node: yaml.Node) -> Any:
    """Where the last part of a node ends: to the reader, what has no brackets ends where the next thing begins."""
    last = node
    while isinstance(last, yaml.CollectionNode) and last.flow_style is False and last.value:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    # an alias stands where its anchor is
    return last.end_mark if last.end_mark.index >= node.start_mark.index else node.end_mark


def place_between(start: Any, end: Any, *, style: str | None = None, node: yaml.Node | None = None) -> Place:
    """The stretch between two marks of the reader; the top of the file where there is none."""
    if start is None:
        return Place(line=1, column=1, end_line=1, end_column=2)
    if end is None or (end.line, end.column) <= (start.line, start.column):
        end_line, end_column = start.line, start.column + 1
    else:
        end_line, end_column = end.line, end.column
    return Place(
        line=start.line + 1,
        column=start.column + 1,
        end_line=end_line + 1,
        end_column=end_column + 1,
        style=style if isinstance(node, yaml.ScalarNode) else None,
    )


def place_index(text: str, index: int) -> Place:
    """Where a character of a text stands."""
    before = LINE_END.split(text[:index])
    line, column = len(before), len(before[-1]) + 1
    return Place(line=line, column=column, end_line=line, end_column=column + 1)


def error_at(path: str, place: Place | None, code: str, message: str, *, hint: str | None = None) -> Problem:
    """An error at a place, or at the top of the file."""
    place = place or Place(line=1, column=1, end_line=1, end_column=2)
    return problem_at(path, place, Severity.ERROR, code, message, hint)


def problem_at(path: str, place: Place, severity: Severity, code: str, message: str, hint: str | None) -> Problem:
    """A finding at a place of a file."""
    return Problem(
        path=path,
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        end_column=place.end_column,
        severity=severity,
        code=code,
        message=message,
        hint=hint,
    )
