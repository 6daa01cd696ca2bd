"""Lost power: of the files only that is left which was synced. Nothing that was answered may be missing.

The same is done with `synchronous=NORMAL`, which a patch of the test sets and no setting of autoflow can: there it
has to lose events, or this test would prove nothing.
"""

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.senders import WAITING, Senders
from faults.shim import Call, Disk, File, is_long
from support.daemon import DaemonProcess, until

CYCLES = 200 if is_long() else 4
SEED = int(os.environ.get("FAULTS_SEED", "20260117"))

PATCH = """
import autoflow.store.sqlite.store as store
store._WRITER_PRAGMAS = tuple(p.replace("= FULL", "= NORMAL") for p in store._WRITER_PRAGMAS)
assert any("NORMAL" in pragma for pragma in store._WRITER_PRAGMAS)
"""

CHECKPOINT_OFTEN = """
import autoflow.store.sqlite.store as store
store.CHECKPOINT_EVERY = store.CHECKPOINT_AGAIN = 0
"""


def patch(home: Path, text: str) -> dict[str, str]:
    """The environment in which a daemon starts with this."""
    directory = home / "patch"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(text)
    return {"PYTHONPATH": str(directory)}


@pytest.fixture
def make_forgetful(make_daemon: Callable[..., DaemonProcess], disk: Disk) -> Callable[[str], DaemonProcess]:
    """A daemon on a disk that forgets, with a patch."""

    def make(text: str) -> DaemonProcess:
        home = disk.kept.parent.parent
        made = make_daemon(environment=disk.environment(forgets=True) | patch(home, text))
        made.write_rule("waiting.yaml", WAITING)
        return made

    return make


async def cut_power(senders: Senders, disk: Disk, *, after: int, torn: random.Random | None) -> None:
    """Some senders send; amid it, once so many were accepted, the daemon ends and its files forget."""
    daemon, begun = senders.daemon, len(senders.accepted)
    sending = asyncio.ensure_future(senders.send_many(after + 20))
    await until(lambda: len(senders.accepted) >= begun + after or sending.done())
    await daemon.kill()
    await sending
    disk.lose_power(daemon.state, torn=torn)


@pytest.mark.parametrize("text", ["", CHECKPOINT_OFTEN], ids=["commits", "checkpoints"])
async def test_nothing_answered_is_lost_with_the_power(
    make_forgetful: Callable[[str], DaemonProcess], disk: Disk, text: str
) -> None:
    """Whenever the power goes, whether the disk has none or any of what was not synced, and in a checkpoint too."""
    daemon = make_forgetful(text)
    senders, chance = Senders(daemon), random.Random(SEED)
    for number in range(CYCLES):
        await daemon.start()
        await cut_power(senders, disk, after=chance.randint(1, 40), torn=chance if number % 2 else None)
        assert senders.missing() == set()
    await daemon.start()
    assert await senders.send() == 202
    assert senders.missing() == set()
    assert len(senders.accepted) > CYCLES


async def test_without_full_sync_the_same_loses_events(
    make_forgetful: Callable[[str], DaemonProcess], disk: Disk
) -> None:
    """The test above can fail: with `synchronous=NORMAL` what was answered is gone."""
    daemon = make_forgetful(PATCH)
    senders = Senders(daemon)
    await daemon.start()
    await cut_power(senders, disk, after=20, torn=None)
    await daemon.start()
    lost = senders.missing()
    assert lost
    assert lost <= senders.accepted


async def test_a_checkpoint_that_fails_is_told(make_forgetful: Callable[[str], DaemonProcess], disk: Disk) -> None:
    """Commits go on into the log, health is degraded and says so; it is well again by itself."""
    daemon = make_forgetful(CHECKPOINT_OFTEN)
    await daemon.start()
    senders = Senders(daemon)
    assert await senders.send() == 202
    disk.fail(Call.WRITE, files=File.DATABASE, times=-1)
    assert await senders.send() == 202

    async def store_check() -> str:
        return (await daemon.get("/v1/health"))["checks"]["store"]["status"]

    async def is_degraded() -> bool:
        return await store_check() == "degraded"

    async def is_ok() -> bool:
        return await store_check() == "ok"

    await until(is_degraded, log=daemon.log)
    assert await senders.send() == 202
    disk.heal()
    await until(is_ok, log=daemon.log)
    await daemon.kill()
    disk.lose_power(daemon.state)
    assert senders.missing() == set()


async def test_a_checkpoint_whose_fsync_fails_ends_the_process(
    make_forgetful: Callable[[str], DaemonProcess], disk: Disk
) -> None:
    """The database's own fsync counts like the log's: exit 74, and all that was accepted is there."""
    daemon = make_forgetful(CHECKPOINT_OFTEN)
    await daemon.start()
    senders = Senders(daemon)
    disk.fail(Call.SYNC, files=File.DATABASE)
    assert await senders.send() == 202
    assert await daemon.wait() == 74
    disk.heal()
    disk.lose_power(daemon.state)
    await daemon.start()
    assert senders.missing() == set()
