"""What tests came to, for people as they end and for other programs at the end."""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from autoflow.cli.coverage import add_to_summary, draw_coverage, draw_goals, goal_to_json, missing_of, say_goal
from autoflow.cli.formats.github import close_shield, open_shield, shield
from autoflow.cli.output import paint, print_json, printable
from autoflow.cli.trees import change_lines, tree_lines
from autoflow.model.problem import Problem, Severity
from autoflow.rules.report import problem_to_json, render_problem
from autoflow.testing.coverage import Coverage
from autoflow.testing.coverage_report import coverage_to_json
from autoflow.testing.coverage_run import Goal
from autoflow.testing.playing import Played
from autoflow.testing.verdicts import CAME, GONE, DiffLine, Failure, Reason

MARKS = {True: (".", "green"), False: ("F", "bold red")}
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
STYLES = {GONE: "red", CAME: "green"}


def is_on_github() -> bool:
    """Whether a step of GitHub Actions runs this."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


@dataclass(slots=True, kw_only=True)
class Report:
    """Hears of each test as it ends."""

    form: str
    #: where that form goes; then people read text meanwhile
    output: Path | None
    verbose: bool
    #: what is wrong in the scenario files
    problems: Sequence[Problem] = ()
    #: what is wrong in rules that tests were played with
    rule_problems: Sequence[Problem] = ()
    #: what the tests have seen of the rules; None where nobody asked
    coverage: Coverage | None = None
    #: what files ask of their tests
    goals: Sequence[Goal] = ()
    #: how many tests were left alone, behind the first that failed
    not_played: int = 0
    every: list[Played] = field(default_factory=list)
    _begun: float = field(default_factory=time.perf_counter)
    _path: str = ""
    #: what the runner of GitHub Actions waits for before it takes orders again
    _token: str = ""

    @property
    def is_well(self) -> bool:
        """Whether all tests passed and all files could be read."""
        errors = (*self.problems, *self.rule_problems)
        passed = all(one.passed for one in self.every) and all(goal.is_met for goal in self.goals)
        return passed and not any(p.severity is Severity.ERROR for p in errors)

    @property
    def shows_text(self) -> bool:
        """Whether people read it."""
        return self.form in ("text", "github") or self.output is not None

    def tell(self, played: Played) -> None:
        """A test has ended."""
        self.every.append(played)
        if not self.shows_text:
            return
        mark, style = MARKS[played.passed]
        path = printable(played.scenario.path)
        if self.form == "github" and not self._token:
            self._token = secrets.token_hex(16)
            sys.stdout.write(f"{open_shield(self._token)}\n")
        if self.verbose:
            word = paint("passed" if played.passed else "FAILED", style)
            sys.stdout.write(f"{word} {path}: {printable(played.scenario.name)}  {played.seconds * 1000:.0f} ms\n")
        else:
            lead = "" if path == self._path else f"{chr(10) if self._path else ''}{path} "
            sys.stdout.write(f"{lead}{paint(mark, style)}")
        self._path = path
        sys.stdout.flush()

    def end(self) -> None:
        """All tests have ended."""
        if self.shows_text:
            sys.stdout.write("\n" if self._path and not self.verbose else "")
            self._print_text()
        if self.form == "json" and self.output is None:
            print_json(write_items(self))
        elif self.form != "text":
            self._write(_WRITERS[self.form](self))
        if self.form == "github" and self.coverage is not None:
            add_to_summary(self.coverage)

    def _write(self, text: str) -> None:
        from autoflow.errors import UsageError

        if self.output is None:
            sys.stdout.write(text)
            return
        try:
            self.output.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise UsageError(f"cannot write {self.output}: {error.strerror}") from error

    def _print_text(self) -> None:
        """What failed, what could not be read, and one line that counts."""
        lines: list[str] = []
        for problem in self.problems:
            lines += ["", render_problem(problem, _source_of(problem.path))]
        for problem in self.rule_problems:
            lines += ["", render_problem(problem, _source_of(problem.path))]
        for played in self.every:
            lines += ["", *draw_failures(played)] if played.failures else []
        if any(not goal.is_met for goal in self.goals):
            lines += ["", *draw_goals(self.goals)]
        if self.coverage is not None:
            lines += ["", *draw_coverage(self.coverage)]
        text = "\n".join([*lines, "", self._count(), ""]).removeprefix("\n" if not self._path else "")
        if self.form == "github":
            text = f"{text}{close_shield(self._token)}\n" if self._token else shield(text, secrets.token_hex(16))
        sys.stdout.write(text)

    def _count(self) -> str:
        failed = sum(1 for played in self.every if not played.passed)
        lacking = sum(1 for goal in self.goals if not goal.is_met)
        broken = sum(1 for problem in (*self.problems, *self.rule_problems) if problem.severity is Severity.ERROR)
        parts = [
            paint(f"{failed} failed", "bold red") if failed else "",
            paint(f"{len(self.every) - failed} passed", "green" if not failed else ""),
            f"{self.not_played} not played" if self.not_played else "",
            paint(f"{broken} error{'' if broken == 1 else 's'} in files", "bold red") if broken else "",
            paint(f"{lacking} not covered", "bold red") if lacking else "",
        ]
        seconds = time.perf_counter() - self._begun
        return f"{', '.join(part for part in parts if part)} in {seconds:.2f} s"


def draw_failures(played: Played) -> list[str]:
    """A test that failed, and each thing that was not as expected."""
    scenario = played.scenario
    head = f"{paint('FAILED', 'bold red')} {printable(str(scenario.spot))}: {paint(printable(scenario.name), 'bold')}"
    return [head, *(line for failure in played.failures for line in draw_failure(failure))]


def draw_failure(failure: Failure) -> list[str]:
    """Where it was expected, the difference, and why the rules did what they did."""
    if failure.matter is None and failure.step is None:
        return [f"  {printable(failure.message)}"]
    step = f"step {failure.step}, {printable(failure.title)}" if failure.step else "at the end"
    lines = [f"  {printable(str(failure.spot))}: {step}", f"  {printable(failure.message)}"]
    lines += [f"    {paint(_line_of(line), STYLES.get(line.sign, ''))}" for line in failure.diff]
    for reason in failure.reasons:
        lines += [f"  {line}" for line in _draw_reason(reason)]
    return lines


def _line_of(line: DiffLine) -> str:
    return f"{line.sign} {printable(line.text)}".rstrip()


def _draw_reason(reason: Reason) -> list[str]:
    if not reason.rule:
        return [printable(reason.verdict)]
    on = f" on {printable(reason.event)}" if reason.event else ""
    head = f"{printable(reason.place)}: {paint(reason.rule, 'bold')} {printable(reason.verdict)}{on}"
    lines = [head, f"  {printable(reason.became)}"] if reason.became else [head]
    if reason.told is None:
        return lines
    tree = reason.told["conditions"] or reason.told["trigger_conditions"]
    return [*lines, *(tree_lines(tree, depth=1) if tree else ()), *change_lines(reason.told)]


def _source_of(path: str) -> str | None:
    try:
        return Path(path).read_text(errors="replace") if Path(path).is_file() else None  # a device has no end
    except OSError:
        return None  # the finding stands without its line


def write_items(report: Report) -> dict[str, Any]:
    """The JSON form."""
    failed = sum(1 for played in report.every if not played.passed)
    return {
        "schema_version": 1,
        "items": [_item_of(played) for played in report.every],
        "passed": len(report.every) - failed,
        "failed": failed,
        "not_played": report.not_played,
        "coverage": coverage_to_json(report.coverage) if report.coverage is not None else None,
        "goals": [goal_to_json(goal) for goal in report.goals],
        "problems": [problem_to_json(problem) for problem in (*report.problems, *report.rule_problems)],
    }


def _item_of(played: Played) -> dict[str, Any]:
    scenario = played.scenario
    return {
        "path": scenario.path,
        "line": scenario.spot.line,
        "name": scenario.name,
        "labels": list(scenario.labels),
        "rule": scenario.rule,
        "status": "passed" if played.passed else "failed",
        "seconds": round(played.seconds, 4),
        "failures": [_failure_to_json(failure) for failure in played.failures],
    }


def _failure_to_json(failure: Failure) -> dict[str, Any]:
    return {
        "path": failure.spot.path,
        "line": failure.spot.line,
        "code": failure.code,
        "step": failure.step,
        "title": failure.title or None,
        "expected": failure.matter.value if failure.matter else None,
        "message": failure.message,
        "diff": [f"{line.sign} {line.text}" for line in failure.diff],
        "reasons": [
            {
                "rule": reason.rule or None,
                "place": reason.place or None,
                "event": reason.event or None,
                "verdict": reason.verdict,
                "became": reason.became or None,
                **(reason.told or {}),
            }
            for reason in failure.reasons
        ],
    }


def _plain(lines: Sequence[str]) -> str:
    """Text without colour, for what other programs show."""
    return _COLOUR.sub("", "\n".join(lines))


def _write_json(report: Report) -> str:
    import json

    return json.dumps(write_items(report), ensure_ascii=False) + "\n"


def _write_junit(report: Report) -> str:
    from autoflow.cli.formats.junit import Case, Outcome, Suite, write_junit

    suites = [
        Suite(name=path, cases=[_case_of(played) for played in group])
        for path, group in groupby(report.every, key=lambda played: played.scenario.path)
    ]
    problems = (*report.problems, *report.rule_problems)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    suites += [
        Suite(
            name=problem.path,
            cases=[
                Case(
                    name=f"{problem.code} line {problem.line}",
                    file=problem.path,
                    line=problem.line,
                    outcome=Outcome.ERROR,
                    message=problem.message,
                    kind=problem.code,
                    detail=str(problem),
                )
            ],
        )
        for problem in errors
    ]
    suites += [Suite(name=goal.spot.path, cases=[_goal_case(goal)]) for goal in report.goals]
    return write_junit(suites)


def _case_of(played: Played) -> Any:
    from autoflow.cli.formats.junit import Case, Outcome

    scenario, failures = played.scenario, played.failures
    return Case(
        name=scenario.name,
        file=scenario.path,
        line=scenario.spot.line,
        seconds=played.seconds,
        outcome=Outcome.FAILURE if failures else Outcome.PASSED,
        message=failures[0].message if failures else "",
        detail=_plain(draw_failures(played)) if failures else "",
    )


def _goal_case(goal: Goal) -> Any:
    from autoflow.cli.formats.junit import Case, Outcome

    return Case(
        name=f"coverage of {goal.part}",
        file=goal.spot.path,
        line=goal.spot.line,
        outcome=Outcome.PASSED if goal.is_met else Outcome.FAILURE,
        message="" if goal.is_met else say_goal(goal),
        detail="\n".join(missing_of(goal)),
    )


def _write_github(report: Report) -> str:
    from autoflow.cli.formats.github import Annotation, write_annotation

    annotations = [
        Annotation(
            level="error" if problem.severity is Severity.ERROR else "warning",
            message=problem.message,
            title=problem.code,
            path=problem.path,
            line=problem.line,
            column=problem.column,
            end_line=problem.end_line,
            end_column=problem.end_column,
        )
        for problem in (*report.problems, *report.rule_problems)
    ]
    annotations += [
        Annotation(
            level="error",
            message=_plain(draw_failure(failure)),
            title=played.scenario.name,
            path=failure.spot.path,
            line=failure.spot.line,
        )
        for played in report.every
        for failure in played.failures
    ]
    annotations += [
        Annotation(level="error", message=say_goal(goal), title="coverage", path=goal.spot.path, line=goal.spot.line)
        for goal in report.goals
        if not goal.is_met
    ]
    return "".join(f"{write_annotation(one)}\n" for one in annotations)


_WRITERS = {"json": _write_json, "junit": _write_junit, "github": _write_github}
