"""Problems and previews for people: the source line with a caret; the condition tree with what was found."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from rich.markup import escape

from autoflow.cli.output import console, in_words
from autoflow.clock import to_rfc3339
from autoflow.matching.paths import write_reference
from autoflow.model.condition import Explanation, Reference
from autoflow.model.json import Json
from autoflow.model.problem import Problem, Severity
from autoflow.preview import Preview, PreviewedAction
from autoflow.rules.report import render_problem

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def print_problems(problems: Sequence[Problem], *, rules: int, files: int, stream: IO[str] | None = None) -> None:
    """Every problem with its source line, then one line that counts."""
    out = console(stream or sys.stdout)
    sources: dict[str, str] = {}
    for problem in problems:
        if problem.path not in sources:
            sources[problem.path] = _source(problem.path)
        head, _, rest = render_problem(problem, sources[problem.path]).partition("\n")
        colour = COLOURS[problem.severity]
        out.print(f"[bold {colour}]{escape(head)}[/]")
        if rest:
            out.print(escape(rest))
        out.print()
    errors = sum(1 for problem in problems if problem.severity is Severity.ERROR)
    warnings = sum(1 for problem in problems if problem.severity is Severity.WARNING)
    mark = "[bold green]ok[/]" if not errors else "[bold red]not ok[/]"
    out.print(f"{mark}: {_count(rules, 'rule')} in {_count(files, 'file')}, "
              f"{_count(errors, 'error')}, {_count(warnings, 'warning')}")  # fmt: skip


def print_preview(preview: Preview) -> None:
    """One rule and one event: fires or not, why, when, and what would be sent."""
    out = console()
    verdict = "[bold green]fires[/]" if preview.fires else "[bold yellow]does not fire[/]"
    out.print(f"[bold]{escape(preview.rule.id)}[/] {verdict} on {escape(preview.event.type)} "
              f"[dim]{escape(preview.event.id)}[/]")  # fmt: skip
    if preview.error is not None:
        out.print(f"  [bold red]error[/] {preview.error.code}: {escape(str(preview.error))}")
    if preview.conditions is None:
        out.print("  when    [dim]no conditions[/]")
    else:
        out.print("  when")
        for line in _tree(preview.conditions, depth=2):
            out.print(line)
    if preview.due_at is not None:
        delay = in_words(preview.rule.delay) if preview.rule.delay else "at once"
        out.print(f"  due     {to_rfc3339(preview.due_at)} ({delay})")
    for number, action in enumerate(preview.actions, start=1):
        out.print(f"  {number}. [bold]{escape(action.type)}[/]")
        for line in _params(action):
            out.print("     " + escape(line))
    out.print()


def _tree(node: Explanation, *, depth: int) -> list[str]:
    mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]·[/]"}[node.result]
    indent = "  " * depth
    if node.leaf is None:
        lines = [f"{indent}{mark} {node.kind}"]
        return lines + [line for part in node.parts for line in _tree(part, depth=depth + 1)]
    wanted = _value(node.expected) if not isinstance(node.leaf.value, Reference) else _right(node)
    found = _value(node.actual) if node.found else "missing"
    text = f"{write_reference(node.leaf.left)} {node.leaf.operator} {wanted}"
    return [f"{indent}{mark} {escape(text)}  [dim]is[/] {escape(found)}"]


def _right(node: Explanation) -> str:
    assert node.leaf is not None  # noqa: S101 - only leaves have a right side
    return f"{write_reference(node.leaf.value)} ({_value(node.expected)})"


def _value(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _params(action: PreviewedAction) -> list[str]:
    lines: list[str] = []
    for name, value in action.params.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        first, *more = text.splitlines() or [""]
        lines.append(f"{name}: {first}")
        lines += [f"  {line}" for line in more]
    return lines


def _source(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""  # the finding stands without its line


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
