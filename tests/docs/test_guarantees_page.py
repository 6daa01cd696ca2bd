"""docs/guarantees.md names a test beside each sentence; here it is made sure that the test exists, on every page."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from crash.checker import INVARIANTS
from support.documents import PAGES, ROOT

PAGE = ROOT / "docs" / "guarantees.md"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
NAMED = sorted(
    {found for page in PAGES for found in re.findall(r"`(tests/[\w/.*]+?)(?:::(\w+))?`", page.read_text())}
)


def read_tests(path: Path) -> set[str]:
    """The tests of a file."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, FUNCTIONS)]
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize(("path", "test"), NAMED)
def test_a_named_test_exists(path: str, test: str) -> None:
    """A sentence whose test was renamed or removed is held by nothing, and so is one whose file holds none."""
    found = [ROOT / path] if "*" not in path else list(ROOT.glob(path))
    assert found
    for one in found:
        assert one.exists()
        if test or one.name.startswith("test_"):
            assert {test} <= read_tests(one) if test else read_tests(one)


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
