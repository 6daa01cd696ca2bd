"""Which rules a scenario is played with: files, a git revision, or rules that stand in the scenario itself.

A set is read once, however many scenarios are played with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from autoflow.model.json import Json
from autoflow.model.problem import Problem
from autoflow.model.rule import Rule
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import Loader, LoadResult, load_files
from autoflow.rules.source import FileText, is_test_file
from autoflow.strict_yaml import Pointer, split_lines
from autoflow.testing import codes
from autoflow.testing.fields import Kind, Notes, note_shape
from autoflow.testing.scenario import RuleSource, Scenario

GIT = "git"
INLINE = "rules"
_HINT = "write a path, a list of paths, { git: REVISION }, or { rules: [...] }"


def _read_rules(value: Json, at: Pointer, notes: Notes) -> RuleSource | None:
    if isinstance(value, str):
        return RuleSource(paths=_read_paths([value], at, notes, one=True))
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return RuleSource(paths=_read_paths(value, at, notes, one=False))
    if isinstance(value, list) and value and at[-1] == INLINE:
        return RuleSource(text=_cut_out(at, notes))
    if isinstance(value, dict) and set(value) == {GIT} and isinstance(value[GIT], str):
        return RuleSource(revision=value[GIT])
    if isinstance(value, dict) and set(value) == {INLINE} and isinstance(value[INLINE], list):
        return RuleSource(text=_cut_out((*at, INLINE), notes))
    note_shape(value, at, "rules", notes, _HINT)
    return None


def _read_paths(written: list[Json], at: Pointer, notes: Notes, *, one: bool) -> tuple[Path, ...]:
    paths = []
    for index, name in enumerate(written):
        path = notes.folder / name
        if not path.exists():
            message, hint = f"there is no {name}", f"paths start from {notes.folder}"
            notes.add(at if one else (*at, index), message, hint, code=codes.WRONG_FILE)
        paths.append(path)
    return tuple(paths)


def _cut_out(at: Pointer, notes: Notes) -> str:
    """The text of the rules alone, each line where it stands in the file, so that its mistakes have their places."""
    part = notes.part
    begin = part.document.key_at((*part.pointer, *at))
    end = part.document.value_at((*part.pointer, *at))
    lines = list(split_lines(part.file.written.text)[: end.end_line])
    if end.end_line <= len(lines):
        lines[end.end_line - 1] = lines[end.end_line - 1][: end.end_column - 1]
    lines[: begin.line - 1] = [""] * (begin.line - 1)
    first = lines[begin.line - 1]
    lines[begin.line - 1] = " " * (begin.column - 1) + first[begin.column - 1 :]
    return "\n".join(lines) + "\n"


_PATH: Json = {"type": "string", "minLength": 1}
RULES = Kind(
    _read_rules,
    {
        "anyOf": [
            _PATH,
            {"type": "array", "items": _PATH, "minItems": 1},
            {"type": "array", "items": {"type": "object"}, "minItems": 1},
            {"type": "object", "properties": {GIT: _PATH}, "required": [GIT], "additionalProperties": False},
            {
                "type": "object",
                "properties": {INLINE: {"type": "array", "items": {"type": "object"}}},
                "required": [INLINE],
                "additionalProperties": False,
            },
        ]
    },
)


class RuleSet(NamedTuple):
    """Rules that are in force together, and where each of them stands."""

    result: LoadResult

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those that can be used."""
        return self.result.rules


class RuleSets:
    """Reads each set once."""

    def __init__(
        self, context: LoadContext, *, directory: Path, read_revision: Callable[[str], LoadResult] | None = None
    ) -> None:
        self._context = context
        #: the config's rules: scenarios below it are played with all of them
        self._directory = directory
        self._read_revision = read_revision
        self._known: dict[object, RuleSet] = {}

    def of(self, scenario: Scenario) -> RuleSet:
        """The rules that a scenario begins with."""
        return self.find(scenario.rules or self._around(scenario), scenario)

    def find(self, source: RuleSource, scenario: Scenario) -> RuleSet:
        """The rules of a source."""
        key = (source.paths, source.revision, source.text, scenario.path if source.text is not None else None)
        if key not in self._known:
            self._known[key] = RuleSet(self._read(source, scenario))
        return self._known[key]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """All that is wrong in the rules that were read."""
        found = [problem for known in self._known.values() for problem in known.result.errors]
        return tuple(dict.fromkeys(found))

    def _read(self, source: RuleSource, scenario: Scenario) -> LoadResult:
        if source.text is not None:
            file = FileText(path=scenario.path, name=scenario.path, text=source.text)
            return Loader().load([file], self._context)
        if source.revision is not None:
            assert self._read_revision is not None  # noqa: S101 - whoever makes the sets hands it in
            return self._read_revision(source.revision)
        return load_files(source.paths, self._context, root=None)

    def _around(self, scenario: Scenario) -> RuleSource:
        """The config's rules for what stands among them; else the rule file, or the directory of a scenario file."""
        here = Path(scenario.path)
        if Path(os.path.abspath(here)).is_relative_to(os.path.abspath(self._directory)):  # noqa: PTH100 - no links
            return RuleSource(paths=(self._directory,))
        return RuleSource(paths=(here.parent if is_test_file(here.name) else here,))


def place_of(rule: Rule) -> str:
    """Where a rule stands."""
    origin = rule.provenance
    return f"{origin.path}:{origin.line}" if origin.path else rule.id
