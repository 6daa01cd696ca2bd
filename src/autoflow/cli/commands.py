"""The commands under one roof. Only the group that is asked for is imported: start-up time counts."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from autoflow import __version__
from autoflow.cli.help import Sections

ABOUT = "Rules in YAML, kept in git: when this event comes, wait, check, act."
EPILOG = "`autoflow COMMAND --help` shows examples. For rules see docs/rules.md."

GROUPS = {
    "daemon": ("run",),
    "validate": ("validate",),
    "plan": ("plan",),
    "backtest": ("backtest",),
    "check": ("test-rule", "schema"),
    "fmt": ("fmt",),
    "scenarios": ("test",),
    "record": ("test record",),
    "look": ("events", "pending", "runs", "dead-letters", "rules"),
    "why": ("why",),
    "doctor": ("health", "doctor"),
    "db": ("db",),
    "stats": ("stats",),
    "emit": ("emit",),
    "init": ("init",),
}
"""The files beside this one that register commands, and the name of each command in them."""


def make_app(word: str | None = None) -> typer.Typer:
    """The app with all commands; with one alone where that is what is asked for."""
    app = typer.Typer(
        name="autoflow",
        cls=Sections,
        help=ABOUT,
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help comes in half the time, and its examples can be copied
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    wanted = [group for group, names in GROUPS.items() if word in [name.split()[0] for name in names]]
    for group in wanted or GROUPS:
        import_module(f"autoflow.cli.{group}").register(app)
    if wanted:  # each command takes a while to be made of its signature
        app.registered_commands = [one for one in app.registered_commands if (one.name or "").split()[0] == word]
        app.registered_groups = [group for group in app.registered_groups if group.name == word]
    return app


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autoflow {__version__}")
        raise typer.Exit


def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    """The roof itself does nothing."""
