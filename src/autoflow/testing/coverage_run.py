"""Coverage of a run of tests: of all rules together, and of those that a scenario file asks it for.

Beside the player, which tells what it sees. After it: the command, which ends with 1 where it is too low.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autoflow.actions.types import ActionType
from autoflow.model.event import Event
from autoflow.model.rule import Rule
from autoflow.rules.source import ENDINGS, FileText, read_file
from autoflow.rules.whereabouts import RulePlaces, locate_rules
from autoflow.testing.cast import Attempt
from autoflow.testing.coverage import Coverage, CoverageRecorder, Key, Share
from autoflow.testing.playing import Played
from autoflow.testing.rule_sets import RuleSets
from autoflow.testing.scenario import Scenario, ScenarioFile, Spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A part of the rules that a scenario file wants its tests to have seen."""

    spot: Spot
    #: leaves or actions
    part: str
    percent: int
    share: Share
    coverage: Coverage

    @property
    def is_met(self) -> bool:
        """Whether they have."""
        return self.share.percent >= self.percent


class CoverageWatch:
    """Sees a test for several recorders."""

    def __init__(self, *recorders: CoverageRecorder) -> None:
        self._recorders = recorders

    def event_judged(self, event: Event, rules: Sequence[Rule]) -> None:
        """An event was stored; these rules were in force."""
        for recorder in self._recorders:
            recorder.event_judged(event, rules)

    def action_fired(self, attempt: Attempt) -> None:
        """An action was attempted for the first time."""
        for recorder in self._recorders:
            recorder.action_fired(attempt.account, attempt.rule_id, attempt.step)


class CoverageRun:
    """What is covered by the tests of some files, which are played one file after the other."""

    def __init__(self, sets: RuleSets, types: Mapping[str, ActionType], *, whole: bool) -> None:
        self._sets = sets
        self._types = types
        self._whole = CoverageRecorder() if whole else None
        self._asked: list[tuple[ScenarioFile, CoverageRecorder]] = []
        #: reading files again takes time: by the set of rules
        self._places: dict[int, Mapping[Key, RulePlaces]] = {}

    def watch(self, file: ScenarioFile, scenarios: Sequence[Scenario]) -> CoverageWatch | None:
        """Who is to see these tests of a file; None where nobody wants to know."""
        recorders = [] if self._whole is None else [self._whole]
        # What a file asks for, it asks of all its tests.
        if file.coverage and len(scenarios) == len(file.scenarios):
            own = CoverageRecorder()
            self._asked.append((file, own))
            self._count(own, scenarios, only_own=True)
            recorders.append(own)
        if self._whole is not None:
            self._count(self._whole, scenarios, only_own=False)
        return CoverageWatch(*recorders) if recorders else None

    def _count(self, recorder: CoverageRecorder, scenarios: Sequence[Scenario], *, only_own: bool) -> None:
        for scenario in scenarios:
            rules = self._sets.of(scenario).rules
            recorder.count_rules(own_rules(scenario, rules) if only_own else rules, self._places_of(scenario))

    def _places_of(self, scenario: Scenario) -> Mapping[Key, RulePlaces]:
        found = self._sets.of(scenario)
        if id(found.rules) not in self._places:
            files = [] if not found.rules else _files_of(scenario, found.result.files)
            self._places[id(found.rules)] = locate_rules(files, found.rules, self._types)
        return self._places[id(found.rules)]

    def report(self) -> Coverage | None:
        """All together; None where nobody asked for it."""
        return None if self._whole is None else self._whole.report()

    def goals(self, played: Iterable[Played]) -> tuple[Goal, ...]:
        """What files ask for, and what came of it. A test that failed has not seen all that it would have."""
        failed = {one.scenario.path for one in played if not one.passed}
        found = []
        for file, recorder in self._asked:
            if file.scenarios[0].path in failed:
                continue
            coverage = recorder.report()
            shares = {"leaves": coverage.leaves, "actions": coverage.actions}
            spot = file.scenarios[0].spot
            found += [
                Goal(
                    spot=Spot(part=spot.part, pointer=("coverage", part)),
                    part=part,
                    percent=percent,
                    share=shares[part],
                    coverage=coverage,
                )
                for part, percent in file.coverage.items()
            ]
        return tuple(found)


def own_rules(scenario: Scenario, rules: Sequence[Rule]) -> Sequence[Rule]:
    """The rules that a scenario file is about: those it names, else those of the rule file of its name, else all."""
    if scenario.rules is not None:
        return rules
    stem = scenario.path.removesuffix(".yaml").removesuffix(".yml").removesuffix(".test")
    beside = [rule for rule in rules if rule.provenance.path in [stem + ending for ending in ENDINGS]]
    return beside or rules


def _files_of(scenario: Scenario, paths: Sequence[str]) -> list[FileText]:
    source = scenario.rules
    if source is not None and source.text is not None:
        return [FileText(path=scenario.path, name=scenario.path, text=source.text)]
    if source is not None and source.revision is not None:
        return []  # they stand in no file that is there now
    return [read_file(Path(path), None) for path in paths]
