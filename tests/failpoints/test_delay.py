"""The world stands still at each point, and is looked at: each lies where it says, and nothing is told too early."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autoflow import failpoints
from autoflow.app.database import back_up_database
from autoflow.failpoints import Failpoint
from autoflow.store.retention import KeepFor, prune
from autoflow.store.sqlite.store import CHECKPOINT_EVERY
from failpoints.stage import Seen, Stage

ON_THE_WAY = {
    Failpoint.RECEIVED: Seen(),
    Failpoint.BEFORE_COMMIT: Seen(),
    Failpoint.AFTER_COMMIT: Seen(events=1),
    Failpoint.AFTER_CLAIM: Seen(answered=True, events=1, claimed=1),
    Failpoint.BEFORE_SEND: Seen(answered=True, events=1, claimed=1, begun=1),
    Failpoint.AFTER_SEND: Seen(answered=True, events=1, claimed=1, begun=1, sent=1),
    Failpoint.BEFORE_FINISH: Seen(answered=True, events=1, claimed=1, begun=1, sent=1),
}
"""What is there when an event and its run pass a point for the first time."""

AT_THE_END = Seen(answered=True, events=1, begun=1, ended=1, sent=1)
NOTHING_KEPT = KeepFor(events=0, unmatched_events=0, duplicates=0, runs=0, dead_letters=0, max_size=0)


class Still:
    """Arms points with delays that take no time, and in which one looks around."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._look: Callable[[], Any] = lambda: None
        self.seen: list[Any] = []
        monkeypatch.setattr(failpoints, "time", SimpleNamespace(sleep=self._wait))
        monkeypatch.setattr(failpoints, "asyncio", SimpleNamespace(sleep=self._wait_in_turn))

    def at(self, point: Failpoint, look: Callable[[], Any]) -> None:
        """Look at the first passing from now on."""
        self._look = look
        failpoints.arm(f"{point}:delay")

    def _wait(self, _seconds: float) -> None:
        self.seen.append(self._look())

    async def _wait_in_turn(self, seconds: float) -> None:
        self._wait(seconds)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Still:
    """Whatever is armed, nothing waits for it."""
    return Still(monkeypatch)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A rule in force, and nothing armed; nor afterwards."""
    made = Stage(tmp_path)
    await made.reloader.start()
    yield made
    failpoints.arm("")
    made.close()


@pytest.mark.parametrize("point", ON_THE_WAY)
async def test_an_event_stands_still_where_the_point_says(point: Failpoint, stage: Stage, still: Still) -> None:
    """On the disk is what its line in the list of points says, no more and no less; then it goes on to its end."""
    still.at(point, stage.look)
    await stage.go_all_the_way()
    assert still.seen == [ON_THE_WAY[point]]
    assert stage.look() == AT_THE_END


async def test_no_answer_waits_for_a_checkpoint(stage: Stage, still: Still) -> None:
    """What it moves is on the disk already: however long it takes, whoever asked has heard."""
    told, clock = threading.Event(), stage.line.clock
    still.at(Failpoint.CHECKPOINT, lambda: told.wait(20))
    # The time comes within this very commit: no checkpoint is due before it.
    await stage.line.store.transact(lambda tx: clock.move_to(tx.now + CHECKPOINT_EVERY))
    told.set()
    stage.close()
    assert still.seen == [True]


async def test_a_migration_is_seen_as_a_whole(stage: Stage, still: Still) -> None:
    """Who looks at the file while one runs finds the schema before it."""
    stage.path = stage.home / "new.db"
    still.at(Failpoint.MIGRATE, lambda: stage.count("PRAGMA user_version"))
    stage.line.path = stage.path
    stage.restart()
    assert still.seen == [0]
    assert stage.count("PRAGMA user_version") > 0


@pytest.mark.parametrize(("point", "judging"), [(Failpoint.BEFORE_SWAP, "r"), (Failpoint.AFTER_SWAP, "s")])
async def test_rules_are_swapped_between_two_points(
    point: Failpoint, judging: str, stage: Stage, still: Still
) -> None:
    """Before the one the old rules judge, and after the other the new ones, in memory and on the disk."""
    before = stage.count("SELECT count(*) FROM generations")
    still.at(point, lambda: (stage.rules(), stage.count("SELECT count(*) FROM generations") - before))
    await stage.edit()
    assert still.seen == [([judging], int(point is Failpoint.AFTER_SWAP))]
    assert stage.rules() == ["s"]


async def test_what_is_old_is_there_until_its_removal_is_committed(stage: Stage, still: Still) -> None:
    """A reader sees all of a batch, or nothing of it."""
    await stage.go_all_the_way()
    stage.line.clock.move_to(stage.line.clock.now() + 1_000)
    still.at(Failpoint.PRUNE, stage.look)
    await prune(stage.line.store, NOTHING_KEPT)
    assert still.seen == [AT_THE_END]
    assert stage.look() == Seen(answered=True, events=1, sent=1), "the newest event stays"


async def test_a_backup_has_its_name_once_it_is_whole(stage: Stage, still: Still) -> None:
    """What stands there before has another name, and everything in it."""
    await stage.go_all_the_way()
    target = stage.home / "copy.db"
    still.at(Failpoint.BACKUP, lambda: (target.exists(), [count_events(path) for path in find_copies(target)]))
    back_up_database(stage.home, target)
    assert still.seen == [(False, [1])]
    assert count_events(target) == 1
    assert find_copies(target) == []


def find_copies(target: Path) -> list[Path]:
    """What of a backup is being written."""
    return list(target.parent.glob(f".{target.name}.*"))


def count_events(path: Path) -> int:
    """The events in a database."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
