"""Findings for people: each with its source line and a mark below it, then one line that counts."""

from __future__ import annotations

from collections.abc import Callable

from autoflow.cli.formats.report import Report
from autoflow.model.problem import Severity

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}


def write_text(report: Report, paint: Callable[[str, str], str] = lambda text, style: text) -> str:
    """The whole of it; `paint` colours a text in a style."""
    parts = []
    if report.problems:
        from autoflow.rules.report import render_problem  # nothing to say, nothing to import

        for problem in report.problems:
            head, _, rest = render_problem(problem, report.texts.get(problem.path)).partition("\n")
            parts.append(paint(head, STYLES[problem.severity]) + "\n" + (f"{rest}\n" if rest else "") + "\n")
    mark, _, counts = report.verdict.partition(":")
    parts.append(f"{paint(mark, 'bold green' if mark == 'ok' else 'bold red')}:{counts}\n")
    return "".join(parts)
