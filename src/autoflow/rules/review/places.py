"""From remarks to problems: the file of the rule is read again, to find the lines and columns that are meant.

After it: whatever shows problems. Most rules get no remark, so that few files are read twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from autoflow.actions.types import ActionType
from autoflow.matching.spots import spot_at
from autoflow.model.json import Json
from autoflow.model.problem import Problem
from autoflow.model.rule import Rule
from autoflow.rules.findings import Finding, Findings
from autoflow.rules.parts import Part, take_apart
from autoflow.rules.review.remarks import Remark
from autoflow.rules.source import FileText, parse_file
from autoflow.rules.spellings import respell_rule
from autoflow.strict_yaml import Pointer


class _Written(NamedTuple):
    """A rule as it stands in its file."""

    part: Part
    #: in canonical keys
    tree: Mapping[str, Json]
    findings: Findings


class Placer:
    """Finds what remarks are about, in the files that the rules were loaded from."""

    def __init__(self, files: Sequence[FileText], types: Mapping[str, ActionType]) -> None:
        self._files = {file.name: file for file in files}
        self._types = types
        #: by file and line
        self._parts: dict[str, dict[int, list[Part]]] = {}

    def place(self, remarks: Iterable[Remark]) -> list[Problem]:
        """The remarks as problems; a rule that stands in none of the files gets none."""
        found = (self._place_one(remark) for remark in remarks)
        return [problem for problem in found if problem is not None]

    def _place_one(self, remark: Remark) -> Problem | None:
        written = self._find(remark.rule)
        if written is None:
            return None
        at, column, width = remark.at, None, 1
        if remark.trail is not None:
            spot = spot_at(_value_at(written.tree, at), remark.trail)
            at, column, width = (*at, *spot.pointer), spot.column, spot.width
        finding = Finding(
            pointer=written.findings.origin_of(at),
            code=remark.code,
            message=remark.message,
            hint=remark.hint,
            severity=remark.severity,
            on_key=remark.on_key,
            column=column,
            width=width,
        )
        part = written.part
        if at == ("account",) and "account" not in written.tree:
            part = part._replace(pointer=())  # it stands beside the rules, for all of them
        problem = part.problem(finding, remark.rule.id)
        return _narrow(problem, remark.word, part.file.lines) if remark.word else problem

    def _find(self, rule: Rule) -> _Written | None:
        name, line = rule.provenance.path, rule.provenance.line
        if name is None or name not in self._files:
            return None
        if name not in self._parts:
            parts = self._parts[name] = {}
            for part in take_apart(parse_file(self._files[name])).rules:
                parts.setdefault(part.line, []).append(part)
        for part in self._parts[name].get(line or 0, ()):
            findings = Findings()
            tree = respell_rule(part.value, self._types, findings)
            if {**part.defaults, **tree}.get("id") == rule.id:
                return _Written(part, tree, findings)
        return None


def _value_at(tree: Mapping[str, Json], pointer: Pointer) -> Json:
    value: Json = tree
    for step in pointer:
        value = value[step]
    return value


def _narrow(problem: Problem, word: str, lines: Sequence[str]) -> Problem:
    """The problem at the word that is meant; where escapes hide it, at the text as a whole."""
    name = re.compile(rf"(?<![\w.]){re.escape(word)}(?!\w)")
    for number in range(problem.line, min(problem.end_line, len(lines)) + 1):
        start = problem.column - 1 if number == problem.line else 0
        found = name.search(lines[number - 1], start)
        if found is not None:
            return replace(
                problem, line=number, column=found.start() + 1, end_line=number, end_column=found.end() + 1
            )
    return problem
