"""Statements have names in `queries.sql`: each name is asked for somewhere, and each that is asked for is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src" / "autoflow"
NAMED = {
    name
    for path in (SOURCES / "store").glob("*/queries.sql")
    for name in re.findall(r"^-- (\w+) --$", path.read_text(encoding="utf-8"), re.MULTILINE)
}
ASKING = {"row", "rows", "run", "insert_many"}
"""The methods of a transaction and a view: what they are called with first is a name."""


def texts(node: ast.expr) -> Iterator[str]:
    """The text that this is, or each of the texts that it may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def asked_for() -> dict[str, str]:
    """Every name that is asked for, and a place that does."""
    found = {}
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKING:
                names = [name for first in node.args[:1] for name in texts(first)]
            elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "QUERIES":
                names = list(texts(node.slice))
            else:
                continue
            found.update(dict.fromkeys(names, f"{path.relative_to(SOURCES)}:{node.lineno}"))
    return found


def test_every_query_that_is_asked_for_exists() -> None:
    """A name that was changed in one place alone would fail only once that place is reached."""
    assert {name: place for name, place in asked_for().items() if name not in NAMED} == {}


def test_every_query_is_asked_for() -> None:
    """One that nothing runs is read, kept up and migrated for nobody."""
    assert len(NAMED) > 50
    assert sorted(NAMED - set(asked_for())) == []
