"""The plain case of a template: text with `{{ job.number }}` in it, no filter, no block. It needs no engine.

Whatever is not plain, in the template or in what is inserted, is left to the engine, which also words every error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from autoflow.model.json import Json
from autoflow.templates.facts import FrozenFacts

Piece = str | tuple[str, ...]
"""Text as it stands, or the path of a value."""

_INSERT = re.compile(r"\{\{ *([A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*) *\}\}", re.ASCII)
_WORDS = frozenset({"true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else"})
"""Names that the engine reads as something else than a fact."""
_LARGEST = 1 << 53

OUTPUT_CAP = 256 * 1024
"""Bytes that one template may make, plain or not."""


@lru_cache(maxsize=256)
def split_plain(source: str) -> tuple[Piece, ...] | None:
    """The pieces of a plain template; None where the engine is needed."""
    pieces: list[Piece] = []
    end = 0
    for match in _INSERT.finditer(source):
        pieces += [source[end : match.start()], tuple(match[1].split("."))]
        end = match.end()
    pieces.append(source[end:])
    texts, paths = pieces[0::2], pieces[1::2]
    if not paths or any("{" in text or "\r" in text for text in texts) or any(path[0] in _WORDS for path in paths):
        return None
    if not source.isascii() and not _is_writable(source):  # the engine says what is wrong with it
        return None
    return tuple(piece for piece in pieces if piece)


def is_plain_template(source: str) -> bool:
    """Whether a text takes no engine, as far as it can be known before there are values."""
    return "{" not in source or split_plain(source) is not None


def names_of(pieces: Sequence[Piece]) -> frozenset[str]:
    """The names that a plain template takes from the facts."""
    return frozenset(piece[0] for piece in pieces if type(piece) is not str)


def insert_values(pieces: Sequence[Piece], facts: Mapping[str, Json], insert: Callable[[Any], str]) -> str | None:
    """The text with its values inserted; None where one of them is missing or not plain."""
    plain = facts.plain if type(facts) is FrozenFacts else facts
    parts = []
    for piece in pieces:
        if type(piece) is str:
            parts.append(piece)
            continue
        value: Any = plain
        for name in piece:
            try:
                value = value[name]
            except (KeyError, TypeError, IndexError):
                return None
        if not _is_plain(value):
            return None
        parts.append(insert(value))
    return "".join(parts)


def _is_plain(value: Json) -> bool:
    """Whether a value means the same to the engine; numbers that it would have to round do not."""
    kind = type(value)
    if kind is str:
        return value.isascii() or _is_writable(value)
    if kind is int or kind is float:
        return bool(-_LARGEST <= value <= _LARGEST)
    return value is None or kind is bool


def _is_writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
