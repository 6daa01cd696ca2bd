"""Scenario files, and the tests inside rule files, to scenarios; everything wrong is a problem with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from autoflow.model.json import Json
from autoflow.model.problem import Problem, Severity
from autoflow.rules.parts import TESTS, Part, take_apart
from autoflow.rules.schema import shape_of
from autoflow.rules.source import (
    FileText,
    SourceFile,
    file_problem,
    find_paths,
    is_test_file,
    parse_file,
    read_file,
)
from autoflow.strict_yaml import Pointer
from autoflow.testing import codes
from autoflow.testing.fields import Notes, read_keys
from autoflow.testing.keys import FILE_KEYS, TEST_KEYS
from autoflow.testing.scenario import ClockKeys, ConfigKeys, Mocks, Moment, Scenario, ScenarioFile


class ReadScenarios(NamedTuple):
    """What files hold of tests, and what is wrong in them."""

    files: tuple[ScenarioFile, ...]
    problems: tuple[Problem, ...]

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """Every test, in order."""
        return tuple(scenario for file in self.files for scenario in file.scenarios)


def read_scenarios(paths: Iterable[Path], *, timezone: str = "UTC") -> ReadScenarios:
    """The tests of these files and of those below these directories: scenario files, and rule files with tests."""
    files: list[ScenarioFile] = []
    problems: list[Problem] = []
    for path in dict.fromkeys(_expand(paths)):
        reading = _Reading(read_file(path, None), path, timezone)
        files.append(reading.read())
        problems += reading.problems
    problems = sorted(dict.fromkeys(problems), key=lambda problem: (problem.path, problem.line, problem.column))
    return ReadScenarios(files=tuple(files), problems=tuple(problems))


def _expand(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from map(Path, find_paths(path, _may_hold_tests))
        else:
            yield path


def _may_hold_tests(name: str) -> bool:
    return name.endswith((".yaml", ".yml", ".json")) and not name.startswith(".")


class _Reading:
    """Reads one file."""

    def __init__(self, file: FileText, path: Path, timezone: str) -> None:
        self._file = file
        self._path = path
        self._timezone = timezone
        self.problems: list[Problem] = []
        self._names: dict[str, int] = {}

    def read(self) -> ScenarioFile:
        """The tests of the file. A rule file that is wrong elsewhere is told by the loader, not here."""
        if is_test_file(self._path.name):
            return self._read_scenario_file(parse_file(self._file))
        if self._file.problem is not None or TESTS not in self._file.text:
            return ScenarioFile(path=self._path)
        source = parse_file(self._file)
        parts = [part for part in take_apart(source).rules if TESTS in part.value]
        parts += [
            Part(file=source, document=document, pointer=(), value=document.value)
            for document in source.documents
            if isinstance(document.value, dict) and {"rules", TESTS} <= document.value.keys()
        ]
        scenarios = [scenario for part in parts for scenario in self._read_rule_tests(part)]
        return ScenarioFile(path=self._path, scenarios=tuple(scenarios))

    def _read_scenario_file(self, source: SourceFile) -> ScenarioFile:
        self.problems += source.problems
        documents = [document for document in source.documents if document.value is not None]
        if not documents and not source.problems:
            hint = "write tests: and a list below it"
            self.problems.append(file_problem(source.path, codes.NO_TESTS, "no test in this file", hint))
        scenarios: list[Scenario] = []
        coverage: dict[str, Any] = {}
        for document in documents:
            part = Part(file=source, document=document, pointer=(), value=document.value)
            notes = self._notes(part)
            read = read_keys(document.value, FILE_KEYS, (), notes) or {}
            coverage |= read.get("coverage", {})
            scenarios += self._read_tests(read, (TESTS,), notes)
            self._tell(notes)
        return ScenarioFile(path=self._path, scenarios=tuple(scenarios), coverage=coverage)

    def _read_rule_tests(self, part: Part) -> list[Scenario]:
        notes = self._notes(part)
        rule = None if "rules" in part.value else str(part.value.get("id", part.defaults.get("id")))
        scenarios = self._read_tests({TESTS: part.value[TESTS]}, (TESTS,), notes, rule=rule)
        self._tell(notes)
        return scenarios

    def _notes(self, part: Part) -> Notes:
        return Notes(part=part, folder=self._path.parent)

    def _tell(self, notes: Notes) -> None:
        broken = {problem.line for problem in errors_of(notes.part.file.problems)}
        found = [notes.part.problem(finding) for finding in notes.findings.items]
        # What the YAML of that line led to has been said with its cause.
        self.problems += [problem for problem in found if problem.line not in broken]

    def _read_tests(
        self, shared: dict[str, Any], at: Pointer, notes: Notes, *, rule: str | None = None
    ) -> list[Scenario]:
        tests = shared.get(TESTS)
        if not isinstance(tests, list):
            if TESTS in shared:
                notes.add(at, f"tests must be a list, not {shape_of(tests)}", code=codes.WRONG_SHAPE)
            return []
        if not tests:
            notes.add(at, "there is no test", code=codes.NO_TESTS)
        found = [self._read_test(test, (*at, index), shared, notes, rule) for index, test in enumerate(tests)]
        return [scenario for scenario in found if scenario is not None]

    def _read_test(
        self, test: Json, at: Pointer, shared: dict[str, Any], notes: Notes, rule: str | None
    ) -> Scenario | None:
        before = len(notes.findings.items)
        read = read_keys(test, TEST_KEYS, at, notes)
        if read is None:
            return None
        scenario = Scenario(
            name=read.get("name", "?"),
            spot=notes.spot(at),
            labels=tuple(read.get("labels", ())),
            steps=read.get("steps", ()),
            clock=self._join_clocks(read.get("clock"), shared.get("clock")),
            mocks=_join_mocks(read.get("mocks"), shared.get("mocks")),
            config=_join_configs(read.get("config"), shared.get("config")),
            rules=read.get("rules") or shared.get("rules"),
            rule=rule,
        )
        self._check_name(scenario, at, notes)
        self._check_times(scenario, at, notes)
        whole = notes.part._replace(pointer=(*notes.part.pointer, *at))
        is_good = len(notes.findings.items) == before and not whole.is_broken()
        return scenario if is_good else None

    def _join_clocks(self, own: ClockKeys | None, shared: ClockKeys | None) -> ClockKeys:
        clocks = [clock for clock in (own, shared) if clock is not None]
        start = next((clock.start for clock in clocks if clock.start is not None), None)
        timezone = next((clock.timezone for clock in clocks if clock.timezone is not None), self._timezone)
        return ClockKeys(start=start, timezone=timezone)

    def _check_name(self, scenario: Scenario, at: Pointer, notes: Notes) -> None:
        line = notes.part.document.key_at((*notes.part.pointer, *at)).line
        first = self._names.setdefault(scenario.name, line)
        if first != line:
            message = f"line {first} has a test of this name"
            notes.add((*at, "name"), message, "give one of them another name", code=codes.NAME_TWICE)

    def _check_times(self, scenario: Scenario, at: Pointer, notes: Notes) -> None:
        """A time that no clock in the zone ever shows."""
        zone = ZoneInfo(scenario.clock.timezone or "UTC")
        own = scenario.spot.below("clock", "start")
        begin = own.pointer if notes.part.document.has((*notes.part.pointer, *own.pointer)) else ("clock", "start")
        times: list[tuple[datetime | None, Pointer]] = [(scenario.clock.start, begin)]
        for index, step in enumerate(scenario.steps):
            moment = getattr(step.deed, "moment", None)
            if isinstance(moment, Moment) and isinstance(moment.value, datetime):
                times.append((moment.value, (*at, "steps", index, "at")))
        for written, place in times:
            if written is not None and written.tzinfo is None and not _exists(written, zone):
                message = f"there is no {written.isoformat()} in {zone.key}: clocks are put forward then"
                notes.add(place, message, "write the offset that is meant", code=codes.NO_SUCH_TIME)


def _exists(written: datetime, zone: ZoneInfo) -> bool:
    there = written.replace(tzinfo=zone)
    return there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == written


def _join_mocks(own: Mocks | None, shared: Mocks | None) -> Mocks:
    if own is None or shared is None:
        return own or shared or Mocks()
    return Mocks(
        actions={**shared.actions, **own.actions},
        notifiers={**shared.notifiers, **own.notifiers},
        rules={**shared.rules, **own.rules},
    )


def _join_configs(own: ConfigKeys | None, shared: ConfigKeys | None) -> ConfigKeys:
    if own is None or shared is None:
        return own or shared or ConfigKeys()
    return ConfigKeys(
        retry=shared.retry if own.retry is None else own.retry,
        chain_depth=shared.chain_depth if own.chain_depth is None else own.chain_depth,
        shadow=shared.shadow if own.shadow is None else own.shadow,
    )


def errors_of(problems: Iterable[Problem]) -> list[Problem]:
    """Those that keep a test from being played."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]
