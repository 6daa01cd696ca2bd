"""Many rows in few statements: the store's thread gives the interpreter away with each, and a busy loop keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, count
from typing import Any

PREPARED = 1024
"""Statements that are kept prepared: each number of rows of each that is run for many, and the others."""

_EXACT = 32
"""Up to so many rows go in one statement, whatever their number."""
_LARGE = (512, 256, 128, 64)

_VALUES = re.compile(r"VALUES\s*\(([^)]*)\)")
_NAME = re.compile(r":(\w+)")


def statements_for(
    query: str, rows: Sequence[Sequence[Any]], same: Mapping[str, Any]
) -> Iterator[tuple[str, list[Any]]]:
    """A one-row INSERT written for all these rows, with its values. Those in `same` are not in the rows."""
    names, shared = tuple(same), tuple(same.values())
    begin = 0
    for size in _sizes_of(len(rows)):
        yield _for_rows(query, size, names), [*shared, *chain.from_iterable(rows[begin : begin + size])]
        begin += size


def _sizes_of(number: int) -> Iterator[int]:
    for size in _LARGE:
        while number >= size:
            yield size
            number -= size
    while number > 0:
        yield min(number, _EXACT)
        number -= _EXACT


@lru_cache(maxsize=PREPARED)
def _for_rows(query: str, rows: int, same: tuple[str, ...]) -> str:
    """The statement for this many rows; its values by number, those that are the same for all of them first."""
    match = _VALUES.search(query)
    if match is None:
        raise ValueError(f"this does not insert one row of values: {query}")
    shared = {name: number for number, name in enumerate(same, start=1)}
    names = _NAME.findall(match[1])
    numbers = count(len(same) + 1)
    texts = ["(" + ", ".join([f"?{shared.get(name) or next(numbers)}" for name in names]) + ")" for _ in range(rows)]
    return query[: match.start()] + "VALUES " + ", ".join(texts) + query[match.end() :]
