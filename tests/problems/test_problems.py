"""Bad rule files as data: each gives one clear message with its place, and stays so.

A changed message is a changed file under expected/. Run with AUTOFLOW_WRITE_EXPECTED=1 to write them anew, and read
the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autoflow.matching.codes import CODES
from autoflow.rules.codes import MEANINGS
from autoflow.rules.loader import LoadResult, load_files, load_text
from autoflow.rules.report import render_problem
from support.reviewing import CONTEXT, EVENTS, with_review

HERE = Path(__file__).parent
FILES = sorted([*(HERE / "files").iterdir(), *(HERE / "catalogued").iterdir()])
MANY = sorted((HERE / "many").iterdir())
EXPECTED = HERE / "expected"
YAML_CODES = {"AF101", "AF103", "AF105"}


def shows_a_line(path: Path) -> bool:
    expected = EXPECTED / f"{path.stem}.txt"
    text = expected.read_text(encoding="utf-8") if expected.exists() else ""
    return "hint: write " in text and any(code in text for code in YAML_CODES)


@pytest.fixture(autouse=True)
def _in_files(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    path = request.node.callspec.params.get("path") if hasattr(request.node, "callspec") else None
    monkeypatch.chdir(HERE if path is None else path.parent)


def load(path: Path) -> LoadResult:
    """What is said of a file; of those below catalogued/ with a catalogue of events."""
    events = EVENTS if path.parent.name == "catalogued" else {}
    return with_review(load_files([path], CONTEXT, root=None), events=events)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bad_file_gives_one_message_with_its_place(path: Path) -> None:
    """The message, the line with the mistake marked, and the hint are as they were read and approved."""
    result = load(path)
    compare_with_approved(path, result)
    assert len(result.problems) == 1


@pytest.mark.parametrize("path", MANY, ids=lambda path: path.stem)
def test_every_fault_of_a_file_is_told_at_once(path: Path) -> None:
    """However many there are, and whatever is wrong beside them: each with its place, in the order of the file."""
    result = load(path)
    compare_with_approved(path, result)
    assert len(result.problems) > 1
    assert [(p.line, p.column) for p in result.problems] == sorted((p.line, p.column) for p in result.problems)


def compare_with_approved(path: Path, result: LoadResult) -> None:
    shown = "\n".join(render_problem(problem, path.read_text(encoding="utf-8")) for problem in result.problems)
    expected = EXPECTED / f"{path.stem}.txt"
    if os.environ.get("AUTOFLOW_WRITE_EXPECTED"):
        expected.write_text(shown + "\n", encoding="utf-8")
    assert shown + "\n" == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_errors_keep_a_rule_from_being_used(path: Path) -> None:
    """A file with an error gives no rule, a file with a warning does."""
    result = load(path)
    assert bool(result.rules) is not bool(result.errors)


@pytest.mark.parametrize("path", [*FILES, *MANY], ids=lambda path: path.stem)
def test_every_code_has_a_meaning(path: Path) -> None:
    """A code that is printed can be looked up."""
    known = {*MEANINGS, *CODES, "AF300"}
    assert {problem.code for problem in load(path).problems} <= known


@pytest.mark.parametrize("path", [path for path in FILES if shows_a_line(path)], ids=lambda path: path.stem)
def test_a_fixed_line_that_is_shown_is_right(path: Path) -> None:
    """Where a hint gives the line as it should be written, writing it so removes the YAML problem."""
    problem = load(path).problems[0]
    fixed = (problem.hint or "").removeprefix("write ")
    lines = path.read_text(encoding="utf-8").splitlines()
    broken = lines[problem.line - 1]
    lines[problem.line - 1] = broken[: broken.index(fixed.split(":")[0])] + fixed
    again = load_text("\n".join(lines), path.name, CONTEXT)
    assert not [other for other in again.problems if other.code in YAML_CODES]


def test_there_are_no_leftovers() -> None:
    """Every approved message belongs to a file."""
    assert {path.stem for path in EXPECTED.iterdir()} == {path.stem for path in (*FILES, *MANY)}
