"""`autoflow test`: plays scenario files and the tests inside rules on a virtual clock. Nothing is sent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoflow.cli.help import help_text
from autoflow.cli.options import ConfigOption, JsonOption, check_choice, settings_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoflow.cli.scenario_reports import Report
    from autoflow.settings import Settings
    from autoflow.testing.coverage import Coverage
    from autoflow.testing.reader import ReadScenarios
    from autoflow.testing.scenario import Scenario

PANEL = "Know before"
TEST_HELP = help_text(
    "Play scenarios: `*.test.yaml` files and `tests:` inside rules, with the daemon's engine on a virtual clock. "
    "Nothing is sent. Ends with 1 where one fails, with 5 where there is none.",
    "autoflow test                            # those among the config's rules",
    "autoflow test rules/jobs/notify.test.yaml",
    "autoflow test -k timeout -x              # by name or label, up to the first that fails",
    "autoflow test --coverage --fail-under 90",
    "autoflow test --format junit --output report.xml",
)
FORMATS = ("text", "json", "junit", "github")
NO_TESTS = 5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("test", help=TEST_HELP, short_help="Play scenarios on a virtual clock", rich_help_panel=PANEL)(
        play_tests
    )


def play_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files, directories. Default: the config's rules."),
    ] = None,
    word: Annotated[
        str | None,
        typer.Option("-k", metavar="WORD", help="Only tests with this in their file, rule, name or labels."),
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", "-x", help="Stop at the first test that fails.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line for each test.")] = False,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="text, json, junit or github.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write that form there, and text here.")
    ] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Tell which comparisons and actions the tests have not seen.")
    ] = False,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", metavar="N", min=0, max=100, help="End with 1 below so many percent of them."),
    ] = None,
    coverage_file: Annotated[
        Path | None,
        typer.Option("--coverage-file", metavar="FILE", help="Write that there: Markdown as *.md, else JSON."),
    ] = None,
    json_: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Play scenarios."""
    from autoflow.cli.scenario_reports import Report, is_on_github

    form = "json" if json_ else format_ or ("github" if is_on_github() else "text")
    check_choice("--format", form, FORMATS)
    settings = settings_for(config)
    read = _read(settings, paths)
    from autoflow.testing.playing import choose

    chosen = choose(read.scenarios, word)
    if not chosen and not read.problems:
        _say_none(read, word)
    wants_coverage = coverage or fail_under is not None or coverage_file is not None
    report = Report(form=form, output=output, verbose=verbose, problems=read.problems)
    _play(settings, read, chosen, report, fail_fast=fail_fast, coverage=wants_coverage)
    report.end()
    is_covered = _tell_coverage(report.coverage, fail_under, coverage_file)
    sys.exit(0 if report.is_well and is_covered else 1)


def _tell_coverage(coverage: Coverage | None, fail_under: float | None, file: Path | None) -> bool:
    """Write it where that is wanted; whether it is enough."""
    if coverage is None:
        return True
    from autoflow.cli.coverage import is_under, write_coverage

    if file is not None:
        write_coverage(coverage, file)
    return fail_under is None or not is_under(coverage, fail_under)


def _read(settings: Settings, paths: list[Path] | None) -> ReadScenarios:
    from autoflow.errors import UsageError
    from autoflow.testing.reader import read_scenarios

    wanted = list(paths or [settings.rules])
    for path in wanted:
        if not path.exists():
            raise UsageError(
                f"there is no file or directory {path}", hint="name scenario files, rule files or directories"
            )
    return read_scenarios(wanted, timezone=settings.timezone)


def _say_none(read: ReadScenarios, word: str | None) -> None:
    from autoflow.cli.output import tell

    if word and read.scenarios:
        tell(f"none of {len(read.scenarios)} tests has {word!r} in its file, rule, name or labels")
    else:
        tell("no tests found: they stand in *.test.yaml files, or under tests: in a rule; see docs/testing.md")
    sys.exit(NO_TESTS)


def _play(
    settings: Settings,
    read: ReadScenarios,
    chosen: Sequence[Scenario],
    report: Report,
    *,
    fail_fast: bool,
    coverage: bool,
) -> None:
    import asyncio

    from autoflow.app.rehearsal import make_world
    from autoflow.cli.interruption import tidy_end
    from autoflow.cli.loading import make_url_check
    from autoflow.observe.log import say_nothing
    from autoflow.rules.loaded import Loaded, make_context
    from autoflow.rules.loader import LoadResult
    from autoflow.templates import TemplateLibrary
    from autoflow.testing.coverage_run import CoverageRun
    from autoflow.testing.playing import play_files

    say_nothing()
    library = TemplateLibrary.load(settings.templates)
    context = make_context(settings.notifiers, library, make_url_check(settings))
    with tidy_end(), make_world(settings, context, library) as world:
        seen = CoverageRun(world.rules, context.action_types, whole=coverage)
        asyncio.run(play_files(read.files, chosen, world, report.tell, watch=seen.watch, fail_fast=fail_fast))
        templates = Loaded(result=LoadResult((), (), ()), library=library, context=context)
        report.rule_problems = (*world.rules.errors, *templates.errors)
        report.not_played = len(chosen) - len(report.every)
        report.coverage, report.goals = seen.report(), seen.goals(report.every)
