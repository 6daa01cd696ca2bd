"""`autoflow db`: how large the database is, whether it is whole; a copy, what is old removed, a newer schema."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from autoflow.cli.help import Sections, help_text
from autoflow.cli.options import ConfigOption, JsonOption, StateOption, settings_for

PANEL = "See how it is"
HELP = help_text(
    "The file that holds everything.",
    "autoflow db size",
    "autoflow db backup /backup/autoflow-2026-11-21.db   # also while the daemon works",
    "autoflow db check",
)
SIZE_HELP = help_text("What the database takes on disk, table by table.", "autoflow db size")
CHECK_HELP = help_text(
    "Read the whole file and say what is wrong in it. Ends with 1 where something is.", "autoflow db check"
)
BACKUP_HELP = help_text(
    "Copy everything that is committed now into a new file, also while the daemon works.",
    "autoflow db backup /backup/autoflow-2026-11-21.db",
)
PRUNE_HELP = help_text(
    "Remove what is older than the config's retention now; the daemon does so every ten minutes.", "autoflow db prune"
)
MIGRATE_HELP = help_text(
    "Bring the database to this release's schema while no daemon runs, and keep a copy of what was. `autoflow run` "
    "does the same at its start, without a copy.",
    "autoflow db migrate --dry-run",
    "autoflow db migrate",
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(cls=Sections, no_args_is_help=True, help=HELP)
    group.command("size", help=SIZE_HELP, short_help="What it takes, table by table.")(size)
    group.command("check", help=CHECK_HELP, short_help="Whether it is whole.")(check)
    group.command("backup", help=BACKUP_HELP, short_help="Copy it into a new file.")(backup)
    group.command("prune", help=PRUNE_HELP, short_help="Remove what is old.")(prune)
    group.command("migrate", help=MIGRATE_HELP, short_help="Bring it to this release's schema.")(migrate)
    app.add_typer(group, name="db", short_help="Size, check, backup, prune, migrate", rich_help_panel=PANEL)


def size(json_: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """What the database takes on disk."""
    from dataclasses import asdict

    from autoflow.app.database import measure_database
    from autoflow.cli.output import print_json, print_text

    found = measure_database(settings_for(config, state=state).state)
    if json_:
        tables = [asdict(table) for table in found.tables]
        totals = {"file_bytes": found.file, "wal_bytes": found.wal, "free_bytes": found.free}
        print_json({"schema_version": 1, **totals, "items": tables})
        return
    print_text(f"{'file':<18}{_bytes(found.file):>10}")
    print_text(f"{'write-ahead log':<18}{_bytes(found.wal):>10}")
    print_text(f"{'unused in file':<18}{_bytes(found.free):>10}")
    print_text("")
    print_text(f"{'table':<18}{'size':>10}{'rows':>12}")
    for table in found.tables:
        print_text(f"{table.name:<18}{_bytes(table.bytes):>10}{table.rows:>12,}")


def check(json_: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """Whether the database is whole."""
    from autoflow.app.database import check_database
    from autoflow.cli.output import print_json, print_text

    found = check_database(settings_for(config, state=state).state)
    if json_:
        print_json({"schema_version": 1, "items": found})
    else:
        print_text("\n".join(found) if found else "whole: structure, indices and references")
    sys.exit(1 if found else 0)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file.")],
    json_: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Copy the database."""
    from autoflow.app.database import back_up_database
    from autoflow.cli.output import print_json, print_text

    written = back_up_database(settings_for(config, state=state).state, file)
    if json_:
        print_json({"schema_version": 1, "path": str(file), "bytes": written})
    else:
        print_text(f"{file}  {_bytes(written)}")


def prune(json_: JsonOption = False, config: ConfigOption = None, state: StateOption = None) -> None:
    """Remove what is old."""
    import asyncio

    from autoflow.cli.client import call, is_running
    from autoflow.cli.output import print_json, print_text

    settings = settings_for(config, state=state)
    if is_running(settings.state):
        removed = call(settings.state, "POST", "/v1/db/prune", need_daemon=True)["removed"]
    else:
        from autoflow.app.offline import open_store
        from autoflow.store.retention import KeepFor, prune

        with open_store(settings.state, write=True) as store:
            removed = asyncio.run(prune(store, KeepFor.of(settings.retention)))
    if json_:
        print_json({"schema_version": 1, "removed": removed})
    else:
        print_text(f"{removed:,} rows removed")


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and touch nothing.")] = False,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="Keep no copy of what was.")] = False,
    json_: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
) -> None:
    """Bring the database to this release's schema."""
    from autoflow.app.database import migrate_database, plan_migration
    from autoflow.cli.output import print_json, print_text, shown_path

    place = settings_for(config, state=state).state
    found = plan_migration(place) if dry_run else migrate_database(place, copy=not no_backup)
    if json_:
        told = {"from": found.old, "to": found.new, "steps": found.steps, "dry_run": dry_run}
        print_json({"schema_version": 1, **told, "copy": found.copy and str(found.copy)})
        return
    if not found.steps:
        print_text(f"schema {found.old}: nothing to do")
        return
    print_text(f"schema {found.old} -> {found.new}{', not done' if dry_run else ''}")
    for step in found.steps:
        print_text(f"  {step}")
    if found.copy is not None:
        print_text(f"copy of what was: {shown_path(found.copy)}")


def _bytes(number: int | None) -> str:
    if number is None:
        return "?"
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError  # the last unit ends the loop
