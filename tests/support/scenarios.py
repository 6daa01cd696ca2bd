"""Plays scenario files as `autoflow test` does, in this process."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from autoflow.app.rehearsal import make_world
from autoflow.cli.scenario_reports import Report
from autoflow.model.problem import Problem
from autoflow.rules.loaded import make_context
from autoflow.settings import Settings, load_settings
from autoflow.templates import TemplateLibrary
from autoflow.testing.player import Watcher
from autoflow.testing.playing import Played, play_all
from autoflow.testing.reader import read_scenarios


def settings_in(home: Path) -> Settings:
    """Settings with the rules and templates of a directory, and nothing else said."""
    flags = {"rules": str(home / "rules"), "templates": str(home / "templates"), "state": str(home / "state")}
    return load_settings(None, overrides=flags, environ={})


def play_files(
    paths: Sequence[Path], settings: Settings, *, watcher: Watcher | None = None, report: Report | None = None
) -> tuple[list[Played], Sequence[Problem]]:
    """What became of each test of these files, and what is wrong in the files."""
    read = read_scenarios(paths, timezone=settings.timezone)
    library = TemplateLibrary.load(settings.templates)
    context = make_context(settings.notifiers, library)
    report = report or Report(form="json", output=None, verbose=False)
    with make_world(settings, context, library, watcher=watcher) as world:
        played = asyncio.run(play_all(read.scenarios, world, report.tell))
        report.problems, report.rule_problems = read.problems, world.rules.errors
    return played, read.problems


def failures_of(played: Sequence[Played]) -> list[str]:
    """What failed, a line each."""
    return [
        f"{failure.spot} {one.scenario.name}: {failure.message} {failure.diff}"
        for one in played
        for failure in one.failures
    ]
