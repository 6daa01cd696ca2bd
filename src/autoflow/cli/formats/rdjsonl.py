"""JSON lines for reviewdog: columns count bytes of UTF-8, and a hint that says what to write can be taken over."""

from __future__ import annotations

import json
import re
from typing import Any

from autoflow.cli.formats.report import Report
from autoflow.cli.formats.sarif import address_of
from autoflow.model.problem import Problem, Severity

_SEVERITIES = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.NOTE: "INFO"}
_NEAR = re.compile(r"did you mean ([\w.$:* -]+)\?")
_WORD = re.compile(r"([\"']?)[\w.$:*-]+\1")
_ENTRY = re.compile(r"write (?P<key>[\w.$-]+): .*")
_SURE = frozenset({"AF101", "AF103", "AF105", "AF113", "AF133"})
"""Codes whose `write key: value` is the line as it should be; with others it is an example."""
_CONDITIONS = frozenset({"when", "conditions"})
"""Keys whose right value cannot be known: the hint shows what one looks like."""


def write_rdjsonl(report: Report, *, home: str | None = None) -> str:
    """One finding a line."""
    return "".join(
        json.dumps(_diagnostic(report, problem, home), ensure_ascii=False) + "\n" for problem in report.problems
    )


def _diagnostic(report: Report, problem: Problem, home: str | None) -> dict[str, Any]:
    message = f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message
    code = {"value": problem.code, **({"url": address_of(problem.code, home)} if home else {})}
    diagnostic: dict[str, Any] = {
        "message": message,
        "location": {"path": problem.path, "range": _range(report, problem)},
        "severity": _SEVERITIES[problem.severity],
        "source": {"name": "autoflow"},
        "code": code,
    }
    instead = _find_replacement(report, problem)
    if instead is not None:
        diagnostic["suggestions"] = [instead]
    return diagnostic


def _range(report: Report, problem: Problem) -> dict[str, Any]:
    begin, end = report.line_of(problem), report.line_of(problem, problem.end_line)
    return {
        "start": {"line": problem.line, "column": _bytes_before(begin, problem.column)},
        "end": {"line": problem.end_line, "column": _bytes_before(end, problem.end_column)},
    }


def _bytes_before(line: str, column: int) -> int:
    """A column of characters as one of bytes; both count from 1."""
    before = line[: column - 1]
    return len(before.encode("utf-8", "surrogatepass")) + 1 + max(column - 1 - len(before), 0)


def _find_replacement(report: Report, problem: Problem) -> dict[str, Any] | None:
    """What to put in the place of the mistake, where the hint says it word by word."""
    if problem.end_line != problem.line or problem.hint is None:
        return None
    near = _NEAR.fullmatch(problem.hint)
    if near is None:
        return _find_entry(report, problem, problem.hint) if problem.code in _SURE else None
    word = _WORD.fullmatch(report.line_of(problem)[problem.column - 1 : problem.end_column - 1])
    return word and {"range": _range(report, problem), "text": f"{word[1]}{near[1]}{word[1]}"}


def _find_entry(report: Report, problem: Problem, hint: str) -> dict[str, Any] | None:
    """`write key: value` stands for everything from that key to the end of its line."""
    entry = _ENTRY.fullmatch(hint)
    line = report.line_of(problem).rstrip()
    if entry is None or entry["key"] in _CONDITIONS or " #" in line:
        return None
    start = len(line) - len(line.lstrip(" -"))
    if not line.startswith(f"{entry['key']}:", start):
        return None
    place = {
        "start": {"line": problem.line, "column": _bytes_before(line, start + 1)},
        "end": {"line": problem.line, "column": _bytes_before(line, len(line) + 1)},
    }
    return {"range": place, "text": hint.removeprefix("write ")}
