"""Many rows as one value of a statement, and many rows of a result as one.

The interpreter is given away and taken back at each step of a statement, and a busy event loop keeps it for a while.
A statement that unpacks its rows itself, and packs its results, works beside the loop for all that is between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from autoflow.model.json import Json, plain_json

MOST_BRACKETS = 500
"""A text with no more is never deeper than a database reads: 1,000 levels, or 2,000 in older ones."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def write_rows(rows: Sequence[Sequence[Any]]) -> str:
    """Rows as a JSON array of arrays. Their texts hold no NUL, at which a database may end them."""
    return _encode(rows).decode()


def write_numbers(numbers: Iterable[int]) -> str:
    """Numbers as a JSON array."""
    return _encode(list(numbers)).decode()


def write_texts(texts: Iterable[str]) -> str:
    """Texts, as in rows, as a JSON array."""
    return _encode(list(texts)).decode()


def read_rows(text: str) -> Any:
    """What a statement has packed into one JSON text."""
    return _decode(text)


def nest(value: Json) -> msgspec.Raw | str:
    """A value that is kept as JSON text: it stands in a row as it is, and is not written as text in a text.

    But where it may be deep: it would be refused with all its rows, and a text is not looked into.
    """
    text = _write(value)
    return msgspec.Raw(text) if text.count(b"[") + text.count(b"{") < MOST_BRACKETS else text.decode()


def write_json(value: Json) -> str:
    """A value as JSON text."""
    return _write(value).decode()


def _write(value: Json) -> bytes:
    try:
        return _encode(value)
    except (OverflowError, TypeError):  # a number that this encoder has no room for, a map that is not a dict
        return plain_json(value).encode()
