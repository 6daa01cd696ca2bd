"""How commands talk: data on standard output, messages on standard error, colour where it is wanted."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from autoflow.errors import AutoflowError

if TYPE_CHECKING:
    from rich.console import Console


def wants_colour(stream: IO[str]) -> bool:
    """NO_COLOR, then FORCE_COLOR or CLICOLOR_FORCE, then a dumb terminal, then whether it is one."""
    if os.environ.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if os.environ.get(name, "0") not in ("", "0"):
            return True
    if os.environ.get("TERM") == "dumb" or os.environ.get("CLICOLOR") == "0":
        return False
    return stream.isatty()


def console(stream: IO[str] | None = None) -> Console:
    """A console on standard output, or on the stream given; wide, and never cutting, where nobody looks."""
    from rich.console import Console

    stream = stream or sys.stdout
    colour = wants_colour(stream)
    width = None if stream.isatty() else int(os.environ.get("COLUMNS", "400"))
    return Console(
        file=stream, no_color=not colour, force_terminal=colour or None, width=width, highlight=False, soft_wrap=True
    )


def print_json(value: Any) -> None:
    """One JSON value on standard output; indented for people on a terminal."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")


def print_line(value: Any) -> None:
    """One JSON value a line, for what streams."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
    """A table on a terminal; the same words, plain, elsewhere. `empty` is said on standard error."""
    from rich import box
    from rich.table import Table

    if not rows:
        tell(empty)
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("id", "due", "status"))
    for row in rows:
        table.add_row(*("" if cell is None else _plain(cell) for cell in row))
    console().print(table)


def print_fields(fields: Mapping[str, Any]) -> None:
    """One thing, a line a field."""
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        if value is None or value == []:
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        sys.stdout.write(f"{name:<{width}}  {text}\n")


def tell(text: str) -> None:
    """A message for people, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def report_error(error: AutoflowError) -> None:
    """What is wrong, where, and what to do next."""
    problems = getattr(error, "problems", ())
    err = console(sys.stderr)
    err.print(f"[bold red]error[/] {error.code}: {_escape(error.message)}")
    for problem in problems[:20]:
        text = str(problem) if not isinstance(problem, tuple) else ": ".join(problem)
        hint = getattr(problem, "hint", None)
        err.print(f"  {_escape(text)}" + (f" ({_escape(hint)})" if hint else ""))
    if len(problems) > 20:
        err.print(f"  and {len(problems) - 20} more")
    if error.hint:
        err.print(f"  {_escape(error.hint)}")


def short_time(text: str | None) -> str:
    """An RFC 3339 time without its milliseconds."""
    return "" if text is None else text[:19].replace("T", " ") + "Z"


def in_words(millis: int) -> str:
    """How long that is, in its two largest units: `in 4m 59s`, `2h 5m ago`, `now`."""
    if abs(millis) < 1000:
        return "now"
    seconds = abs(millis) // 1000
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    text = " ".join(parts[:2])
    return f"in {text}" if millis > 0 else f"{text} ago"


def _plain(cell: Any) -> str:
    return _escape(cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False))


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
