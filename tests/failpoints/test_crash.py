"""SIGKILL from inside, at every point: the daemon dies exactly there, and nothing that was promised is broken."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing

import pytest

from autoflow.failpoints import Failpoint
from crash.report import Outcome, write_report
from failpoints.lives import Life, Lives
from support.daemon import run_command

LIVES = [
    Life(point=Failpoint.MIGRATE, at=5),
    Life(point=Failpoint.BEFORE_COMMIT, at=1),
    Life(point=Failpoint.BEFORE_SWAP, at=1),
    Life(point=Failpoint.AFTER_SWAP, at=1),
    Life(point=Failpoint.RECEIVED, at=40),
    Life(point=Failpoint.BEFORE_COMMIT, at=40),
    Life(point=Failpoint.AFTER_COMMIT, at=40),
    Life(point=Failpoint.AFTER_CLAIM, at=8),
    Life(point=Failpoint.BEFORE_SEND, at=15),
    Life(point=Failpoint.AFTER_SEND, at=15),
    Life(point=Failpoint.BEFORE_FINISH, at=15),
    Life(point=Failpoint.CHECKPOINT, at=40),
    Life(point=Failpoint.BEFORE_SWAP, at=2, provoke=Lives.edit_rules),
    Life(point=Failpoint.AFTER_SWAP, at=2, provoke=Lives.edit_rules),
    Life(point=Failpoint.PRUNE, at=1, provoke=Lives.prune),
]
"""Counted are the passings of the start too: what comes after them meets a daemon at work."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lives, Outcome]:
    """All lives, one after the other on one directory, and a last one that may finish."""
    lives = Lives(tmp_path_factory.mktemp("lives"), LIVES)
    return lives, lives.run()


def test_no_death_breaks_a_promise(lived: tuple[Lives, Outcome]) -> None:
    """I1 to I9 hold after each of them, and at the end, when everything that waited was done."""
    lives, outcome = lived
    assert outcome.is_clean, write_report(outcome, "13")
    assert outcome.looks == len(LIVES)
    assert {row["status"] for row in outcome.evidence.table("runs")} == {"done", "failed", "cancelled"}
    assert lives.died_at == [life.charge for life in LIVES]


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


@pytest.mark.parametrize("point", [point for point in Failpoint if point is not Failpoint.BACKUP])
def test_a_daemon_dies_at_each_point(point: Failpoint, lived: tuple[Lives, Outcome]) -> None:
    """The process says where it is before it dies there; a backup is no daemon's, and dies above."""
    assert any(charge.startswith(f"{point}:") for charge in lived[0].died_at)
