"""Is it well? `health` asks the daemon, `doctor` looks at the machine and the files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoflow.cli.help import help_text
from autoflow.cli.options import ConfigOption, JsonOption, StateOption, settings_for

if TYPE_CHECKING:
    from autoflow.settings import Settings

SAFE_SQLITE = (3, 51, 3)
MARKS = {"ok": ("✓", "green"), "degraded": ("!", "yellow"), "failed": ("✗", "red")}

Finding = tuple[str, str, str]
"""(name, ok | degraded | failed, what was found)."""


HEALTH_HELP = help_text(
    "Whether the daemon can be relied on: ends with 0 for yes, 1 for no, 69 where no daemon answers.",
    "autoflow health",
    "autoflow health --quiet      # in a container's health check",
)
DOCTOR_HELP = help_text(
    "What this machine, the config, the rules and the state directory are like, with a verdict each. Ends with 1 "
    "where something failed.",
    "autoflow doctor",
    "autoflow doctor -c config.yaml --json",
)
PANEL = "See how it is"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("health", help=HEALTH_HELP, short_help="Ask the daemon whether it is well", rich_help_panel=PANEL)(
        health
    )
    app.command("doctor", help=DOCTOR_HELP, short_help="Look at machine, config and files", rich_help_panel=PANEL)(
        doctor
    )


def health(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing; only the exit code.")] = False,
    json_: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Whether the daemon can be relied on."""
    from autoflow.cli.client import call
    from autoflow.errors import UnreachableError

    settings = settings_for(config, state=state)
    try:
        found = call(settings.state, "GET", "/v1/health", need_daemon=True)
    except UnreachableError:
        if quiet:
            sys.exit(UnreachableError.exit_code)
        raise
    if not quiet:
        findings = [(name, check["status"], check["detail"]) for name, check in found["checks"].items()]
        _print(findings, found, json_)
    sys.exit(1 if found["status"] == "failed" else 0)


def doctor(json_: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """What this machine, the config, the rules and the state directory are like, with a verdict each."""
    settings = settings_for(config, state=state)
    findings = list(_look(settings))
    body = {
        "schema_version": 1,
        "items": [{"name": name, "status": status, "detail": detail} for name, status, detail in findings],
    }
    _print(findings, body, json_)
    sys.exit(1 if any(status == "failed" for _, status, _ in findings) else 0)


def _print(findings: list[Finding], body: Any, as_json: bool) -> None:
    import textwrap

    from autoflow.cli.output import paint, print_json, print_text, terminal_width

    if as_json:
        print_json(body)
        return
    width = max(len(name) for name, _, _ in findings)
    room = (terminal_width() or 10_000) - width - 4
    for name, status, detail in findings:
        mark, style = MARKS[status]
        first, *more = textwrap.wrap(detail or status, max(room, 20), break_on_hyphens=False) or [""]
        print_text(f"{paint(mark, style)} {name:<{width}}  {first}")
        for line in more:
            print_text(" " * (width + 4) + line)


def _look(settings: Settings) -> Iterator[Finding]:
    import platform

    from autoflow import __version__
    from autoflow.cli.output import shown_path

    yield "autoflow", "ok", __version__
    yield "python", "ok", platform.python_version()
    yield _sqlite()
    yield _yaml()
    yield "config", "ok", shown_path(settings.path) if settings.path else "none: the defaults"
    for warning in settings.warnings:
        yield "config", "degraded", str(warning)
    yield _rules(settings)
    yield _state(settings)
    yield from _database(settings)
    yield _daemon(settings)


def _sqlite() -> Finding:
    import sqlite3

    if sqlite3.sqlite_version_info >= SAFE_SQLITE:
        return "sqlite", "ok", sqlite3.sqlite_version
    detail = (
        f"{sqlite3.sqlite_version}: before 3.51.3 two writers can corrupt a database in WAL mode. autoflow has one "
        "writer and holds a lock, which avoids it; do not write to the file with other tools"
    )
    return "sqlite", "degraded", detail


def _yaml() -> Finding:
    import yaml

    if yaml.__with_libyaml__:
        return "yaml", "ok", f"PyYAML {yaml.__version__} with libyaml"
    return "yaml", "degraded", "PyYAML without libyaml: rules load some ten times slower"


def _rules(settings: Settings) -> Finding:
    from autoflow.cli.output import shown_path
    from autoflow.model.problem import Severity
    from autoflow.reload import Sources, load_sources
    from autoflow.rules.review import review_rules

    if not settings.rules.is_dir():
        return "rules", "failed", f"there is no directory {shown_path(settings.rules)}"
    sources = Sources(
        rules=settings.rules, templates=settings.templates, notifiers=settings.notifiers, egress=settings.egress
    )
    loaded = load_sources(sources)
    if loaded.errors:
        count = "1 error" if len(loaded.errors) == 1 else f"{len(loaded.errors)} errors, the first"
        return "rules", "failed", f"{count}: {loaded.errors[0]}; `autoflow validate` shows all"
    found = f"{len(loaded.result.rules)} in {shown_path(settings.rules)}"
    remarks = review_rules(loaded, chain_depth=settings.limits.chain_depth, events=settings.events)
    warnings = [problem for problem in (*loaded.problems, *remarks) if problem.severity is Severity.WARNING]
    if warnings:
        count = "1 warning" if len(warnings) == 1 else f"{len(warnings)} warnings, the first"
        return "rules", "degraded", f"{found}; {count}: {warnings[0]}; `autoflow validate` shows all"
    return "rules", "ok", found


def _state(settings: Settings) -> Finding:
    import shutil

    from autoflow.cli.output import shown_path

    state = settings.state
    shown = shown_path(state)
    if not state.exists():
        return "state", "ok", f"{shown} does not exist yet; `autoflow run` makes it"
    if not state.is_dir():
        return "state", "failed", f"{shown} is no directory"
    if not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        return "state", "failed", f"{shown} cannot be read and written by this user"
    if state.stat().st_mode & 0o077:
        return "state", "degraded", f"{shown} can be read by others: chmod 700 {shown}"
    return "state", "ok", f"{shown}, {shutil.disk_usage(state).free // 1024**2} MiB free"


def _database(settings: Settings) -> Iterator[Finding]:
    """The file itself, where there is one."""
    from autoflow.app.database import plan_migration
    from autoflow.app.offline import check_file
    from autoflow.errors import AutoflowError

    try:
        size = check_file(settings.state)
    except AutoflowError as error:
        yield "database", "failed", str(error)
        return
    except OSError as error:
        yield "database", "failed", f"cannot be read: {error.strerror}"
        return
    if size is None:
        return
    yield "database", "ok", f"{size // 1024} KiB, nothing wrong in it"
    upgrade = plan_migration(settings.state)
    if upgrade.steps:
        detail = f"{upgrade.old}, this release needs {upgrade.new}: `autoflow db migrate`, or `autoflow run`"
        yield "schema", "degraded", detail


def _daemon(settings: Settings) -> Finding:
    """What a daemon that runs says of itself, as `health` and /readyz tell it."""
    from autoflow.cli.client import call
    from autoflow.errors import UnreachableError

    try:
        found = call(settings.state, "GET", "/v1/health", need_daemon=True)
    except UnreachableError:
        return "daemon", "ok", "not running"
    told = [f"{name}: {check['detail']}" for name, check in found["checks"].items() if check["status"] != "ok"]
    return "daemon", found["status"], "; ".join(["running", *told])
