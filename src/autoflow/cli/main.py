"""`autoflow`: the commands under one roof, and how each of them ends, whatever happens in it."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Annotated

import typer

from autoflow import __version__
from autoflow.cli import check, daemon, db, doctor, emit, look
from autoflow.cli.help import Sections

ABOUT = "Rules in YAML, kept in git: when this event comes, wait, check, act."
EPILOG = "`autoflow COMMAND --help` shows examples. For rules see docs/rules.md."
INTERRUPTED = 130
PIPE_CLOSED = 141
INTERNAL = 70

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
    """The roof itself does nothing."""


daemon.register(app)
check.register(app)
look.register(app)
doctor.register(app)
db.register(app)
emit.register(app)


def main() -> None:
    """Run a command and end with its exit code; every error is one clear line, never a traceback."""
    sys.exit(_run())


def _run() -> int:
    try:
        code = _call()
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _call() -> int:
    from autoflow.errors import AutoflowError

    try:
        return int(app(standalone_mode=False, prog_name="autoflow") or 0)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer turns it into an exit code of its own
            raise BrokenPipeError from None
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except typer.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except AutoflowError as error:
        return _end(error)
    except Exception as error:  # the last stop: whatever it is, a person gets one line
        return _end_wrongly(error)


def _end(error: Exception) -> int:
    from autoflow.cli.failures import exit_code_of, report_error

    report_error(error, as_json="--json" in sys.argv)
    return exit_code_of(error)


def _end_wrongly(error: Exception) -> int:
    from autoflow.cli.failures import defect_of, usage_error_of

    usage = usage_error_of(error)
    if usage is not None:
        return _end(usage) if usage.message else usage.exit_code
    if os.environ.get("AUTOFLOW_TRACEBACK", "0") not in ("", "0"):
        import traceback

        traceback.print_exc()
    return _end(defect_of(error))


def _forget_output() -> None:
    """Whoever read our output has gone: nothing is left to say, and the interpreter is not to try."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
