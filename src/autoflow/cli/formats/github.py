"""GitHub Actions: annotations on the lines of a change, and the Markdown page of a step.

The runner takes orders from what a step prints. What others wrote reaches it escaped, or between words that make it
look away.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoflow.model.problem import Severity

if TYPE_CHECKING:
    from autoflow.cli.formats.report import Report

MOST_SUMMARY = 1024 * 1024
"""Bytes that the runner takes of a step's page; of a larger one it takes nothing."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_MARKDOWN = re.compile(r"([\\`*_\[\]|~])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A remark on a stretch of a file. Lines and columns count from 1; the end column is the first one after."""

    #: error, warning or notice
    level: str
    message: str
    title: str | None = None
    path: str | None = None
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


def write_annotation(annotation: Annotation) -> str:
    """The line that the runner reads. Columns are left out of what goes over several lines: it allows none there."""
    one_line = annotation.end_line in (None, annotation.line)
    properties = {
        "file": annotation.path,
        "line": annotation.line,
        "col": annotation.column if one_line else None,
        "endLine": annotation.end_line,
        "endColumn": annotation.end_column if one_line else None,
        "title": annotation.title,
    }
    said = ",".join(
        f"{name}={escape_property(str(value))}" for name, value in properties.items() if value is not None
    )
    return f"::{annotation.level}{f' {said}' if said else ''}::{escape_message(annotation.message)}"


def escape_message(text: str) -> str:
    """Text behind the second `::`."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Text behind a `=`."""
    return escape_message(text).replace(":", "%3A").replace(",", "%2C")


def shield(text: str, token: str) -> str:
    """Text in which the runner looks for no orders. The token is one that nobody could have guessed."""
    return f"{open_shield(token)}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{close_shield(token)}\n"


def open_shield(token: str) -> str:
    """The line from which on the runner looks for no orders."""
    return f"::stop-commands::{token}"


def close_shield(token: str) -> str:
    """The line from which on it does again."""
    return f"::{token}::"


def write_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, room: int = MOST_SUMMARY) -> str:
    """A Markdown table, of so many bytes at most; where rows are left out, it says how many."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    left = room - sum(len(line.encode()) + 1 for line in lines) - 64
    every = list(rows)
    for number, row in enumerate(every):
        line = f"| {' | '.join(escape_markdown(cell) for cell in row)} |"
        left -= len(line.encode()) + 1
        if left < 0:
            lines += ["", f"and {len(every) - number} more"]
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def escape_markdown(text: str) -> str:
    """Text on one line that is shown as it is, whatever marks it holds."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def write_findings(report: Report) -> str:
    """An annotation a finding."""
    annotations = [
        Annotation(
            level=_LEVELS[problem.severity],
            message=f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message,
            title=problem.code,
            path=problem.path,
            line=problem.line,
            column=problem.column,
            end_line=problem.end_line,
            end_column=problem.end_column,
        )
        for problem in report.problems
    ]
    return "".join(f"{write_annotation(annotation)}\n" for annotation in annotations)


def write_summary(report: Report, *, title: str, room: int = MOST_SUMMARY) -> str:
    """The findings as the page of a step."""
    head = f"### {title}\n\n{escape_markdown(report.verdict)}\n"
    if not report.problems:
        return head
    rows = (
        (
            f"{problem.path}:{problem.line}:{problem.column}",
            problem.severity.value,
            problem.code,
            f"{problem.message}; {problem.hint}" if problem.hint else problem.message,
        )
        for problem in report.problems
    )
    return f"{head}\n{write_table(('where', '', 'code', 'what'), rows, room=room - len(head.encode()) - 1)}"
