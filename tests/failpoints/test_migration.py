"""Migrations that are cut short after any of their statements: the file is as it was, and the next start is whole."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from autoflow import failpoints
from autoflow.errors import StorageError
from autoflow.failpoints import Failpoint
from autoflow.store.migrate import load_migrations, migrate
from autoflow.store.sqlite.store import PACKAGE, SqliteStore
from crash.checker import check_all
from crash.evidence import read_evidence
from crash.world import make_world

MIGRATIONS = load_migrations(PACKAGE)
OPEN = """
import pathlib, sys
from autoflow import failpoints
from autoflow.store.sqlite.store import SqliteStore
failpoints.arm(sys.argv[2])
SqliteStore(pathlib.Path(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """What a test arms is its own."""
    yield
    failpoints.arm("")


@pytest.fixture(params=range(len(MIGRATIONS)), ids=[migration.name for migration in MIGRATIONS])
def schema(request: pytest.FixtureRequest) -> int:
    """The schema that a file has before the migration of that place."""
    return int(request.param)


@pytest.fixture
def home(tmp_path: Path, schema: int) -> Path:
    """A directory of that schema: of the first release, with everything in it, then brought so far; or a new one."""
    path = tmp_path / "made"
    path.mkdir()
    if schema == 0:
        (path / "state").mkdir()
        return path
    make_world().write(path)
    with closing(sqlite3.connect(path / "state" / "autoflow.db", isolation_level=None)) as connection:
        migrate(connection, MIGRATIONS[:schema])
    return path


def read_file(home: Path) -> tuple[int, list[str]]:
    """The schema of a directory's database, and everything in it as text."""
    with closing(sqlite3.connect(home / "state" / "autoflow.db")) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0]), list(connection.iterdump())


def check_newest(home: Path) -> None:
    """A start brings the file to the newest schema; what was in it holds every invariant of the crash loop."""
    SqliteStore(home / "state" / "autoflow.db").close()
    assert read_file(home)[0] == len(MIGRATIONS)
    evidence = read_evidence(home)
    evidence.epoch, evidence.spawns, evidence.readies = 1, 1, 1  # the starts of this test are no daemon's
    assert {name: found for name, found in check_all(evidence).items() if found} == {}


def test_a_fault_after_any_statement_leaves_the_file_as_it_was(home: Path, schema: int, tmp_path: Path) -> None:
    """The disk fails at each in turn: the start says so, nothing of the migration is there, the next one works."""
    before = read_file(home)
    statements = len(MIGRATIONS[schema].statements)
    for at in range(1, statements + 1):
        copy = Path(shutil.copytree(home, tmp_path / str(at)))
        failpoints.arm(f"migrate.step:error@{at}")
        with pytest.raises(StorageError, match="disk I/O error"):
            SqliteStore(copy / "state" / "autoflow.db")
        assert failpoints.armed[Failpoint.MIGRATE].struck == 1
        failpoints.arm("")
        assert read_file(copy) == before
        check_newest(copy)
    assert statements > 0


def test_a_kill_after_a_statement_leaves_the_file_as_it_was(home: Path, schema: int) -> None:
    """After the first and after the last one of a migration: nothing of it is there, and the next start is whole."""
    before = read_file(home)
    for at in sorted({1, len(MIGRATIONS[schema].statements)}):
        ended = subprocess.run(
            [sys.executable, "-c", OPEN, str(home / "state" / "autoflow.db"), f"migrate.step:crash@{at}"],
            stderr=subprocess.PIPE,
            check=False,
        )
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert f"crash at passing {at}\n".encode() in ended.stderr
        assert read_file(home) == before
    check_newest(home)
