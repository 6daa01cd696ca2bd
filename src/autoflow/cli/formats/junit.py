"""JUnit XML, as CI systems read it: suites of cases, for whatever was tested; of findings, a suite a file.

What is asserted and does not hold is a failure, what could not be tried is an error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from autoflow.cli.formats.report import Report
    from autoflow.model.problem import Problem

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, in whatever way it is escaped."""


class Outcome(StrEnum):
    """How a case ended."""

    #: it holds
    PASSED = "passed"
    #: it does not
    FAILURE = "failure"
    #: it could not be tried
    ERROR = "error"
    #: it was left out
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that was looked at. CI systems know it again by its suite and name: both are to stay the same."""

    name: str
    file: str
    line: int | None = None
    seconds: float = 0.0
    outcome: Outcome = Outcome.PASSED
    #: one line, for one that did not pass
    message: str = ""
    #: the word for its kind
    kind: str = "AssertionError"
    #: everything there is to say
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Cases that belong together, mostly those of one file."""

    name: str
    cases: Sequence[Case]
    #: an RFC 3339 time, where one is known
    timestamp: str | None = None


def write_junit(suites: Sequence[Suite], *, name: str = "autoflow") -> str:
    """The whole document."""
    every = [case for suite in suites for case in suite.cases]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites{_attributes([('name', name), *_counts(every)])}>",
    ]
    for suite in suites:
        lines += _write_suite(suite)
    return "\n".join([*lines, "</testsuites>", ""])


def write_findings(report: Report) -> str:
    """A suite a file. Each finding is a case: a failure where it counts as one, else a case that has passed."""
    found: dict[str, list[Problem]] = {path: [] for path in report.files}
    for problem in report.problems:
        found.setdefault(problem.path, []).append(problem)
    return write_junit([Suite(name=path, cases=_cases(path, found[path], report)) for path in found])


def _cases(path: str, problems: Sequence[Problem], report: Report) -> list[Case]:
    if not problems:
        return [Case(name="no findings", file=path)]
    from autoflow.rules.report import headline, render_problem

    cases: list[Case] = []
    seen: Counter[str] = Counter()
    for problem in problems:
        said = f"{problem.code} {problem.message}"
        seen[said] += 1
        cases.append(
            Case(
                name=said if seen[said] == 1 else f"{said} ({seen[said]})",
                file=path,
                line=problem.line,
                outcome=Outcome.FAILURE if report.fails(problem) else Outcome.PASSED,
                message=headline(problem),
                kind=problem.code,
                detail=render_problem(problem, report.texts.get(path)),
            )
        )
    return cases


def _write_suite(suite: Suite) -> Iterator[str]:
    attributes = [("name", suite.name), *_counts(suite.cases)]
    if suite.timestamp is not None:
        attributes.append(("timestamp", suite.timestamp))
    yield f" <testsuite{_attributes(attributes)}>"
    for case in suite.cases:
        yield _write_case(case)
    yield " </testsuite>"


def _write_case(case: Case) -> str:
    attributes = [("classname", _class_of(case.file)), ("name", case.name), ("file", case.file)]
    if case.line is not None:
        attributes.append(("line", str(case.line)))
    attributes.append(("time", f"{case.seconds:.3f}"))
    opened = f"  <testcase{_attributes(attributes)}"
    inside = _write_outcome(case)
    return f"{opened}>{inside}</testcase>" if inside else f"{opened}/>"


def _write_outcome(case: Case) -> str:
    detail = escape(_legal(case.detail))
    match case.outcome:
        case Outcome.PASSED:
            return f"<system-out>{detail}</system-out>" if detail else ""
        case Outcome.SKIPPED:
            return f"<skipped{_attributes([('message', case.message)])}/>"
        case outcome:
            attributes = _attributes([("type", case.kind), ("message", case.message)])
            return f"<{outcome}{attributes}>{detail}</{outcome}>"


def _counts(cases: Sequence[Case]) -> list[tuple[str, str]]:
    def count(outcome: Outcome) -> str:
        return str(sum(1 for case in cases if case.outcome is outcome))

    return [
        ("tests", str(len(cases))),
        ("failures", count(Outcome.FAILURE)),
        ("errors", count(Outcome.ERROR)),
        ("skipped", count(Outcome.SKIPPED)),
        ("time", f"{sum(case.seconds for case in cases):.3f}"),
    ]


def _attributes(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f" {name}={quoteattr(_legal(value), {chr(10): '&#10;'})}" for name, value in pairs)


def _class_of(file: str) -> str:
    """A file as CI systems group by it: `rules/jobs/a.yaml` is `rules.jobs.a`."""
    return re.sub(r"\.[^./]+$", "", file).strip("/").replace("/", ".")


def _legal(text: str) -> str:
    return _ILLEGAL.sub("�", text)
