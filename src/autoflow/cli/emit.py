"""`autoflow emit`: send events to the running daemon, and say what they led to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from autoflow.cli.options import ConfigOption, JsonOption, StateOption, settings_for

EMIT_HELP = """Send an event to the running daemon; prints its id once it is on disk.

Examples:

- `autoflow emit job.created --data @examples/job-created.json`

- `autoflow emit job.done --data '{"job":{"id":"j1"}}' --id j1-done`

- `autoflow emit --events events.jsonl`
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="emit", help=EMIT_HELP)(emit)


def emit(
    type_: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="What happened, for example job.created.")
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="JSON, @FILE, or - for standard input.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The event's id; the same id again is a duplicate.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Where it comes from.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Whose event it is.")] = None,
    time: Annotated[str | None, typer.Option("--time", help="When it happened (RFC 3339).")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="What it is about.")] = None,
    events: Annotated[str | None, typer.Option("--events", help="A file of JSON lines, or -.")] = None,
    json_: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Send events to the running daemon."""
    from autoflow.cli.client import call
    from autoflow.cli.reading import read_file, read_text
    from autoflow.errors import UsageError

    if (type_ is None) == (events is None):
        raise UsageError("an event's TYPE or --events is needed", hint="for example: autoflow emit job.created")
    if events is not None:
        body = read_text("-") if events == "-" else read_file(Path(events))
        media_type = "application/x-ndjson"
    else:
        fields = {"type": type_, "id": id_, "source": source, "account": account, "time": time, "subject": subject}
        event: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        if data is not None:
            event["data"] = _parse(read_text(data))
        body, media_type = json.dumps(event).encode(), "application/json"
    settings = settings_for(config, state=state)
    answer = call(
        settings.state, "POST", "/v1/events", content=body, headers={"content-type": media_type}, need_daemon=True
    )
    if json_:
        from autoflow.cli.output import print_json

        print_json({"schema_version": 1, **answer})
        return
    _print(answer, type_)


def _parse(text: bytes) -> Any:
    from autoflow.errors import UsageError

    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"--data is not JSON: {error}", hint="quote it for the shell, or use @FILE") from error


def _print(answer: Any, type_: str | None) -> None:
    """The ids on standard output; what they led to on standard error."""
    from autoflow.cli.output import in_words, short_time, tell
    from autoflow.clock import SystemClock, from_rfc3339

    now = SystemClock().now()
    for event in answer["events"]:
        typer.echo(event["id"])
        if event["status"] == "duplicate":
            tell(f"  a duplicate: {event['id']} was taken before; nothing is started")
        for run in event.get("runs", ()):
            left = from_rfc3339(run["due_at"]) - now
            when = "now" if left <= 0 else f"{in_words(left)} ({short_time(run['due_at'])})"
            tell(f"  {run['rule']}  {when}")
        if event["status"] == "accepted" and not event.get("runs"):
            tell("  " + event.get("note", f"no rule acts on this {type_ or 'event'}"))
