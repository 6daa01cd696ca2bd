"""One thing in full, for people: its fields, then its parts indented under their names."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from autoflow.cli.output import from_now, paint, printable
from autoflow.cli.table import STATUS_STYLES

HIDDEN = frozenset({"schema_version", "seq"})
TIMES = frozenset({"due_at"})
"""Moments that are told in words as well."""


def print_detail(item: Mapping[str, Any], *, first: bool = True) -> None:
    """The thing on standard output; what is empty is left out. Several are set apart by an empty line."""
    if isinstance(item.get("document"), Mapping):
        item = {**item, "document": _spoken(item["document"])}
    lines = _lines(item, depth=0)
    sys.stdout.write("\n".join([*([] if first else [""]), *lines]) + "\n")


def _spoken(document: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with its conditions as lines, as they are mostly written: a tree of keys is hard to read."""
    told = dict(document)
    if "when" in told:
        told["when"] = "\n".join(_condition_lines(told["when"], is_whole=True))
    for key in ("trigger", "cancel_on"):
        value = told.get(key)
        if isinstance(value, Mapping):
            told[key] = _spoken(value)
        elif isinstance(value, list):
            told[key] = [_spoken(one) for one in value]
    return told


def _condition_lines(tree: Any, *, is_whole: bool = False) -> list[str]:
    """A comparison as a line; a choice with its parts below it. What must all hold needs no heading at the top."""
    from autoflow.matching.tree import parse_condition
    from autoflow.matching.wording import write_leaf
    from autoflow.model.condition import Leaf

    if not isinstance(tree, Mapping):
        return [str(tree)]
    if "fact" in tree:
        leaf = parse_condition(tree).condition
        return [write_leaf(leaf)] if isinstance(leaf, Leaf) else [json.dumps(tree, ensure_ascii=False)]
    for kind in ("all", "any", "not"):
        if kind in tree:
            parts = tree[kind] if isinstance(tree[kind], list) else [tree[kind]]
            inner = [line for part in parts for line in _condition_lines(part)]
            return inner if is_whole and kind == "all" else [kind, *(f"  {line}" for line in inner)]
    return [f"condition {tree['condition']}" if "condition" in tree else json.dumps(tree, ensure_ascii=False)]


def _lines(item: Mapping[str, Any], *, depth: int) -> list[str]:
    indent = "  " * depth
    shown = {name: value for name, value in item.items() if name not in HIDDEN and value not in (None, [], {})}
    width = max((len(name) for name, value in shown.items() if not _is_nested(value)), default=0)
    lines: list[str] = []
    for name, value in shown.items():
        label = paint(printable(name), "dim")
        if not _is_nested(value):
            pad = " " * (width - len(name))
            lines += _field(f"{indent}{label}{pad}  ", len(indent) + width + 2, name, value)
            continue
        lines.append(f"{indent}{label}")
        if isinstance(value, Mapping):
            lines += _lines(value, depth=depth + 1)
        else:
            lines += _listed(value, depth=depth + 1)
    return lines


def _listed(parts: Sequence[Mapping[str, Any]], *, depth: int) -> list[str]:
    """Several things, with a dash between them."""
    lines: list[str] = []
    for number, part in enumerate(parts):
        if number:
            lines.append("  " * depth + paint("-", "dim"))
        lines += _lines(part, depth=depth)
    return lines


def _field(label: str, width: int, name: str, value: Any) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    style = STATUS_STYLES.get(text, "") if name in ("status", "result") else ""
    if name in TIMES:
        text = f"{text} ({from_now(text)})"
    first, *more = [printable(line) for line in text.splitlines()] or [""]
    return [label + paint(first, style), *(" " * width + line for line in more)]


def _is_nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and bool(value) and all(isinstance(part, Mapping) for part in value)
