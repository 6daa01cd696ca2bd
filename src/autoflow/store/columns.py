"""Rows out of columns; what many of them have in common only once, because each value takes its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MANY = 16
"""Rows from which on it is asked what they have in common: each answer is a statement to keep prepared."""


def share_columns(
    columns: Mapping[str, Sequence[Any]], alike: Sequence[str]
) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """The rows of these columns, and by name the values that all of them have, which are left out of the rows.

    `alike` are the columns that are worth a look: only texts and whole numbers, because equal values become one.
    """
    left, same = dict(columns), {}
    rows = len(next(iter(columns.values())))
    for name in alike if rows >= MANY else ():
        values = left[name]
        if values.count(values[0]) == rows:
            same[name] = values[0]
            del left[name]
    return list(zip(*left.values(), strict=True)), same
