"""Knowing before: `test-rule` and `schema`. Nothing is stored, nothing is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoflow.cli.completion import ids_of
from autoflow.cli.help import help_text
from autoflow.cli.loading import load_rules
from autoflow.cli.options import ConfigOption, JsonOption, StateOption, check_choice, settings_for

PANEL = "Know before"
TEST_HELP = help_text(
    "What rules would do with events: the conditions with what was found, the time due, the messages. Nothing is "
    "sent and nothing is stored.",
    """autoflow test-rule rules/ --event '{"type": "job.created", "data": {"job": {"total": 2500}}}'""",
    "autoflow test-rule rules/high-value-job.yaml --event @event.json --expect fire",
    "autoflow test-rule rules/ --events events.jsonl --json",
    "autoflow test-rule rules/ --event-id job-4711      # one that came in",
    "autoflow test-rule rules/ --event @event.json --at 2026-03-29T00:50:00Z",
)
SCHEMA_HELP = help_text(
    "The JSON Schema of rule files, of the config, or of scenario files (test), for editors.",
    "autoflow schema rule > rule.schema.json",
    "autoflow schema config > config.schema.json",
    "autoflow schema test > test.schema.json",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "test-rule", help=TEST_HELP, short_help="Show what rules would do with an event", rich_help_panel=PANEL
    )(try_rules)
    app.command("schema", help=SCHEMA_HELP, short_help="Print a JSON Schema for editors", rich_help_panel=PANEL)(
        schema
    )


def try_rules(
    rules: Annotated[list[Path], typer.Argument(metavar="RULES...", help="Rule files or directories.")],
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="JSON", help="One event or an array: JSON, @FILE, - for stdin."),
    ] = None,
    events: Annotated[
        str | None, typer.Option("--events", metavar="FILE", help="A file of JSON lines, or - for stdin.")
    ] = None,
    event_id: Annotated[
        str | None,
        typer.Option(
            "--event-id",
            metavar="ID",
            help="An event that is stored, as it arrived.",
            autocompletion=ids_of("events"),
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When the events arrive (RFC 3339). Default: now.")
    ] = None,
    json_: JsonOption = False,
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="WHAT", help="fire or no-fire: ends with 1 when it is not so.")
    ] = None,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """What rules would do with events."""
    from autoflow.errors import UsageError

    check_choice("--expect", expect, ("fire", "no-fire"))
    if [event, events, event_id].count(None) != 2:
        raise UsageError("one of --event, --events and --event-id is needed", hint="for example --event @event.json")
    settings = settings_for(config, state=state)
    loaded = load_rules(settings, rules)
    from autoflow.cli.reading import read_events, read_moment
    from autoflow.cli.trial import try_events

    if event_id is not None:
        from autoflow.cli.stored import fetch_event

        arrived = [fetch_event(settings.state, event_id, at=read_moment(at))]
    else:
        arrived = read_events(event, events, at)
    try_events(loaded, arrived, expect=expect, as_json=json_)


def schema(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="rule, config or test.")] = "rule",
) -> None:
    """The JSON Schema of rule files, the config or scenario files."""
    from autoflow.cli.output import print_json
    from autoflow.cli.schemas import SCHEMAS, make_schema

    check_choice("schema", kind, SCHEMAS)
    print_json(make_schema(kind))
