"""Is it well? `health` asks the daemon, `doctor` looks at the machine and the files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoflow.cli.options import ConfigOption, JsonOption, StateOption, settings_for

if TYPE_CHECKING:
    from autoflow.settings import Settings

SAFE_SQLITE = (3, 51, 3)
MARKS = {"ok": "[green]✓[/]", "degraded": "[yellow]![/]", "failed": "[red]✗[/]"}

Finding = tuple[str, str, str]
"""(name, ok | degraded | failed, what was found)."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="health")(health)
    app.command(name="doctor")(doctor)


def health(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing; only the exit code.")] = False,
    json_: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Whether the daemon can be relied on: 0 yes, 1 no, 69 no daemon answers.

    Example: `autoflow health --quiet` in a container's health check
    """
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
    from rich.markup import escape

    from autoflow.cli.output import console, print_json

    if as_json:
        print_json(body)
        return
    out = console()
    width = max(len(name) for name, _, _ in findings)
    for name, status, detail in findings:
        out.print(f"{MARKS[status]} {escape(name):<{width}}  {escape(detail or status)}")


def _look(settings: Settings) -> Iterator[Finding]:
    import platform

    from autoflow import __version__

    yield "autoflow", "ok", __version__
    yield "python", "ok", platform.python_version()
    yield _sqlite()
    yield _yaml()
    yield "config", "ok", str(settings.path) if settings.path else "none: the defaults"
    for warning in settings.warnings:
        yield "config", "degraded", str(warning)
    yield _rules(settings)
    yield _state(settings)
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
    from autoflow.reload import Sources, load_sources

    if not settings.rules.is_dir():
        return "rules", "failed", f"there is no directory {settings.rules}"
    sources = Sources(rules=settings.rules, templates=settings.templates, notifiers=settings.notifiers)
    loaded = load_sources(sources)
    if loaded.errors:
        return "rules", "failed", f"{len(loaded.errors)} errors, the first: {loaded.errors[0]}"
    return "rules", "ok", f"{len(loaded.result.rules)} in {settings.rules}"


def _state(settings: Settings) -> Finding:
    import shutil

    state = settings.state
    if not state.is_dir():
        return "state", "ok", f"{state} does not exist yet; `autoflow run` makes it"
    if state.stat().st_mode & 0o077:
        return "state", "degraded", f"{state} can be read by others: chmod 700"
    return "state", "ok", f"{state}, {shutil.disk_usage(state).free // 1024**2} MiB free"


def _daemon(settings: Settings) -> Finding:
    from autoflow.cli.client import is_running

    return "daemon", "ok", "running" if is_running(settings.state) else "not running"
