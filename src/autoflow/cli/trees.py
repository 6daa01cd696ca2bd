"""Conditions for people: each comparison as a rule file writes it, with what was found, and what decided.

From the JSON of an answer, so that `test-rule` and `why` look alike, with and without a daemon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoflow.cli.output import paint, printable, terminal_width
from autoflow.cli.table import text_width
from autoflow.matching.wording import LONGEST, show_value, write_leaf
from autoflow.model.condition import Leaf, Reference
from autoflow.model.json import Json

MARKS: Mapping[bool | None, tuple[str, str]] = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "dim")}
DECIDED = "← decided"
_KINDS = ("all", "any", "not")


def tree_lines(tree: Mapping[str, Any], *, depth: int = 2) -> list[str]:
    """A condition's lines; where it is a single comparison, that one decided and it is not said."""
    return _lines(tree, depth, marks_decided=_kind_of(tree) is not None)


def change_lines(item: Mapping[str, Any], *, depth: int = 1) -> list[str]:
    """What would have had to differ; nothing where there is nothing."""
    changes = item["changes"]
    if not changes:
        return []
    title = "it would act if" if item["changes_suffice"] else "it would need at least"
    indent = "  " * depth
    return [f"{indent}{title}", *(f"{indent}  {printable(change['text'])}" for change in changes)]


def _lines(node: Mapping[str, Any], depth: int, *, marks_decided: bool) -> list[str]:
    mark, style = MARKS[node["result"]]
    start = f"{'  ' * depth}{paint(mark, style)} "
    kind = _kind_of(node)
    if kind is None:
        return _leaf_lines(node, start, "  " * depth, marks_decided=marks_decided)
    parts: Sequence[Mapping[str, Any]] = [node["not"]] if kind == "not" else node[kind]
    name = f" {printable(node['name'])}" if node.get("name") else ""
    below = [line for part in parts for line in _lines(part, depth + 1, marks_decided=marks_decided)]
    return [f"{start}{kind}{paint(name, 'dim')}", *below]


def _kind_of(node: Mapping[str, Any]) -> str | None:
    return next((kind for kind in _KINDS if kind in node), None)


def _leaf_lines(node: Mapping[str, Any], start: str, indent: str, *, marks_decided: bool) -> list[str]:
    """On one line, or on two where a terminal is too narrow for it."""
    written, found = printable(_comparison(node)), _found(node)
    decided = f"  {DECIDED}" if marks_decided and node.get("decided") else ""
    width = terminal_width()
    plain = f"{indent}x {written}  {_plain_found(node)}{decided}"
    if width is not None and text_width(plain) > width:
        return [f"{start}{written}{paint(decided, 'yellow')}", f"{indent}    {found}"]
    return [f"{start}{written}  {found}{paint(decided, 'yellow')}"]


def _comparison(node: Mapping[str, Any]) -> str:
    """As a rule file writes it; what a reference on the right led to stands behind it."""
    leaf = Leaf(left=_reference(node), operator=node["operator"], value=_right(node["value"]))
    line = write_leaf(leaf, longest=LONGEST)
    return f"{line} ({show_value(node['expected'])})" if "expected" in node else line


def _right(value: Json) -> Json | Reference:
    if isinstance(value, dict) and "fact" in value:
        return _reference(value)
    return value["literal"] if isinstance(value, dict) and set(value) == {"literal"} else value


def _reference(value: Mapping[str, Any]) -> Reference:
    path = value.get("path")
    return Reference(fact=value["fact"], path=None if path == "$" else path)


def _found(node: Mapping[str, Any]) -> str:
    if "actual" not in node:
        return paint("not evaluated", "dim")
    return f"{paint('is', 'dim')} {_actual(node)}"


def _plain_found(node: Mapping[str, Any]) -> str:
    return "not evaluated" if "actual" not in node else f"is {_actual(node)}"


def _actual(node: Mapping[str, Any]) -> str:
    return printable("missing" if node.get("found") is False else show_value(node["actual"]))
