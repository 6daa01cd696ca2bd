"""What was found, with all that a form needs to tell it. Before it: `validate`; after it: the forms."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from autoflow.model.problem import Problem, Severity
from autoflow.strict_yaml import split_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings, in order of their places, and what they were looked for in."""

    problems: tuple[Problem, ...]
    #: the text of each file that has a finding, by its path
    texts: Mapping[str, str]
    #: how many rules can be used
    rules: int
    files: tuple[str, ...]
    #: from what on a finding counts as a failure
    fail_on: Severity = Severity.ERROR

    def count(self, severity: Severity) -> int:
        """How many findings are that bad."""
        return sum(1 for problem in self.problems if problem.severity is severity)

    def fails(self, problem: Problem) -> bool:
        """Whether the finding is one to end with 1 for."""
        return problem.severity is Severity.ERROR or problem.severity is self.fail_on

    @property
    def failed(self) -> bool:
        """Whether there is a finding to end with 1 for."""
        return any(map(self.fails, self.problems))

    @property
    def verdict(self) -> str:
        """One line that counts."""
        errors, warnings = self.count(Severity.ERROR), self.count(Severity.WARNING)
        counts = (
            f"{_count(self.rules, 'rule')} in {_count(len(self.files), 'file')}",
            _count(errors, "error"),
            _count(warnings, "warning"),
        )
        return f"{'not ok' if errors else 'ok'}: {', '.join(counts)}"

    def line_of(self, problem: Problem, line: int | None = None) -> str:
        """The source line in which the finding begins, or another one of its file."""
        lines = split_lines(self.texts.get(problem.path, ""))
        number = problem.line if line is None else line
        return lines[number - 1] if 1 <= number <= len(lines) else ""

    def fingerprints(self) -> Iterator[tuple[Problem, str, int]]:
        """Each finding with what stays the same of it while lines around it change; equal ones are numbered."""
        import hashlib  # two forms of seven ask for it

        seen: Counter[str] = Counter()
        for problem in self.problems:
            words = (problem.path, problem.code, " ".join(self.line_of(problem).split()))
            mark = hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()
            seen[mark] += 1
            yield problem, mark, seen[mark]


def make_report(
    problems: Iterable[Problem],
    *,
    rules: int,
    files: Iterable[str],
    fail_on: Severity = Severity.ERROR,
    texts: Mapping[str, str] | None = None,
) -> Report:
    """The report of these findings. The files that have one are read, but for those whose text is given."""
    ordered = tuple(sorted(problems, key=lambda problem: (problem.path, problem.line, problem.column, problem.code)))
    known = dict(texts or {})
    for path in dict.fromkeys(problem.path for problem in ordered):
        if path not in known:
            known[path] = _read(path)
    return Report(problems=ordered, texts=known, rules=rules, files=tuple(files), fail_on=fail_on)


def seen_from(report: Report, checkout: str | None) -> Report:
    """The report with paths from the top of the checkout, where the command runs below it."""
    if not checkout:
        return report
    inside = os.path.relpath(Path.cwd(), os.path.realpath(checkout))
    if inside == "." or inside.startswith(".."):
        return report

    def moved(path: str) -> str:
        return path if path.startswith(("/", "<")) else Path(os.path.normpath(Path(inside, path))).as_posix()

    return replace(
        report,
        problems=tuple(replace(problem, path=moved(problem.path)) for problem in report.problems),
        texts={moved(path): text for path, text in report.texts.items()},
        files=tuple(map(moved, report.files)),
    )


def _read(path: str) -> str:
    try:
        # a device has no end, and a pipe was read before
        return Path(path).read_bytes().decode("utf-8-sig", "replace") if Path(path).is_file() else ""
    except OSError:
        return ""  # the finding stands without its line


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
