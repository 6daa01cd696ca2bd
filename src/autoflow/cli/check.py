"""Knowing before: `validate`, `test-rule` and `schema`. Nothing is stored, nothing is sent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoflow.cli.options import ConfigOption, JsonOption, settings_for

if TYPE_CHECKING:
    from autoflow.model.event import Event
    from autoflow.preview import Preview
    from autoflow.reload import Loaded
    from autoflow.settings import Settings

VALIDATE_HELP = """Every problem of every rule file, with its place and what to write instead.

Examples:

- `autoflow validate` checks the rules directory of the config

- `autoflow validate rules/jobs --format json`

- `autoflow validate --fail-on warning` for CI
"""
TEST_HELP = """What rules would do with events: the conditions with actual values, the time due, the messages.

Nothing is sent and nothing is stored.

Examples:

- `autoflow test-rule rules/ --event '{"type":"job.created","data":{"job":{"total":2500}}}'`

- `autoflow test-rule rules/high-value-job.yaml --event @event.json --expect fire`

- `autoflow test-rule rules/ --events events.jsonl --json`
"""
FORMATS = ("text", "json")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="validate", help=VALIDATE_HELP)(validate)
    app.command(name="test-rule", help=TEST_HELP)(preview_rules)
    app.command(name="schema")(schema)


def validate(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or directories. Default: the config's rules.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    json_: JsonOption = False,
    fail_on: Annotated[str, typer.Option("--fail-on", help="error or warning.")] = "error",
    config: ConfigOption = None,
) -> None:
    """Every problem of every rule file, with its place and what to write instead."""
    from autoflow.errors import UsageError
    from autoflow.model.problem import Severity

    format_ = "json" if json_ else format_
    if format_ not in FORMATS:
        raise UsageError(f"--format {format_} is not there; this release has {' and '.join(FORMATS)}")
    if fail_on not in ("error", "warning"):
        raise UsageError("--fail-on is error or warning")
    settings = settings_for(config)
    loaded = _load(settings, paths)
    problems = sorted(loaded.problems, key=lambda problem: (problem.path, problem.line, problem.column))
    errors = sum(1 for problem in problems if problem.severity is Severity.ERROR)
    warnings = sum(1 for problem in problems if problem.severity is Severity.WARNING)
    if format_ == "json":
        from autoflow.cli.output import print_json
        from autoflow.rules.report import problem_to_json

        items = [problem_to_json(problem) for problem in problems]
        count = len(loaded.result.rules)
        print_json({"schema_version": 1, "items": items, "rules": count, "errors": errors, "warnings": warnings})
    else:
        from autoflow.cli.findings import print_problems

        print_problems(problems, rules=len(loaded.result.rules), files=len(loaded.result.files))
    if errors or (warnings and fail_on == "warning"):
        sys.exit(1)


def preview_rules(
    rules: Annotated[list[Path], typer.Argument(help="Rule files or directories.")],
    event: Annotated[str | None, typer.Option("--event", help="JSON, @FILE, or - for standard input.")] = None,
    events: Annotated[str | None, typer.Option("--events", help="A file of JSON lines, or -.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="When the events arrive (RFC 3339). Default: now.")] = None,
    json_: JsonOption = False,
    expect: Annotated[str | None, typer.Option("--expect", help="fire or no-fire; 1 when it is not so.")] = None,
    config: ConfigOption = None,
) -> None:
    """What rules would do with events."""
    from autoflow.cli.findings import print_problems
    from autoflow.errors import UsageError

    if expect not in (None, "fire", "no-fire"):
        raise UsageError("--expect is fire or no-fire")
    if (event is None) == (events is None):
        raise UsageError("one of --event and --events is needed", hint="for example --event @event.json")
    settings = settings_for(config)
    loaded = _load(settings, rules)
    if loaded.errors:
        print_problems(
            loaded.errors, rules=len(loaded.result.rules), files=len(loaded.result.files), stream=sys.stderr
        )
        if not loaded.result.rules:
            sys.exit(1)
    arrived = _read_events(event, events, at)
    previews = [preview for one in arrived for preview in _preview(loaded, one)]
    _show(previews, arrived, loaded, as_json=json_)
    if expect is not None and any(preview.fires for preview in previews) is not (expect == "fire"):
        from autoflow.cli.output import tell

        tell(f"expected {expect}: it is not so")
        sys.exit(1)


def schema(kind: Annotated[str, typer.Argument(help="rule or config.")] = "rule") -> None:
    """The JSON Schema of rule files or the config, for editors.

    Example: `autoflow schema rule > rule.schema.json`
    """
    from autoflow.cli.output import print_json
    from autoflow.errors import UsageError

    if kind == "rule":
        from autoflow.rules.json_schema import rule_json_schema

        print_json(rule_json_schema())
    elif kind == "config":
        from autoflow.settings import config_schema

        print_json(config_schema())
    else:
        raise UsageError(f"there is no schema {kind!r}", hint="rule or config")


def _load(settings: Settings, paths: list[Path] | None) -> Loaded:
    """The rules at these paths, checked against the config's notifiers and templates."""
    from autoflow.errors import UsageError
    from autoflow.reload import Loaded, make_context
    from autoflow.rules.loader import load_files
    from autoflow.templates import TemplateLibrary

    wanted = list(paths or [settings.rules])
    for path in wanted:
        if not path.exists():
            raise UsageError(f"there is no {path}", hint="name rule files or directories")
    root = wanted[0] if len(wanted) == 1 and wanted[0].is_dir() else None
    library = TemplateLibrary.load(settings.templates)
    context = make_context(settings.notifiers, library)
    return Loaded(result=load_files(wanted, context, root=root), library=library, context=context)


def _read_events(event: str | None, events: str | None, at: str | None) -> list[Event]:
    from autoflow.cli.reading import read_events

    return read_events(event, events, at)


def _preview(loaded: Loaded, event: Event) -> list[Preview]:
    from autoflow.model.rule import Enabled
    from autoflow.preview import meets_trigger, preview_rule

    return [
        preview_rule(rule, event, types=loaded.context.action_types, library=loaded.library)
        for rule in loaded.result.rules
        if rule.enabled is not Enabled.OFF and meets_trigger(rule, event)
    ]


def _show(previews: list[Preview], events: list[Event], loaded: Loaded, *, as_json: bool) -> None:
    from dataclasses import replace

    from autoflow.cli.findings import print_preview
    from autoflow.cli.output import print_line, tell
    from autoflow.preview import meets_trigger, preview_to_json

    for preview in previews:
        if as_json:
            print_line(preview_to_json(preview))
        else:
            print_preview(preview)
    for event in events:
        if any(preview.event is event for preview in previews):
            continue
        others = {
            rule.account
            for rule in loaded.result.rules
            if rule.account != event.account and meets_trigger(rule, replace(event, account=rule.account))
        }
        if others:
            names = ", ".join(sorted(others))
            tell(
                f"{event.type}: a trigger is met but for the account: rules of {names}, the event of {event.account}"
            )
        else:
            tell(f"{event.type}: no rule is triggered by this event")
    if not as_json and previews:
        tell("nothing was sent")
