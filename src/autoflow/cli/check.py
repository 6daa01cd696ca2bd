"""Knowing before: `validate`, `test-rule` and `schema`. Nothing is stored, nothing is sent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoflow.cli.help import help_text
from autoflow.cli.options import ConfigOption, JsonOption, check_choice, settings_for

if TYPE_CHECKING:
    from autoflow.rules.loaded import Loaded
    from autoflow.settings import Settings

PANEL = "Know before"
VALIDATE_HELP = help_text(
    "Every problem of every rule file and template, with its place and what to write instead. Ends with 1 where "
    "there is an error.",
    "autoflow validate                        # the rules of the config",
    "autoflow validate rules/jobs new.yaml",
    "autoflow validate --fail-on warning      # for CI",
    "autoflow validate --format json | jq '.items[].message'",
)
TEST_HELP = help_text(
    "What rules would do with events: the conditions with what was found, the time due, the messages. Nothing is "
    "sent and nothing is stored.",
    """autoflow test-rule rules/ --event '{"type": "job.created", "data": {"job": {"total": 2500}}}'""",
    "autoflow test-rule rules/high-value-job.yaml --event @event.json --expect fire",
    "autoflow test-rule rules/ --events events.jsonl --json",
    "autoflow test-rule rules/ --event @event.json --at 2026-03-29T00:50:00Z",
)
SCHEMA_HELP = help_text(
    "The JSON Schema of rule files or of the config, for editors.",
    "autoflow schema rule > rule.schema.json",
    "autoflow schema config > config.schema.json",
)
FORMATS = ("text", "json")
LATER_FORMATS = ("github", "sarif", "gitlab", "junit", "rdjsonl")
SCHEMAS = ("rule", "config")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("validate", help=VALIDATE_HELP, short_help="Find every mistake in rule files", rich_help_panel=PANEL)(
        validate
    )
    app.command(
        "test-rule", help=TEST_HELP, short_help="Show what rules would do with an event", rich_help_panel=PANEL
    )(try_rules)
    app.command("schema", help=SCHEMA_HELP, short_help="Print a JSON Schema for editors", rich_help_panel=PANEL)(
        schema
    )


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files, directories. Default: the config's rules."),
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text or json.")] = "text",
    json_: JsonOption = False,
    fail_on: Annotated[
        str, typer.Option("--fail-on", metavar="SEVERITY", help="error, or warning: what ends with 1.")
    ] = "error",
    config: ConfigOption = None,
) -> None:
    """Every problem of every rule file."""
    from autoflow.cli.findings import count_of, print_problems
    from autoflow.model.problem import Severity

    format_ = _check_format("json" if json_ else format_)
    check_choice("--fail-on", fail_on, ("error", "warning"))
    loaded = _load(settings_for(config), paths)
    problems = sorted(loaded.problems, key=lambda problem: (problem.path, problem.line, problem.column))
    errors, warnings = count_of(problems, Severity.ERROR), count_of(problems, Severity.WARNING)
    if format_ == "json":
        from autoflow.cli.output import print_json
        from autoflow.rules.report import problem_to_json

        items = [problem_to_json(problem) for problem in problems]
        rules = len(loaded.result.rules)
        print_json({"schema_version": 1, "items": items, "rules": rules, "errors": errors, "warnings": warnings})
    else:
        print_problems(problems, rules=len(loaded.result.rules), files=len(loaded.result.files))
    if errors or (warnings and fail_on == "warning"):
        sys.exit(1)


def try_rules(
    rules: Annotated[list[Path], typer.Argument(metavar="RULES...", help="Rule files or directories.")],
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="JSON", help="One event or an array: JSON, @FILE, - for stdin."),
    ] = None,
    events: Annotated[
        str | None, typer.Option("--events", metavar="FILE", help="A file of JSON lines, or - for stdin.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When the events arrive (RFC 3339). Default: now.")
    ] = None,
    json_: JsonOption = False,
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="WHAT", help="fire or no-fire: ends with 1 when it is not so.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """What rules would do with events."""
    from autoflow.errors import UsageError

    check_choice("--expect", expect, ("fire", "no-fire"))
    if (event is None) == (events is None):
        raise UsageError("one of --event and --events is needed", hint="for example --event @event.json")
    loaded = _load(settings_for(config), rules)
    from autoflow.cli.trial import try_events

    try_events(loaded, event=event, events=events, at=at, expect=expect, as_json=json_)


def schema(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="rule or config.")] = "rule",
) -> None:
    """The JSON Schema of rule files or the config."""
    from autoflow.cli.output import print_json

    check_choice("schema", kind, SCHEMAS)
    if kind == "rule":
        from autoflow.rules.json_schema import rule_json_schema

        print_json(rule_json_schema())
    else:
        from autoflow.settings.schema import config_schema

        print_json(config_schema())


def _check_format(word: str) -> str:
    if word in LATER_FORMATS:
        from autoflow.errors import UsageError

        raise UsageError(f"--format {word} is not in this release; it has {' and '.join(FORMATS)}")
    check_choice("--format", word, FORMATS)
    return word


def _load(settings: Settings, paths: list[Path] | None) -> Loaded:
    """The rules at these paths, checked against the config's notifiers and templates."""
    from autoflow.cli.progress import show_progress
    from autoflow.errors import UsageError
    from autoflow.rules.loaded import Loaded, make_context
    from autoflow.rules.loader import load_files
    from autoflow.templates import TemplateLibrary

    wanted = list(paths or [settings.rules])
    for path in wanted:
        if not path.exists():
            raise UsageError(f"there is no {path}", hint="name rule files or directories")
    root = wanted[0] if len(wanted) == 1 and wanted[0].is_dir() else None
    with show_progress("reading rules"):
        library = TemplateLibrary.load(settings.templates)
        context = make_context(settings.notifiers, library, _make_url_check(settings))
        return Loaded(result=load_files(wanted, context, root=root), library=library, context=context)


def _make_url_check(settings: Settings) -> Callable[[str], None]:
    """Whether rules may send to a URL; the network's modules are imported with the first one."""

    def check(url: str) -> None:
        from autoflow.security.egress import EgressGuard

        EgressGuard(settings.egress.allow, require_https=settings.egress.require_https).check_written(url)

    return check
