"""A fault of the machine at each point, once: nothing is answered that is not kept, and all of it is made good."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from autoflow import failpoints
from autoflow.app.database import back_up_database
from autoflow.errors import StorageError
from autoflow.failpoints import Failpoint
from autoflow.observe.health import State
from autoflow.store.retention import KeepFor, prune
from autoflow.store.sqlite.store import CHECKPOINT_AGAIN, CHECKPOINT_EVERY, SqliteStore
from failpoints.stage import Seen, Stage
from integration.test_every_fault import World, check
from support.daemon import DaemonProcess, until
from support.faults import Fault, Faults

ON_THE_WAY = (
    Failpoint.BEFORE_COMMIT,
    Failpoint.AFTER_COMMIT,
    Failpoint.AFTER_CLAIM,
    Failpoint.BEFORE_SEND,
    Failpoint.AFTER_SEND,
    Failpoint.BEFORE_FINISH,
)
MAY_REPEAT = (Failpoint.AFTER_COMMIT, Failpoint.AFTER_SEND)
"""Where what was sent is not known to have arrived: it goes out once more, under its key."""

LOG_RULE = "id: r\ntrigger: { event: x }\nactions: [ { log: { message: hello } } ]\n"
NOTHING_KEPT = KeepFor(events=0, unmatched_events=0, duplicates=0, runs=0, dead_letters=0, max_size=0)


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """What a test arms is its own."""
    yield
    failpoints.arm("")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A rule in force."""
    made = Stage(tmp_path)
    await made.reloader.start()
    yield made
    made.close()


class Ends(Faults):
    """A process that ends once its store is broken, and not before."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        super().__init__(store)

    @property
    def dead(self) -> bool:
        """Whether nothing goes on any more."""
        return self._store.broken is not None

    @dead.setter
    def dead(self, _dead: bool) -> None:
        """It is no other's to say."""


class FaultyWorld(World):
    """The story of `tests/integration/test_every_fault.py`, where the fault lies inside the program."""

    def _prepare(self, fault: Fault, at: int) -> Faults:
        super()._prepare(fault, at)
        return Ends(self.line.store)


async def live(path: Path, charge: str) -> FaultyWorld:
    """One life of everything, with a fault in it."""
    world = FaultyWorld(path, Fault.FAILS, 0)
    failpoints.arm(charge)
    await world.use_rules()
    await world.send_events()
    await world.work_off()
    return world


@pytest.mark.parametrize("point", ON_THE_WAY)
async def test_a_fault_at_any_passing_of_a_point_breaks_no_promise(point: Failpoint, tmp_path: Path) -> None:
    """At the first passing, the second, and so on until a whole life has no more of them: what was promised holds."""
    at, struck = 0, True
    while struck:
        at += 1
        world = await live(tmp_path / f"{at}.db", f"{point}:error@{at}")
        struck = failpoints.armed[point].struck == 1
        try:
            check(world, kills=int(point in MAY_REPEAT))
        except AssertionError as error:
            error.add_note(f"{point}:error@{at}")
            raise
        finally:
            world.line.close()
    assert at > 4


async def test_a_request_that_fails_before_the_gate_leaves_nothing_and_can_be_sent_again(stage: Stage) -> None:
    """Its sender hears of the fault, and nobody else does."""
    failpoints.arm("intake.received:error")
    with pytest.raises(OSError, match="output error"):
        await stage.take()
    assert stage.look() == Seen()
    await stage.go_all_the_way()
    assert stage.look() == Seen(answered=True, events=1, begun=1, ended=1, sent=1)


async def test_a_checkpoint_that_fails_keeps_nobody_waiting_and_is_made_good(stage: Stage) -> None:
    """What is committed is answered and goes on; the store says that its log grows until a checkpoint works."""
    stage.line.clock.move_to(stage.line.clock.now() + CHECKPOINT_EVERY)
    failpoints.arm("store.checkpoint:error")
    await stage.go_all_the_way()
    assert stage.look() == Seen(answered=True, events=1, begun=1, ended=1, sent=1)
    assert "disk I/O error" in (stage.line.store.lagging or "")
    stage.line.clock.move_to(stage.line.clock.now() + CHECKPOINT_AGAIN)
    await stage.edit()
    await until(lambda: stage.line.store.lagging is None)


async def test_a_fault_before_the_swap_leaves_the_old_rules(stage: Stage) -> None:
    """Health says so, and the same files are put in force at the next look."""
    failpoints.arm("reload.before_swap:error")
    with pytest.raises(StorageError):
        await stage.edit()
    assert stage.rules() == ["r"]
    assert stage.reloader.check().state is State.DEGRADED
    assert await stage.reloader.reload()
    assert stage.rules() == ["s"]
    assert stage.reloader.check().state is State.OK


