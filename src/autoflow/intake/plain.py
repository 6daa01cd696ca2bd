"""The short way of the decoder: an event in its plain form, read by one pass of the JSON reader.

Most events have the plain names, good values and nothing else. For any other, and for every mistake, the answer is
None: then the envelope is read name by name, which knows all spellings and tells what is wrong and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from autoflow.intake.envelope import LONGEST_WORD, judge_type
from autoflow.model.json import Json, is_deeper

KNOWN_TYPES = 4_096
"""Event types that are remembered as good."""


class PlainEvent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """An event as it was sent; None stands for what was left out and for null."""

    type: str
    id: str | None = None
    source: str | None = None
    account: str | None = None
    subject: str | None = None
    time: str | None = None
    data: Json = None


NOT_PLAIN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the reader raises where a text is no JSON, or its event is not plain."""

_read_one = msgspec.json.Decoder(PlainEvent).decode
_read_array = msgspec.json.Decoder(list[PlainEvent]).decode


def read_plain(text: bytes, *, depth: int) -> PlainEvent | None:
    """The event of a JSON object."""
    try:
        one = _read_one(text)
    except NOT_PLAIN:
        return None
    if not _is_good(one) or (_has_brackets(text, depth) and is_deeper(one.data, depth - 1)):
        return None
    return one


def read_plain_array(text: bytes, *, depth: int, most: int) -> Sequence[PlainEvent] | None:
    """The events of a JSON array."""
    try:
        found = _read_array(text)
    except NOT_PLAIN:
        return None
    if len(found) > most or not all(map(_is_good, found)):
        return None
    if _has_brackets(text, depth) and any(is_deeper(one.data, depth - 1) for one in found):
        return None
    return found


def read_plain_lines(text: bytes, *, depth: int, most: int) -> Sequence[PlainEvent] | None:
    """The events of JSON lines."""
    lines = [line for line in text.split(b"\n") if line]
    if len(lines) > most:
        return None
    try:
        found = [_read_one(line) for line in lines]
    except NOT_PLAIN:
        return None
    for one, line in zip(found, lines, strict=True):
        if not _is_good(one) or (_has_brackets(line, depth) and is_deeper(one.data, depth - 1)):
            return None
    return found


def _has_brackets(text: bytes, depth: int) -> bool:
    """Only a text with that many brackets can be deeper."""
    return text.count(b"{") + text.count(b"[") > depth


def _is_good(one: PlainEvent) -> bool:
    return (
        _is_type(one.type)
        and (one.id is None or _is_word(one.id))
        and (one.source is None or _is_word(one.source))
        and (one.account is None or _is_word(one.account))
        and (one.subject is None or _is_word(one.subject))
    )


def _is_word(text: str) -> bool:
    """What can be printed has no control character; some good words cannot be printed, and take the long way."""
    return text.isprintable() and 0 < len(text) <= LONGEST_WORD


@lru_cache(maxsize=KNOWN_TYPES)
def _is_type(text: str) -> bool:
    return judge_type(text) is None
