"""Rows in columns: cut to fit on a terminal, never cut elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import combining, east_asian_width

from autoflow.cli.output import paint, printable, tell, terminal_width

GAP = 2
STATUS_STYLES: Mapping[str, str] = {
    "done": "green",
    "delivered": "green",
    "running": "cyan",
    "failed": "red",
    "rejected": "red",
    "dead": "red",
    "cancelled": "yellow",
    "retry": "yellow",
    "shadow": "yellow",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    title: str
    show: Callable[[Mapping[str, Any]], Any]
    #: what a terminal shows instead, where the full text is for other programs
    brief: Callable[[Mapping[str, Any]], Any] | None = None
    #: characters that it keeps where the terminal is narrow; None: it is never cut
    least: int | None = None
    #: goes first where the terminal is narrow
    optional: bool = False


def print_table(columns: Sequence[Column], items: Sequence[Mapping[str, Any]], *, empty: str) -> None:
    """The items on standard output; `empty` on standard error where there are none."""
    if not items:
        tell(empty)
        return
    width = terminal_width()
    if width is not None:
        columns = [column for column in columns if any(_text(column, item, brief=True) for item in items)]
    rows = [[_text(column, item, brief=width is not None) for column in columns] for item in items]
    lines = [[column.title for column in columns], *rows]
    widths = [max(text_width(line[n]) for line in lines) for n in range(len(columns))]
    kept, widths = fit(columns, widths, width)
    head = _line(lines[0], kept, widths)
    sys.stdout.write(paint(head, "bold") + "\n" + "─" * text_width(head.ljust(sum(widths) + GAP * len(kept) - GAP)))
    for line in rows:
        sys.stdout.write("\n" + _line(line, kept, widths, styled=True))
    sys.stdout.write("\n")


def fit(columns: Sequence[Column], widths: Sequence[int], width: int | None) -> tuple[list[int], list[int]]:
    """Which columns are shown, and how wide: cut first, then without the optional ones, the last of them first."""
    kept = list(range(len(columns)))
    while True:
        shown = [widths[n] for n in kept]
        if width is None or _total(shown) <= width:
            return kept, shown
        least = [min(w, columns[n].least or w) for n, w in zip(kept, shown, strict=True)]
        optional = [n for n in kept if columns[n].optional]
        if _total(least) <= width or not optional:
            return kept, _shrink(shown, least, width)
        kept.remove(optional[-1])


def text_width(text: str) -> int:
    """How many places a text takes on a terminal."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _shrink(shown: list[int], least: Sequence[int], width: int) -> list[int]:
    """Take from the widest column that can give, until all fit or none can."""
    shown = list(shown)
    while _total(shown) > width:
        giving = [n for n, wide in enumerate(shown) if wide > least[n]]
        if not giving:
            break
        widest = max(giving, key=lambda n: shown[n])
        shown[widest] -= 1
    return shown


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _line(cells: Sequence[str], kept: Sequence[int], widths: Sequence[int], *, styled: bool = False) -> str:
    parts = []
    for n, wide in zip(kept, widths, strict=True):
        cell = _cut(cells[n], wide)
        pad = " " * (wide - text_width(cell))
        parts.append((paint(cell, STATUS_STYLES.get(cell, "")) if styled else cell) + pad)
    return (" " * GAP).join(parts).rstrip()


def _cut(text: str, wide: int) -> str:
    if text_width(text) <= wide:
        return text
    while text and text_width(text) >= wide:
        text = text[:-1]
    return text + "…"


def _text(column: Column, item: Mapping[str, Any], *, brief: bool) -> str:
    show = column.brief if brief and column.brief is not None else column.show
    value = show(item)
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
