"""The short way: values straight from the reader's events, for texts that hold nothing special.

A tree with the places is made only where somebody asks for one: most documents have no problem. What holds a tag, an
alias or a mistake goes the long way, through `tree`, and is explained there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import yaml

from autoflow.model.json import Json
from autoflow.strict_yaml.loader import FastLoader, StrictLoader
from autoflow.strict_yaml.places import Pointer, YamlDocument
from autoflow.strict_yaml.scalars import SCALARS, STR, TEXT_STARTS, tag_of_plain

MOST_CHARACTERS = 200_000
PLAIN_DEPTH = 32
PLAIN_DIGITS = 300
"""What is longer or deeper is read with care."""


class _NotPlainError(Exception):
    """Something in a text wants a closer look: a tag, an alias, a mistake."""


def read_plainly(text: str, path: str) -> tuple[YamlDocument, ...] | None:
    """The documents of a text in one pass, without a tree; None where it holds more than plain values."""
    if len(text) > MOST_CHARACTERS:
        return None
    documents: list[YamlDocument] = []
    loader = None
    try:
        loader = FastLoader(text)
        next_event = loader.get_event
        next_event()
        while isinstance(next_event(), yaml.DocumentStartEvent):
            reader, first = _PlainReader(next_event), next_event()
            reader.lines[()] = first.start_mark.line + 1
            value = reader.read(first, ())
            make_node = partial(_compose_one, text, len(documents))
            document = YamlDocument(path=path, value=value, problems=(), lines=reader.lines, make_node=make_node)
            documents.append(document)
            next_event()
    except (_NotPlainError, yaml.YAMLError, UnicodeEncodeError):
        return None
    finally:
        if loader is not None:
            loader.dispose()
    return tuple(documents)


def _compose_one(text: str, index: int) -> yaml.Node:
    return _compose(text)[index]


@lru_cache(maxsize=2)
def _compose(text: str) -> list[yaml.Node]:
    """The trees of a plain text, for who asks where something stands."""
    return list(yaml.compose_all(text, StrictLoader))


class _PlainReader:
    """Values from the events of one document."""

    def __init__(self, next_event: Callable[[], Any]) -> None:
        self._next = next_event
        self.lines: dict[Pointer, int] = {}

    def read(self, event: Any, at: Pointer) -> Json:
        """The value that begins with an event."""
        if type(event) is yaml.ScalarEvent:
            return _read_scalar(event)
        if (
            event.anchor is not None
            or len(at) > PLAIN_DEPTH
            or type(event) is yaml.AliasEvent
            or event.tag is not None
        ):
            raise _NotPlainError
        return self._read_map(at) if type(event) is yaml.MappingStartEvent else self._read_list(at)

    def _read_map(self, at: Pointer) -> dict[str, Json]:
        value: dict[str, Json] = {}
        while type(event := self._next()) is yaml.ScalarEvent:
            key = _read_scalar(event)
            if type(key) is not str or key in value:
                raise _NotPlainError
            value[key] = self.read(self._next(), (*at, key))
        if type(event) is not yaml.MappingEndEvent:
            raise _NotPlainError
        return value

    def _read_list(self, at: Pointer) -> list[Json]:
        value: list[Json] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            if len(at) == 1:
                self.lines[*at, len(value)] = event.start_mark.line + 1
            value.append(self.read(event, (*at, len(value))))
        return value


def _read_scalar(event: Any) -> Json:
    if event.tag is not None or event.anchor is not None:
        raise _NotPlainError
    text: str = event.value
    if not event.implicit[0] or text[:1] in TEXT_STARTS or (tag := tag_of_plain(text)) is STR:
        return text
    value = SCALARS[tag](text) if len(text) <= PLAIN_DIGITS else math.inf
    if isinstance(value, float) and not math.isfinite(value):
        raise _NotPlainError
    return value
