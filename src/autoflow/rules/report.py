"""Problems as people and other programs read them."""

from __future__ import annotations

from autoflow.model.json import Json
from autoflow.model.problem import Problem
from autoflow.strict_yaml import split_lines

_SHOWN = 160
"""Characters of a source line that are shown; a longer one is cut around the mistake."""


def problem_to_json(problem: Problem) -> dict[str, Json]:
    """The problem as an item of `autoflow validate --format json`."""
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "end_line": problem.end_line,
        "end_column": problem.end_column,
        "severity": problem.severity.value,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
        "rule": problem.rule,
    }


def render_problem(problem: Problem, source_text: str | None = None) -> str:
    """The place and the message, the line with the mistake marked, and the hint."""
    return "\n".join(
        [
            headline(problem),
            *_marked_line(problem, source_text),
            *([f"  hint: {_printable(problem.hint)}"] if problem.hint else []),
        ]
    )


def headline(problem: Problem) -> str:
    """`path:line:column: severity CODE message`, on one line."""
    place = _printable(f"{problem.path}:{problem.line}:{problem.column}")
    message = _printable(" ".join(problem.message.split()))
    return f"{place}: {problem.severity.value} {problem.code} {message}"


def _marked_line(problem: Problem, source_text: str | None) -> list[str]:
    lines = split_lines(source_text) if source_text is not None else []
    if not 1 <= problem.line <= len(lines):
        return []
    line = lines[problem.line - 1]
    start = min(problem.column - 1, len(line))
    end = problem.end_column - 1 if problem.end_line == problem.line else len(line.rstrip())
    width = max(1, min(end, max(len(line), start + 1)) - start)
    if len(line) > _SHOWN:
        cut = max(0, min(start - _SHOWN // 2, len(line) - _SHOWN))
        line, start = line[cut : cut + _SHOWN], start - cut
        width = max(1, min(width, _SHOWN - start))
    number = str(problem.line)
    shown = _printable(line)
    # A tab before the mistake stays a tab, so that the marks stand below it on every terminal.
    lead = "".join("\t" if char == "\t" else " " * _cells(char) for char in shown[:start])
    marks = "^" * max(sum(map(_cells, shown[start : start + width])), 1)
    return [f"  {number} | {shown}", f"  {' ' * len(number)} | {lead}{marks}"]


def _printable(text: str) -> str:
    """Text without what a terminal takes for an order."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\t" else "�" for c in text)


def _cells(char: str) -> int:
    """How many cells of a terminal a character takes."""
    if char.isascii():
        return 1
    from unicodedata import combining, east_asian_width  # few lines hold anything else

    return 0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1