async def test_a_fault_after_the_swap_leaves_the_new_rules(stage: Stage) -> None:
    """They are in force and kept, and are told of at the next look."""
    failpoints.arm("reload.after_swap:error")
    with pytest.raises(OSError, match="output error"):
        await stage.edit()
    assert stage.rules() == ["s"]
    assert stage.reloader.check().state is State.DEGRADED
    assert await stage.reloader.reload()
    assert stage.rules() == ["s"]
    assert stage.reloader.check().state is State.OK


async def test_a_prune_that_fails_removes_nothing_of_its_batch(stage: Stage) -> None:
    """And the next one does."""
    await stage.go_all_the_way()
    stage.line.clock.move_to(stage.line.clock.now() + 1)
    before = stage.look()
    failpoints.arm("retention.prune:error")
    with pytest.raises(StorageError):
        await prune(stage.line.store, NOTHING_KEPT)
    assert stage.look() == before
    await prune(stage.line.store, NOTHING_KEPT)
    assert stage.count("SELECT count(*) FROM runs") == 0


async def test_a_backup_that_fails_leaves_no_file(stage: Stage) -> None:
    """Neither under its name nor under another one; and the next one is whole."""
    await stage.go_all_the_way()
    target = stage.home / "copy.db"
    failpoints.arm("backup.before_rename:error")
    with pytest.raises(StorageError, match="No space left"):
        back_up_database(stage.home, target)
    assert list(stage.home.glob("*copy.db*")) == []
    back_up_database(stage.home, target)
    assert target.exists()


async def test_a_sender_never_hears_202_of_what_is_not_kept(make_daemon: Callable[..., DaemonProcess]) -> None:
    """500 or 503, and when it is sent again it is no duplicate; the daemon is ready again by itself."""
    daemon = make_daemon(environment={"AUTOFLOW_FAILPOINT": "intake.received:error@2,store.before_commit:error@9"})
    daemon.write_rule("r.yaml", LOG_RULE)
    await daemon.start()
    heard = []
    for number in range(1, 13):
        heard.append(await offer(daemon, number, "unwanted"))
        if heard[-1] != (202, "accepted"):
            assert await offer(daemon, number, "unwanted") == (202, "accepted")
    assert sorted({status for status, _ in heard}) == [202, 500, 503]
    assert [await offer(daemon, number, "x") for number in (21, 22)] == [(202, "accepted")] * 2
    await until(daemon_is_idle(daemon))
    assert await is_ready(daemon)
    assert await daemon.stop() == 0
    assert look_into(daemon, "SELECT count(*) FROM events WHERE depth = 0") == 14
    assert look_into(daemon, "SELECT count(*) FROM runs WHERE status = 'done'") == 2


async def test_a_confirmation_that_failed_ends_the_daemon_and_the_next_one_knows_the_event(
    make_daemon: Callable[..., DaemonProcess],
) -> None:
    """Whether it was kept is not known then, so nobody hears 202; sent again, the event is there once."""
    daemon = make_daemon(environment={"AUTOFLOW_FAILPOINT": "store.after_commit:error@6"})
    daemon.write_rule("r.yaml", LOG_RULE)
    await daemon.start()
    for number in range(1, 10):
        try:
            heard = await offer(daemon, number, "unwanted")
        except httpx2.HTTPError:
            break  # the daemon was gone before it could answer
        if heard[0] != 202:
            break
    assert number < 9
    assert await daemon.wait() == 74
    daemon.environment.clear()
    await daemon.start()
    assert await offer(daemon, number, "unwanted") == (202, "duplicate")
    assert await daemon.stop() == 0
    assert look_into(daemon, "SELECT count(*) FROM events WHERE depth = 0") == number


async def offer(daemon: DaemonProcess, number: int, kind: str) -> tuple[int, str | None]:
    """One event; the status, and what became of it."""
    answer = await daemon.post({"type": kind, "id": f"e{number}", "source": "test"})
    events = answer.json().get("events") or [{}]
    return answer.status_code, events[0].get("status")


async def is_ready(daemon: DaemonProcess) -> bool:
    """What it says of itself to who balances load."""
    async with httpx2.AsyncClient() as client:
        return (await client.get(f"{daemon.base_url}/readyz")).status_code == 200


def daemon_is_idle(daemon: DaemonProcess) -> Callable[[], Awaitable[bool]]:
    """Whether nothing waits in it."""

    async def look() -> bool:
        return (await daemon.get("/v1/pending"))["items"] == []

    return look


def look_into(daemon: DaemonProcess, query: str) -> int:
    """A number from its file."""
    with closing(sqlite3.connect(daemon.state / "autoflow.db")) as connection:
        return int(connection.execute(query).fetchone()[0])
