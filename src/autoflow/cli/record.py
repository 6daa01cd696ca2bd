"""`autoflow test record`: writes a scenario from a stored event and what really came of it, and plays it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from autoflow.cli.help import help_text
from autoflow.cli.options import ConfigOption, StateOption, settings_for

if TYPE_CHECKING:
    from autoflow.settings import Settings
    from autoflow.testing.recording import Story

PANEL = "Know before"
HELP = help_text(
    "Write a scenario from a stored event and what really came of it: actions with what they sent, attempts and how "
    "they ended, cancellations, delays. Addresses and numbers of people are made up, as the config's record.redact "
    "says. Then it is played: ends with 1 where it does not pass with the rules as they are.",
    "autoflow test record ID",
    "autoflow test record ID --output rules/notify-technician.recorded.test.yaml",
)
MOST_EVENTS = 1_000
"""In one story: what leads to more would make no scenario that anybody reads."""

Ask = Callable[[str], Any]
"""What the API answers to a GET."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("test record", help=HELP, short_help="Write a scenario from a real event", rich_help_panel=PANEL)(
        record
    )


def record(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there; else to standard output.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Whose event, where several have that id.")
    ] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="In which account.")] = None,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Write a scenario from a stored event."""
    from autoflow.cli.client import call
    from autoflow.cli.output import tell
    from autoflow.errors import UsageError

    settings = settings_for(config, state=state)
    if output is not None and not output.name.endswith((".test.yaml", ".test.yml")):
        raise UsageError(f"{output} would not be found again", hint=f"call it {output.stem}.test.yaml")
    if output is not None and output.exists():
        raise UsageError(f"{output} is there already", hint="name another file, or remove it")

    def ask(path: str) -> Any:
        return call(settings.state, "GET", path)

    story = gather_story(ask, choose_event(ask(f"/v1/events/{quote(event, safe='')}"), source, account))
    text, gaps = write_story(story, settings, output)
    for gap in gaps:
        tell(f"note: {gap}")
    path = output
    if path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        _write(path, text)
    sys.exit(0 if _plays(text, settings, path) else 1)


def choose_event(found: Any, source: str | None, account: str | None) -> Any:
    """The one event that is meant. UsageError where several have that id."""
    from autoflow.errors import UsageError

    wanted = {name: value for name, value in (("source", source), ("account", account)) if value is not None}
    items = [one for one in found.get("items", [found]) if all(one[name] == value for name, value in wanted.items())]
    if len(items) == 1:
        return items[0]
    owners = ", ".join(f"--source {one['source']} --account {one['account']}" for one in found.get("items", [found]))
    raise UsageError(f"{len(items)} events have this id there", hint=f"there are {owners}")


def gather_story(ask: Ask, event: Any) -> Story:
    """Everything that came of an event, and of the events that came of it."""
    left = [MOST_EVENTS]
    return _gather(ask, event, left)


def _gather(ask: Ask, event: Any, left: list[int]) -> Story:
    from autoflow.errors import UsageError
    from autoflow.testing.recording import ENDED_BY, Story

    left[0] -= 1
    if left[0] < 0:
        raise UsageError(f"more than {MOST_EVENTS} events came of it", hint="record one of those")
    runs = tuple(ask(f"/v1/runs/{run['id']}") for run in event["runs"])
    children: dict[str, tuple[Story, ...]] = {}
    enders: dict[str, Any] = {}
    for run in runs:
        made = [_find_event(ask, one["id"], run["account"]) for one in run["events"]]
        children[run["id"]] = tuple(_gather(ask, one, left) for one in made if one is not None)
        ended = ENDED_BY.fullmatch(run["error"] or "") if run["status"] == "cancelled" else None
        ender = _find_event(ask, ended["id"], run["account"]) if ended else None
        if ender is not None:
            enders[run["id"]] = ender
    return Story(event=event, runs=runs, children=children, enders=enders, pending=len(event["pending"]))


def _find_event(ask: Ask, event_id: str, account: str) -> Any:
    """One event of an account; None where retention has removed it, or its id does not say which one it is."""
    from autoflow.errors import UsageError

    try:
        found = ask(f"/v1/events/{quote(event_id, safe='')}")
    except UsageError:
        return None
    items = [one for one in found.get("items", [found]) if one["account"] == account]
    return items[0] if len(items) == 1 else None


def write_story(story: Story, settings: Settings, output: Path | None) -> tuple[str, list[str]]:
    """The scenario file's text, and what it could not say."""
    from autoflow.actions.kinds import ACTION_TYPES
    from autoflow.rules.loader import LoadContext, load_directory
    from autoflow.testing.document import write_document
    from autoflow.testing.recording import Plan, Recording, redact_story

    context = LoadContext(action_types=ACTION_TYPES, notifiers={})
    rules = {rule.key: rule for rule in load_directory(settings.rules, context).rules}
    plan = Plan(rules=rules, retry=settings.retry, timezone=settings.timezone)
    redacted, number = redact_story(story, settings.record.redact)
    event = redacted.event
    recording = Recording(redacted, plan)
    document = recording.write(f"as it was with {event['type']} {event['id']}")
    if output is not None and not output.absolute().is_relative_to(settings.rules.absolute()):
        document = {"rules": os.path.relpath(settings.rules, output.parent), **document}
    comment = f"Written by `autoflow test record` from {event['type']} {event['id']} of {event['received_at']}."
    values = "1 value of people is" if number == 1 else f"{number} values of people are"
    made_up = f"\n{values} made up." if number else ""
    return write_document(document, comment=comment + made_up), recording.gaps


def _write(path: Path, text: str) -> None:
    from autoflow.cli.output import tell
    from autoflow.errors import UsageError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    tell(f"wrote {path}")


def _plays(text: str, settings: Settings, path: Path | None) -> bool:
    """Whether the scenario passes with the rules as they are; what is not so is told."""
    from tempfile import TemporaryDirectory

    from autoflow.cli.output import tell

    if path is not None:
        return _play(path, settings, tell)
    with TemporaryDirectory(prefix="autoflow-record-") as directory:
        path = Path(directory) / "recorded.test.yaml"
        rules = "" if text.startswith("rules:") else f'rules: "{settings.rules.absolute()}"\n'
        path.write_text(rules + text, encoding="utf-8")
        return _play(path, settings, tell)


def _play(path: Path, settings: Settings, tell: Callable[[str], None]) -> bool:
    import asyncio

    from autoflow.app.rehearsal import make_world
    from autoflow.cli.interruption import tidy_end
    from autoflow.cli.loading import make_url_check
    from autoflow.cli.scenario_reports import draw_failures
    from autoflow.observe.log import say_nothing
    from autoflow.rules.loaded import make_context
    from autoflow.templates import TemplateLibrary
    from autoflow.testing.playing import play_all
    from autoflow.testing.reader import read_scenarios

    say_nothing()
    read = read_scenarios([path], timezone=settings.timezone)
    library = TemplateLibrary.load(settings.templates)
    context = make_context(settings.notifiers, library, make_url_check(settings))
    with tidy_end(), make_world(settings, context, library) as world:
        played = asyncio.run(play_all(read.scenarios, world, lambda _: None))
    lines = [str(problem) for problem in read.problems]
    lines += [line for one in played if not one.passed for line in draw_failures(one)]
    if lines:
        tell("\n".join(["it does not pass with the rules as they are now:", *lines]))
    else:
        tell("it passes with the rules as they are now")
    return not lines
