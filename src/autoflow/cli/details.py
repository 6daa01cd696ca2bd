"""One thing in full, for people: its fields, then its parts indented under their names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from autoflow.cli.output import console

HIDDEN = frozenset({"schema_version", "seq"})
STATUS_COLOURS = {"done": "green", "delivered": "green", "failed": "red", "rejected": "red", "dead": "red"}


def print_detail(item: Mapping[str, Any]) -> None:
    """The thing on standard output; what is empty is left out."""
    out = console()
    for line in _lines(item, depth=0):
        out.print(line)


def _lines(item: Mapping[str, Any], *, depth: int) -> list[str]:
    indent = "  " * depth
    shown = {name: value for name, value in item.items() if name not in HIDDEN and value not in (None, [], {})}
    width = max((len(name) for name in shown), default=0)
    lines: list[str] = []
    for name, value in shown.items():
        label = f"{indent}[dim]{escape(name):<{width}}[/]  "
        if isinstance(value, Mapping):
            lines += [f"{indent}[dim]{escape(name)}[/]", *_lines(value, depth=depth + 1)]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines.append(f"{indent}[dim]{escape(name)}[/]")
            for number, part in enumerate(value):
                lines += [f"{indent}  [dim]-[/]"] if number else []
                lines += _lines(part, depth=depth + 1)
        else:
            lines.append(label + _text(name, value))
    return lines


def _text(name: str, value: Any) -> str:
    text = escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    colour = STATUS_COLOURS.get(value) if name in ("status", "result") and isinstance(value, str) else None
    return f"[{colour}]{text}[/]" if colour else text
