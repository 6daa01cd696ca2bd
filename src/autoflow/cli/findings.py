"""Problems for people: the source line with a caret, then one line that counts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from autoflow.cli.output import paint
from autoflow.model.problem import Problem, Severity

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}


def print_problems(problems: Sequence[Problem], *, rules: int, files: int, stream: IO[str] | None = None) -> None:
    """Every problem with its source line, then one line that counts."""
    stream = stream or sys.stdout
    if problems:
        _print_each(problems, stream)
    errors = count_of(problems, Severity.ERROR)
    mark = paint("not ok", "bold red", stream) if errors else paint("ok", "bold green", stream)
    counts = (
        f"{_count(rules, 'rule')} in {_count(files, 'file')}",
        _count(errors, "error"),
        _count(count_of(problems, Severity.WARNING), "warning"),
    )
    stream.write(f"{mark}: {', '.join(counts)}\n")


def _print_each(problems: Sequence[Problem], stream: IO[str]) -> None:
    from autoflow.rules.report import render_problem  # nothing to say, nothing to import

    sources: dict[str, str] = {}
    for problem in problems:
        if problem.path not in sources:
            sources[problem.path] = _source(problem.path)
        head, _, rest = render_problem(problem, sources[problem.path]).partition("\n")
        stream.write(paint(head, STYLES[problem.severity], stream) + "\n" + (f"{rest}\n" if rest else "") + "\n")


def count_of(problems: Sequence[Problem], severity: Severity) -> int:
    """How many problems are that bad."""
    return sum(1 for problem in problems if problem.severity is severity)


def _source(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""  # the finding stands without its line


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
