"""Plays many scenarios, one after the other on one event loop, and says what became of each as it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from autoflow.testing.player import Watcher, World, play
from autoflow.testing.scenario import Scenario, ScenarioFile
from autoflow.testing.verdicts import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A scenario and what became of it."""

    scenario: Scenario
    failures: tuple[Failure, ...]
    #: how long it took, by the machine's clock
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures


def choose(scenarios: Iterable[Scenario], word: str | None) -> list[Scenario]:
    """Those whose file, rule, name or labels hold a word, in whatever case; all of them where none is given."""
    if not word:
        return list(scenarios)
    wanted = word.casefold()
    return [one for one in scenarios if any(wanted in text.casefold() for text in _texts_of(one))]


def _texts_of(scenario: Scenario) -> Iterable[str]:
    return (scenario.path, scenario.name, scenario.rule or "", *scenario.labels)


async def play_all(
    scenarios: Sequence[Scenario], world: World, tell: Callable[[Played], None], *, fail_fast: bool = False
) -> list[Played]:
    """What became of each, in their order; with `fail_fast` up to the first that failed."""
    every: list[Played] = []
    for scenario in scenarios:
        begun = time.perf_counter()
        failures = await play(scenario, world)
        played = Played(scenario=scenario, failures=failures, seconds=time.perf_counter() - begun)
        every.append(played)
        tell(played)
        if fail_fast and failures:
            break
    return every


Watch = Callable[[ScenarioFile, Sequence[Scenario]], Watcher | None]
"""Who is to see the tests of a file that are played."""


async def play_files(
    files: Iterable[ScenarioFile],
    chosen: Sequence[Scenario],
    world: World,
    tell: Callable[[Played], None],
    *,
    watch: Watch,
    fail_fast: bool = False,
) -> None:
    """Play those that were chosen, file by file."""
    wanted = {id(scenario) for scenario in chosen}
    for file in files:
        scenarios = [scenario for scenario in file.scenarios if id(scenario) in wanted]
        if not scenarios:
            continue
        seen_by = replace(world, watcher=watch(file, scenarios))
        played = await play_all(scenarios, seen_by, tell, fail_fast=fail_fast)
        if fail_fast and not all(one.passed for one in played):
            return
