"""SIGKILL from inside, at every point: the daemon dies exactly there, and nothing that was promised is broken."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from contextlib import closing

import pytest

from autoflow.failpoints import Failpoint
from autoflow.store.migrate import load_migrations
from autoflow.store.sqlite.store import PACKAGE
from crash.report import Outcome, write_report
from failpoints.lives import FAULTS, Life, Lives
from support.daemon import run_command

STATEMENTS = sum(len(migration.statements) for migration in load_migrations(PACKAGE))
SEEDS = range(1, 21) if os.environ.get("FAILPOINTS") == "long" else (13,)


def draw_lives(seed: int) -> list[Life]:
    """Where one life after the other ends; the passings of the start count, what comes after them meets traffic."""
    draw = random.Random(seed)
    return [
        Life(point=Failpoint.MIGRATE, at=draw.randint(1, STATEMENTS)),
        Life(point=Failpoint.BEFORE_COMMIT, at=1),
        Life(point=Failpoint.AFTER_COMMIT, at=1),
        Life(point=Failpoint.BEFORE_SWAP, at=1),
        Life(point=Failpoint.AFTER_SWAP, at=1),
        Life(point=Failpoint.RECEIVED, at=draw.randint(10, 60)),
        Life(point=Failpoint.BEFORE_COMMIT, at=draw.randint(10, 80)),
        Life(point=Failpoint.AFTER_COMMIT, at=draw.randint(10, 80)),
        Life(point=Failpoint.AFTER_CLAIM, at=draw.randint(2, 12)),
        Life(point=Failpoint.BEFORE_SEND, at=draw.randint(2, 30)),
        Life(point=Failpoint.AFTER_SEND, at=draw.randint(2, 30)),
        Life(point=Failpoint.BEFORE_FINISH, at=draw.randint(2, 30)),
        Life(point=Failpoint.CHECKPOINT, at=draw.randint(10, 80)),
        Life(point=Failpoint.BEFORE_SWAP, at=2, provoke=Lives.edit_rules),
        Life(point=Failpoint.AFTER_SWAP, at=2, provoke=Lives.edit_rules),
        Life(point=Failpoint.PRUNE, at=1, provoke=Lives.prune),
    ]


@pytest.fixture(scope="module", params=SEEDS)
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lives, Outcome]:
    """All lives, one after the other on one directory, and a last one that may finish."""
    lives = Lives(tmp_path_factory.mktemp("lives"), draw_lives(request.param), seed=str(request.param))
    return lives, lives.run()


def test_no_death_breaks_a_promise(lived: tuple[Lives, Outcome]) -> None:
    """I1 to I9 hold after each of them, and at the end, when everything that waited was done."""
    lives, outcome = lived
    assert outcome.is_clean, write_report(outcome, lives.seed)
    assert outcome.looks == len(lives.died_at) + 2
    assert {row["status"] for row in outcome.evidence.table("runs")} == {"done", "failed", "cancelled"}


def test_a_daemon_at_work_lives_with_faults(lived: tuple[Lives, Outcome]) -> None:
    """It goes on after each of them but for the last, an fsync, which ends it; nothing is lost by any."""
    assert lived[0].failed_at == [*FAULTS, Failpoint.AFTER_COMMIT]


@pytest.mark.parametrize("point", [point for point in Failpoint if point is not Failpoint.BACKUP])
def test_a_daemon_dies_at_each_point(point: Failpoint, lived: tuple[Lives, Outcome]) -> None:
    """The process says where it is before it dies there; a backup is no daemon's, and dies below."""
    assert any(charge.startswith(f"{point}:") for charge in lived[0].died_at)


async def test_a_backup_that_dies_leaves_none_under_its_name(lived: tuple[Lives, Outcome]) -> None:
    """Nobody takes half a copy for a whole one; the next backup is one, and holds everything."""
    home = lived[0].home
    words = ("db", "backup", "-c", "config.yaml", "copy.db")
    code, _, messages = await run_command(home, *words, AUTOFLOW_FAILPOINT="backup.before_rename:crash")
    assert code == -signal.SIGKILL
    assert "failpoint backup.before_rename: crash" in messages
    assert not (home / "copy.db").exists()
    code, _, messages = await run_command(home, *words)
    assert code == 0, messages
    with closing(sqlite3.connect(home / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM events").fetchone() == (len(lived[1].evidence.table("events")),)
