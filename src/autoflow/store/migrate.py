"""Numbered migrations: each runs once, in one transaction with the version it reaches."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from autoflow import failpoints
from autoflow.errors import NewerSchemaError
from autoflow.failpoints import Failpoint

_FILE = re.compile(r"(\d{4})_[a-z_]+\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One numbered step of the schema."""

    number: int
    name: str
    statements: tuple[str, ...]


@lru_cache(maxsize=4)
def load_migrations(package: str) -> tuple[Migration, ...]:
    """All migrations of a dialect in order; the numbers have no gap."""
    found = []
    for entry in resources.files(package).joinpath("migrations").iterdir():
        if match := _FILE.fullmatch(entry.name):
            statements = split_statements(entry.read_text())
            found.append(Migration(number=int(match[1]), name=entry.name, statements=statements))
    found.sort(key=lambda migration: migration.number)
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations of {package} are not numbered 1, 2, 3, ...")
    return tuple(found)


def split_statements(text: str) -> tuple[str, ...]:
    """The statements of a file, in order. `executescript` would commit between them."""
    statements, piece = [], ""
    for line in text.splitlines():
        piece += line + "\n"
        if sqlite3.complete_statement(piece):
            statements.append(piece.strip())
            piece = ""
    if piece.strip() and not all(line.startswith("--") for line in piece.strip().splitlines()):
        raise ValueError(f"a statement has no end: {piece.strip()[:60]}")
    return tuple(statements)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> int:
    """Bring the file to the newest schema; how many steps were taken. NewerSchemaError when it is newer."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    newest = migrations[-1].number
    if version > newest:
        raise NewerSchemaError(
            f"the database has schema {version}, this release knows {newest}",
            hint="run the newer release, or restore a backup made by this one",
        )
    for migration in migrations[version:]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            _run_statements(connection, migration)
            connection.execute(f"PRAGMA user_version = {migration.number}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return newest - version


def _run_statements(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in migration.statements:
        connection.execute(statement)
        if failpoints.armed:
            failpoints.reach(Failpoint.MIGRATE)
