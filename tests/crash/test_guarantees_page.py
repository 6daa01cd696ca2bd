"""docs/guarantees.md names a test beside each sentence; here it is made sure that the test exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from crash.checker import INVARIANTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guarantees.md"
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+?)(?:::(\w+))?`", PAGE.read_text())))


@pytest.mark.parametrize(("path", "test"), NAMED)
def test_a_named_test_exists(path: str, test: str) -> None:
    """A sentence whose test was renamed or removed is held by nothing."""
    found = ROOT / path
    assert found.exists()
    if test:
        tree = ast.parse(found.read_text())
        functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert test in functions


def test_every_row_says_what_holds_it() -> None:
    """A test, an invariant, or plainly that there is none."""
    rows = [line for line in PAGE.read_text().partition("## The crash loop")[0].splitlines() if line.startswith("| ")]
    sentences = [row.strip("| ").split(" | ") for row in rows if "held by" not in row]
    assert len(sentences) > 20
    bare = [cells for cells in sentences if not re.search(r"`tests/|\bI[1-9]\b|not tested here", cells[-1])]
    assert bare == []


def test_the_page_lists_the_invariants_that_are_checked() -> None:
    """All of them, and no other."""
    listed = re.findall(r"^\| (I\d) \|", PAGE.read_text(), flags=re.MULTILINE)
    assert listed == list(INVARIANTS)
