"""`autoflow emit`: send events to the running daemon, and say what they led to."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from autoflow.cli.help import help_text
from autoflow.cli.options import ConfigOption, JsonOption, StateOption, settings_for

HELP = help_text(
    "Send events to the running daemon; prints their ids once they are on disk, and says on standard error what "
    "each led to.",
    "autoflow emit job.created --data @examples/job-created.json",
    """autoflow emit job.done --data '{"job": {"id": "j1"}}' --id j1-done""",
    "autoflow emit --events events.jsonl      # one event a line, all or none",
    "tail -n 1 log.jsonl | autoflow emit --events -",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("emit", help=HELP, short_help="Send events to the daemon", rich_help_panel="Run")(emit)


def emit(
    type_: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="What happened, for example job.created.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", "-d", metavar="JSON", help="The facts: JSON, @FILE, or - for stdin.")
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The event's id; the same id again is a duplicate.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="Where it comes from.")] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Whose event it is.")] = None,
    time: Annotated[str | None, typer.Option("--time", metavar="TIME", help="When it happened (RFC 3339).")] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="TEXT", help="What it is about.")] = None,
    events: Annotated[
        str | None, typer.Option("--events", metavar="FILE", help="JSON lines instead; - for stdin.")
    ] = None,
    json_: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Send events to the running daemon."""
    from autoflow.cli.client import send
    from autoflow.cli.output import print_json
    from autoflow.cli.reading import JSON, LINES, read_lines

    fields = {"type": type_, "id": id_, "source": source, "account": account, "time": time, "subject": subject}
    given = {name: value for name, value in fields.items() if value is not None}
    _check(given, data, events)
    settings = settings_for(config, state=state)
    if events is not None:
        answer = send(settings.state, "/v1/events", read_lines(events), LINES)
    else:
        answer = send(settings.state, "/v1/events", _event(given, data), JSON)
    if json_:
        print_json({"schema_version": 1, **answer})
    else:
        _print(answer)


def _check(given: dict[str, Any], data: str | None, events: str | None) -> None:
    """One event in words, or a file of whole events."""
    from autoflow.errors import UsageError

    if events is None and "type" not in given:
        raise UsageError("what happened? TYPE is needed, or --events", hint="for example: autoflow emit job.created")
    if events is not None and (given or data is not None):
        more = ["--data"] if data is not None else []
        names = ", ".join([*("TYPE" if name == "type" else f"--{name}" for name in given), *more])
        raise UsageError(f"{names} cannot go with --events", hint="its lines are whole events")


def _event(given: dict[str, Any], data: str | None) -> bytes:
    from autoflow.cli.reading import read_text
    from autoflow.errors import UsageError

    if data is None:
        return json.dumps(given).encode()
    try:
        return json.dumps({**given, "data": json.loads(read_text(data))}).encode()
    except ValueError as error:
        where = data if data.startswith("@") or data == "-" else "--data"
        raise UsageError(
            f"{where} is not JSON: {error}", hint="quote it for the shell, or use --data @FILE"
        ) from error


def _print(answer: Any) -> None:
    """The ids on standard output; what they led to on standard error."""
    from autoflow.cli.output import from_now, print_text, short_time, tell

    if not answer["events"]:
        tell("there was no event in it")
    for event in answer["events"]:
        print_text(event["id"])
        if event["status"] == "duplicate":
            tell(f"  a duplicate: {event['id']} was taken before; nothing is started")
        for run in event.get("runs", ()):
            left = from_now(run["due_at"])
            when = f"{left} ({short_time(run['due_at'])})" if left.startswith("in ") else "now"
            tell(f"  {run['rule']}  {when}")
        for run in event.get("ended", ()):
            tell(f"  {run['rule']}  cancelled ({run['run']})")
        if event["status"] == "accepted" and not event.get("runs") and not event.get("ended"):
            tell(f"  {event.get('note', 'no rule acts on it')}")
