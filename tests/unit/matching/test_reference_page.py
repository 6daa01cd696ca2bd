"""docs/conditions.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autoflow.errors import EvaluationError
from autoflow.matching.chains import resolve_operator
from autoflow.matching.codes import CODES
from autoflow.matching.operators import DECORATORS, OPERATORS, SYNONYMS
from autoflow.matching.tree import parse_condition

PAGE = (Path(__file__).parents[3] / "docs" / "conditions.md").read_text(encoding="utf-8")
WORDS = "[=!<>]=?|not|in|contains|starts|ends|matches|between|exists|is"
LINES = re.findall(rf"`(job\.[^`]+? (?:{WORDS})(?= |`)[^`]*)`", PAGE)


@pytest.mark.parametrize("name", [*OPERATORS, *DECORATORS, *CODES, EvaluationError.code])
def test_every_name_has_a_row(name: str) -> None:
    """Each operator, decorator and code is explained in a table."""
    assert re.search(rf"^\| `?{name}`?[ |]", PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", list(SYNONYMS))
def test_every_synonym_stands_beside_its_operator(name: str) -> None:
    """Each accepted spelling is listed in the row of the operator that it means."""
    (row,) = re.findall(rf"^\| `{resolve_operator(name).name}`.*$", PAGE, re.MULTILINE)
    assert f"`{name}`" in row


@pytest.mark.parametrize("line", LINES)
def test_every_line_on_the_page_is_one(line: str) -> None:
    """The page's one-line examples load."""
    assert parse_condition(line).errors == ()


def test_the_page_has_lines() -> None:
    """The examples are found at all."""
    assert len(LINES) > 10
