"""`autoflow run`: the daemon, and what it says to whoever started it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from autoflow.cli.help import help_text
from autoflow.cli.options import ConfigOption, RulesOption, StateOption, check_choice, settings_for
from autoflow.cli.output import in_words, shown_path, tell

if TYPE_CHECKING:
    from autoflow.app.daemon import RunOptions, Started
    from autoflow.model.problem import Problem
    from autoflow.settings import Settings

LOG_FORMATS = ("auto", "json", "text")
LOG_LEVELS = ("debug", "info", "warning", "error")
HELP = help_text(
    "The daemon: takes events, lets them wait, checks conditions and sends. Ctrl-C or SIGTERM ends it after what is "
    "being sent; SIGHUP reads the rules again, as does every change of them.",
    "autoflow run                             # ./config.yaml, ./rules and ./state",
    "autoflow run -c config.yaml --listen 127.0.0.1:8787",
    "autoflow run --shadow                    # send nothing",
    "autoflow run --listen none --stdin --ack",
    "autoflow run --stdin --once < events.jsonl",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", help=HELP, short_help="Start the daemon", rich_help_panel="Run")(run)


def run(
    config: ConfigOption = None,
    rules: RulesOption = None,
    state: StateOption = None,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="ADDRESS", help="HOST:PORT, or none for the unix socket alone."),
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read events as JSON lines from standard input too.")
    ] = False,
    ack: Annotated[bool, typer.Option("--ack", help="Answer each line of --stdin once it is on disk.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="End when --stdin is at its end and nothing is due now.")
    ] = False,
    shadow: Annotated[bool, typer.Option("--shadow", help="Judge and record everything, send nothing.")] = False,
    log_format: Annotated[str, typer.Option("--log-format", metavar="FORMAT", help="auto, json or text.")] = "auto",
    log_level: Annotated[
        str, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
    ] = "info",
) -> None:
    """The daemon."""
    from autoflow.errors import UsageError

    if (ack or once) and not stdin:
        raise UsageError(f"{'--ack' if ack else '--once'} goes with --stdin", hint="add --stdin")
    check_choice("--log-format", log_format, LOG_FORMATS)
    check_choice("--log-level", log_level, LOG_LEVELS)
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
    voice = Voice(show=tell, ready=_say_ready, problems=_say_problems, tell=tell)
    return run_daemon(settings, options, voice, secrets)


def _say_warnings(settings: Settings) -> None:
    for warning in settings.warnings:
        tell(f"warning: {warning}" + (f" ({warning.hint})" if warning.hint else ""))


def _say_ready(started: Started) -> None:
    from autoflow.clock import SystemClock, to_rfc3339

    where = f"http://{started.listening}" if started.listening else "the unix socket only"
    rules = "1 rule" if started.rules == 1 else f"{started.rules} rules"
    tell(f"autoflow is ready: {rules}, listening on {where}")
    if started.token_file:
        tell(f"  token    {shown_path(started.token_file)}")
    tell(f"  socket   {shown_path(started.socket)}")
    if started.pending and started.next_due is not None:
        when = in_words(started.next_due - SystemClock().now())
        tell(f"  waiting  {started.pending}, the first one {when} ({to_rfc3339(started.next_due)})")
    else:
        tell("  waiting  nothing")


def _say_problems(problems: tuple[Problem, ...], then: str | None) -> None:
    from autoflow.model.problem import Severity
    from autoflow.rules.report import headline

    for problem in problems:
        if problem.severity is not Severity.NOTE:
            tell(headline(problem))
    if then:
        tell(then)
