"""`autoflow`: the commands under one roof, and how their errors end."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from autoflow import __version__
from autoflow.cli import check, daemon, doctor, emit, look

EPILOG = "Rules are YAML files; see docs/rules.md. Every command has --help with examples."

app = typer.Typer(
    name="autoflow",
    help="Rules in YAML, kept in git: when this event comes, wait, check, act.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autoflow {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and end.")
    ] = False,
) -> None:
    """Rules in YAML, kept in git: when this event comes, wait, check, act."""


daemon.register(app)
check.register(app)
emit.register(app)
look.register(app)
doctor.register(app)


def main() -> None:
    """Run a command; every error ends in one clear line and its exit code."""
    from autoflow.cli.output import report_error
    from autoflow.errors import AutoflowError

    try:
        app()
    except AutoflowError as error:
        report_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone: nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
