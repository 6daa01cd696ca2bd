"""A text as it was written: every value in its own letters, with the comments and blank lines around it.

For `autoflow fmt`, which moves and renames parts and loses nothing. After it: `printing`. The values themselves are
read by `read_yaml`; a text that it finds a problem in does not come here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import yaml

from autoflow.strict_yaml.loader import FastLoader
from autoflow.strict_yaml.scalars import STR, tag_of_plain

Lines = tuple[str, ...]
"""Comments, each with its `#`, and blank lines as empty texts."""

_COMMENT = re.compile(r"(?:^|(?<=[\s]))#.*")
_ANCHOR = re.compile(r"&(\S+)\s*")
_DIGIT = re.compile(r"\d")
MAX_COLUMN = 1_000_000
_DASH = re.compile(r"-(?=\s)")
_BLANK_END = re.compile(r"(?:\n[ \t]*)+\Z")


class Beside(NamedTuple):
    """A comment behind something in its line."""

    comment: str = ""
    #: where it begins, counted from 0
    column: int = 0
    #: how many blanks stand before it
    gap: int = 0


NOTHING = Beside()


class UnwritableError(Exception):
    """A text is written in a way that is read, and that cannot be written again part by part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A scalar."""

    #: as it is written, with its quotes; of a block the header, and the lines from where its text begins
    raw: str
    value: str
    #: "" plain, ' or " quoted, | or > block
    style: str = ""
    anchor: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is read as a text, not as a number or another word."""
        plain = not self.style and not self.raw.startswith("!")
        return bool(self.style) or (plain and tag_of_plain(self.value) is STR)

    @property
    def is_block(self) -> bool:
        """Whether its lines stand below it."""
        return self.style in ("|", ">")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A `*name`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A map or a list."""

    is_map: bool
    parts: tuple[Part, ...]
    #: written with brackets, all on one line
    flow: bool = False
    #: a pair in a list without braces: [ log: {} ]
    bare: bool = False
    anchor: str = ""
    #: comments after the last part
    foot: Lines = ()

    def find(self, key: str) -> Part | None:
        """The part of a map at a key."""
        return next((part for part in self.parts if part.key is not None and part.key.value == key), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a map, in the order they are written."""
        return tuple(part.key.value for part in self.parts if part.key is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One entry of a map, or one item of a list, with the comments that are about it."""

    node: Node
    key: Text | None = None
    above: Lines = ()
    beside: Beside = NOTHING

    @property
    def comments(self) -> Lines:
        """All that was said about it, without blank lines at the beginning."""
        lines = (*self.above, self.beside.comment) if self.beside.comment else self.above
        return lines[next((number for number, line in enumerate(lines) if line), len(lines)) :]


Node = Text | Alias | Group


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDocument:
    """One document of a text."""

    root: Part
    #: what stands before it begins: comments
    before: Lines = ()
    #: `---` with the directives above it, or nothing
    start: Lines = ()
    #: comments at its top, which stay there
    top: Lines = ()
    foot: Lines = ()
    #: whether `...` ends it
    ended: bool = False


def read_written(text: str) -> tuple[WrittenDocument, ...]:
    """The documents of a text whose lines end in a line feed."""
    return tuple(_Reader(text).read())


def comments_in(node: Node) -> Iterator[str]:
    """Every comment inside of a value."""
    if isinstance(node, Group):
        for part in node.parts:
            yield from (line for line in part.comments if line)
            yield from comments_in(part.node)
        yield from (line for line in node.foot if line)


class _Reader:
    """Goes through the events of a text and keeps what stands between them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._events: Iterator[Any] = yaml.parse(text, FastLoader)
        self._event: Any = next(self._events)
        #: how far the text has been looked at
        self._at = 0
        #: comments and blank lines that belong to nothing yet, with the column of each comment
        self._lines: list[tuple[int, str]] = []
        #: a comment behind something in its line
        self._trailing = NOTHING

    def read(self) -> Iterator[WrittenDocument]:
        """Each document."""
        self._next()
        while isinstance(self._event, yaml.DocumentStartEvent):
            yield self._read_document()

    def _next(self) -> None:
        """Go to the next event; what stands before it is looked at."""
        self._event = next(self._events)
        self._look(self._event.start_mark.index)

    def _look(self, until: int) -> None:
        """Keep the comments and blank lines up to a place."""
        if until < self._at:
            return
        begin, self._at = self._at, until
        pieces = self._text[begin:until].split("\n")
        inside = bool(self._text[begin - self._column_of(begin) : begin].strip())
        if until < len(self._text) or not pieces[-1].strip():
            pieces.pop()  # it stands before the next value, in its line
        for number, piece in enumerate(pieces):
            found = _COMMENT.search(piece)
            if found is not None and number == 0 and inside:
                gap = found.start() - len(piece[: found.start()].rstrip())
                self._trailing = Beside(found[0].rstrip(), self._column_of(begin) + found.start(), gap)
            elif found is not None:
                # a dash before it begins a new item: it is further out than what the comment seems to belong to
                self._lines.append((len(piece) - len(piece.lstrip()), found[0].rstrip()))
            elif not piece.strip() and (number > 0 or not inside):
                self._lines.append((-1, ""))

    def _column_of(self, index: int) -> int:
        return index - (self._text.rfind("\n", 0, index) + 1)

    def _take_lines(self) -> Lines:
        lines = tuple(line for _, line in self._lines)
        self._lines.clear()
        return lines

    def _take_trailing(self) -> Beside:
        trailing, self._trailing = self._trailing, NOTHING
        return trailing

    def _read_document(self) -> WrittenDocument:
        start = self._event
        before = self._take_lines() if start.explicit else ()
        marks = ""
        if start.explicit:
            marks = self._text[start.start_mark.index : start.end_mark.index]
            self._at = start.end_mark.index
        self._next()
        top, root = _split_top(self._read_part(None, -1))
        foot, ended = self._take_lines(), bool(self._event.explicit)
        if ended:
            self._at = self._event.end_mark.index
        self._next()
        if isinstance(self._event, yaml.StreamEndEvent):
            foot = (*foot, *self._take_lines())
        lines = tuple(line for line in marks.split("\n") if line.strip())
        return WrittenDocument(root=root, before=before, start=lines, top=top, foot=foot, ended=ended)

    def _read_part(self, key: Text | None, outer: int) -> Part:
        """The value that comes next, in a group that begins at a column."""
        stands_below = isinstance(self._event, yaml.CollectionStartEvent) and not self._event.flow_style
        above = () if stands_below else self._take_lines()
        beside = self._take_trailing()
        node = self._read_node(outer)
        later = self._take_trailing()
        if beside.comment and (later.comment or (key is None and stands_below)):
            above, beside = (*above, beside.comment), NOTHING
        return Part(node=node, key=key, above=above, beside=later if later.comment else beside)

    def _read_node(self, outer: int) -> Node:
        event = self._event
        kind = type(event)
        if kind is yaml.AliasEvent:
            self._at = event.end_mark.index
            self._next()
            return Alias(name=event.anchor)
        if kind is yaml.ScalarEvent:
            return self._read_text(outer)
        return self._read_flow() if event.flow_style else self._read_block(outer)

    def _read_text(self, outer: int = -1) -> Text:
        event = self._event
        start, self._at = event.start_mark.index, event.end_mark.index
        raw, style = self._text[start : self._at], event.style if event.style in ("'", '"', "|", ">") else ""
        anchor = ""
        found = _ANCHOR.match(raw) if event.anchor is not None else None
        if found is not None:
            anchor, raw, start = found[1], raw[found.end() :], start + found.end()
        if style in ("|", ">"):
            raw = _dedent(self._take_block(raw, start), outer)
        self._next()
        return Text(raw=raw, value=event.value, style=style, anchor=anchor)

    def _take_block(self, raw: str, start: int) -> str:
        """A block without the blank lines after it, nor the comment beside its header."""
        header = raw.split("\n", 1)[0]
        found = _COMMENT.search(header)
        said = found[0] if found is not None else ""
        keeps_all = "+" in header.removesuffix(said)
        raw = raw.removesuffix("\n") if keeps_all else _BLANK_END.sub("", raw)
        newline = self._text.find("\n", start + len(raw))
        self._at = len(self._text) if newline < 0 else newline + 1
        if found is not None:
            gap = found.start() - len(header[: found.start()].rstrip())
            self._trailing = Beside(said.rstrip(), self._column_of(start) + found.start(), gap)
        return header.removesuffix(said).rstrip() + raw[len(header) :]

    def _read_flow(self) -> Group:
        """What is written with brackets; over several lines it becomes one without."""
        event = self._event
        start, self._at = event.start_mark.index, event.end_mark.index
        bare = event.end_mark.index == start
        self._next()
        if self._trailing.comment and not bare:
            trailing = self._take_trailing()
            self._lines.insert(0, (trailing.column, trailing.comment))
        is_map = isinstance(event, yaml.MappingStartEvent)
        parts = self._read_parts(is_map, -1)
        foot = self._take_lines() if parts and not bare else ()
        end = self._at = self._event.end_mark.index
        self._next()
        one_line = "\n" not in self._text[start:end]
        anchor = event.anchor or ""
        return Group(is_map=is_map, parts=parts, flow=one_line, bare=bare and one_line, anchor=anchor, foot=foot)

    def _read_block(self, outer: int) -> Group:
        event = self._event
        start, is_map = event.start_mark.index, isinstance(event, yaml.MappingStartEvent)
        if event.anchor is not None:
            start = self._at = start + len(f"&{event.anchor}")
        self._next()
        trailing = self._take_trailing() if event.anchor is not None else NOTHING
        dash = None if is_map else _DASH.search(self._text, start)
        column = self._column_of(dash.start() if dash is not None else self._event.start_mark.index)
        parts = self._read_parts(is_map, column)
        foot = self._read_foot(outer)
        self._next()
        if trailing.comment:
            self._trailing = trailing
        return Group(is_map=is_map, parts=parts, anchor=event.anchor or "", foot=foot)

    def _read_parts(self, is_map: bool, column: int) -> tuple[Part, ...]:
        parts: list[Part] = []
        while not isinstance(self._event, yaml.CollectionEndEvent):
            above = self._take_lines()
            key = self._read_key() if is_map else None
            part = self._read_part(key, column)
            parts.append(replace(part, above=(*above, *part.above)))
        return tuple(parts)

    def _read_key(self) -> Text:
        if not isinstance(self._event, yaml.ScalarEvent):
            raise UnwritableError("a key is an alias")
        key = self._read_text()
        if "\n" not in key.raw:
            return key
        return replace(key, raw=json.dumps(key.value, ensure_ascii=False), style='"')

    def _read_foot(self, outer: int) -> Lines:
        """The comments after the last part that stand further in than what the group is in."""
        taken = 0
        for number, (column, line) in enumerate(self._lines):
            if line and column <= outer:
                break
            taken = number + 1 if line else taken
        foot = tuple(line for _, line in self._lines[:taken])
        del self._lines[:taken]
        return foot


def _dedent(raw: str, outer: int) -> str:
    """The lines of a block from where its text begins: the header says how far in, or the first line shows it."""
    header, *lines = raw.split("\n")
    said = _DIGIT.search(header)
    widths = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")]
    base = max(outer, 0) + int(said[0]) if said is not None else widths[0] if widths else MAX_COLUMN
    return "\n".join([header, *(line[base:] for line in lines)])


def _split_top(root: Part) -> tuple[Lines, Part]:
    """The comments at the top of a document, down to the last blank line, and the rest of it."""
    node, top = root.node, root.above
    if root.beside.comment and isinstance(node, Group) and not node.flow:
        top, root = (*top, root.beside.comment), replace(root, beside=NOTHING)
    if isinstance(node, Group) and node.parts:
        first = node.parts[0]
        said = (*top, *first.above)
        cut = max(
            (number + 1 for number, line in enumerate(said) if not line and any(said[:number])), default=len(said)
        )
        top, node = said[:cut], replace(node, parts=(replace(first, above=said[cut:]), *node.parts[1:]))
    return top, replace(root, above=(), node=node)
