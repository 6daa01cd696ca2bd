"""`autoflow run`: the daemon, and what it says to whoever started it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoflow.cli.options import ConfigOption, RulesOption, StateOption, settings_for

if TYPE_CHECKING:
    from autoflow.app.daemon import RunOptions, Started
    from autoflow.model.problem import Problem
    from autoflow.settings import Settings

LOG_FORMATS = ("auto", "json", "text")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="run", help=RUN_HELP)(run)


RUN_HELP = """The daemon: takes events, lets them wait, checks conditions and sends.

Examples:

- `autoflow run` with ./config.yaml, ./rules and ./state

- `autoflow run -c config.yaml --listen none --stdin --ack < events.jsonl`

- `autoflow run --stdin --once < events.jsonl` ends when nothing is due any more
"""


def run(
    config: ConfigOption = None,
    rules: RulesOption = None,
    state: StateOption = None,
    listen: Annotated[
        str | None, typer.Option("--listen", help="HOST:PORT, or none for the unix socket alone.")
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read events as JSON lines from standard input too.")
    ] = False,
    ack: Annotated[bool, typer.Option("--ack", help="Answer each line of --stdin once it is on disk.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="End when --stdin is at its end and nothing is due now.")
    ] = False,
    shadow: Annotated[bool, typer.Option("--shadow", help="Judge and record everything, send nothing.")] = False,
    log_format: Annotated[str, typer.Option("--log-format", help="auto, json or text.")] = "auto",
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
) -> None:
    """The daemon."""
    from autoflow.errors import UsageError

    if (ack or once) and not stdin:
        raise UsageError("--ack and --once go with --stdin", hint="add --stdin")
    if log_format not in LOG_FORMATS:
        raise UsageError(f"--log-format is one of {', '.join(LOG_FORMATS)}")
    settings = settings_for(config, state=state, rules=rules, listen=listen)
    from autoflow.app.daemon import RunOptions

    options = RunOptions(stdin=stdin, ack=ack, once=once, shadow=shadow)
    sys.exit(_run(settings, options, log_format, log_level))


def _run(settings: Settings, options: RunOptions, log_format: str, log_level: str) -> int:
    from autoflow.app.daemon import Voice, run_daemon
    from autoflow.observe.log import configure_logging
    from autoflow.security.secrets import Secrets

    secrets = Secrets()
    configure_logging(log_format, log_level, mask=secrets.mask)  # type: ignore[arg-type]  # checked above
    _say_warnings(settings)
    # Acks own standard output; people read standard error.
    voice = Voice(show=_show_message, ready=_say_ready, problems=_say_problems, tell=_say)
    return run_daemon(settings, options, voice, secrets)


def _say_warnings(settings: Settings) -> None:
    for warning in settings.warnings:
        _say(f"warning: {warning}" + (f" ({warning.hint})" if warning.hint else ""))


def _show_message(text: str) -> None:
    _say(text)


def _say_ready(started: Started) -> None:
    from autoflow.cli.output import in_words
    from autoflow.clock import SystemClock, to_rfc3339

    where = f"http://{started.listening}" if started.listening else "the unix socket only"
    _say(f"autoflow is ready: {started.rules} rules, listening on {where}")
    if started.token_file:
        _say(f"  token    {_short(started.token_file)}")
    _say(f"  socket   {_short(started.socket)}")
    if started.pending and started.next_due is not None:
        when = in_words(started.next_due - SystemClock().now())
        _say(f"  waiting  {started.pending}, the first one {when} ({to_rfc3339(started.next_due)})")
    else:
        _say("  waiting  nothing")


def _say_problems(problems: tuple[Problem, ...], in_force: bool) -> None:
    from autoflow.model.problem import Severity

    for problem in problems:
        if problem.severity is not Severity.NOTE:
            _say(
                f"{problem.path}:{problem.line}:{problem.column}: {problem.severity} {problem.code} {problem.message}"
            )
    if not in_force:
        _say("the new rules are not in force; the last good ones run on")


def _short(path: Path) -> str:
    """Relative to here where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
