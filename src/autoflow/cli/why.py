"""`why`: why each rule did or did not act on a stored event. What it says comes from the API's route of that name."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated
from urllib.parse import quote

import typer

from autoflow.cli.completion import ids_of
from autoflow.cli.groups import Asked, ask, make_command, show_files
from autoflow.cli.help import help_text

HELP = help_text(
    "Why each rule did or did not act on an event: what became of it, or the conditions with what was found in the "
    "event and what would have had to differ. It asks the rules that were in force when the event arrived.",
    "autoflow why EVENT                   # by its id, or its number (seq)",
    "autoflow why EVENT high-value-job    # of one rule",
    "autoflow why EVENT --all             # each rule, also those that wait for other events",
    "autoflow why EVENT --json | jq -r '.items[] | [.rule, .outcome, .because] | @tsv'",
)
EventArgument = Annotated[
    str,
    typer.Argument(
        metavar="EVENT", help="Its id, or its number (seq).", show_default=False, autocompletion=ids_of("events")
    ),
]
RuleArgument = Annotated[
    str | None,
    typer.Argument(metavar="[RULE]", help="Of this rule only.", show_default=False, autocompletion=ids_of("rules")),
]
SourceOption = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="The event's source, where several have the id.")
]
AccountOption = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="The event's account, where several have the id.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Each rule, also those that wait for other events.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    options = {
        "event": (EventArgument, inspect.Parameter.empty),
        "rule": (RuleArgument, None),
        "source": (SourceOption, None),
        "account": (AccountOption, None),
        "all_": (AllOption, False),
    }
    command = make_command(show_why, options)
    short = "Tell why rules did or did not act on an event"
    app.command("why", help=HELP, short_help=short, rich_help_panel="Look and act")(command)


def show_why(asked: Asked) -> None:
    """Ask, and print."""
    from autoflow.cli.output import print_json
    from autoflow.errors import UsageError

    if asked["event"] in ("", ".", ".."):  # what no path of a URL can hold
        raise UsageError(f"{asked['event']!r} is no event", hint="see `autoflow events list`; a number (seq) will do")
    path = f"/v1/events/{quote(asked['event'], safe='')}/why"
    told = ask(
        asked, "GET", path, rule=asked["rule"], source=asked["source"], account=asked["account"],
        all="true" if asked["all_"] else None,
    )  # fmt: skip
    if asked["json_"]:
        print_json(told)
        return
    from autoflow.cli.answers import answer_lines

    show_files(asked, *told["items"])
    sys.stdout.write("\n".join(answer_lines(told)) + "\n")
