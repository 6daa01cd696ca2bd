"""Tests that fail, as data: what is told of each failure stays as it was read and approved.

Run with AUTOFLOW_WRITE_EXPECTED=1 to write them anew, and read the difference before it is committed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from autoflow.cli.scenario_reports import Report
from support.scenarios import play_files, settings_in

HERE = Path(__file__).parent
FILES = sorted((HERE / "files").glob("*.test.yaml"))


def tell(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[bool, str]:
    """Whether all is well, and what is told, without what differs from run to run."""
    monkeypatch.chdir(path.parent)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    files = [Path(path.name)]
    report = Report(form="text", output=None, verbose=False)
    play_files(files, settings_in(path.parent), report=report)
    report.end()
    return report.is_well, re.sub(r" in \d+\.\d\d s$", " in ... s", capsys.readouterr().out, flags=re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.partition(".")[0])
def test_a_failure_says_what_was_expected_what_is_there_and_why(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The difference, the conditions that decided, and the places of test, expectation and rule."""
    is_well, shown = tell(path, monkeypatch, capsys)
    expected = HERE / "expected" / f"{path.name.partition('.')[0]}.txt"
    if os.environ.get("AUTOFLOW_WRITE_EXPECTED"):
        expected.write_text(shown, encoding="utf-8")
    assert not is_well
    assert shown == expected.read_text(encoding="utf-8")


def test_there_are_no_leftovers() -> None:
    """Every approved text belongs to a file."""
    assert {path.stem for path in (HERE / "expected").iterdir()} == {path.name.partition(".")[0] for path in FILES}
