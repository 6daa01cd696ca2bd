"""A disk that answers EIO or ENOSPC: what was answered stays, what was not is asked for again, and it recovers."""

import errno
from collections.abc import Callable

import pytest

from faults.senders import WAITING, Senders, ready_status
from faults.shim import Call, Disk, File, is_long
from support.daemon import DaemonProcess, until

NTH = range(1, 201 if is_long() else 11)
FIRST_CALLS = range(1, 61) if is_long() else (1, 4)
KINDS = [(errno.EIO, False), (errno.ENOSPC, True)]
if is_long():
    KINDS += [(errno.EIO, True), (errno.ENOSPC, False), (errno.EROFS, False), (errno.EDQUOT, False)]


@pytest.fixture
def daemon(make_daemon: Callable[..., DaemonProcess], disk: Disk) -> DaemonProcess:
    """A daemon on the disk, with a rule under which each event waits."""
    made = make_daemon(environment=disk.environment(forgets=True))
    made.write_rule("waiting.yaml", WAITING)
    return made


async def kill_and_look(senders: Senders) -> None:
    """After a kill and a start on a sound disk everything that was accepted is there."""
    await senders.daemon.kill()
    await senders.daemon.start()
    assert senders.missing() == set()
    assert await senders.send() == 202


@pytest.mark.parametrize(("error", "half"), KINDS)
async def test_a_write_that_fails_costs_one_answer(daemon: DaemonProcess, disk: Disk, error: int, half: bool) -> None:
    """Whichever write fails, its sender is asked to come again, and the next one is taken."""
    await daemon.start()
    senders = Senders(daemon)
    for nth in NTH:
        # a half-written write is gone on with: it has to fail twice to fail
        disk.fail(Call.WRITE, error, files=File.LOG, nth=nth, times=2 if half else 1, half=half)
        for _ in range(nth + 1):
            await senders.send()
            if disk.failed:
                break
        assert disk.failed
        disk.heal()
        assert await senders.send() == 202
    assert senders.refused or half
    assert await ready_status(daemon) == 200
    await kill_and_look(senders)


async def test_an_fsync_that_fails_ends_the_process(daemon: DaemonProcess, disk: Disk) -> None:
    """What the disk has of it cannot be known: 503, exit 74; what was accepted is there, the power gone or not."""
    senders = Senders(daemon)
    for nth in NTH:
        await daemon.start()
        disk.fail(Call.SYNC, files=File.LOG, nth=nth)
        await senders.send_until(503)
        assert await senders.send() in (503, None)
        assert await daemon.wait() == 74
        assert daemon.events_logged("store.broken")
        disk.heal()
        assert senders.missing() == set()
        disk.lose_power(daemon.state)
        assert senders.missing() == set()
    await daemon.start()
    assert await senders.send() == 202
    assert senders.missing() == set()


@pytest.mark.parametrize("call", [Call.WRITE | Call.CUT, Call.SYNC], ids=["write", "sync"])
async def test_a_start_on_a_failing_disk_ends_or_is_one(daemon: DaemonProcess, disk: Disk, call: Call) -> None:
    """Whichever of its first calls fails, a daemon comes up or ends with 74; the next finds all that was there."""
    await daemon.start()
    senders = Senders(daemon)
    await senders.send_many(8)
    await daemon.kill()
    for nth in FIRST_CALLS:
        disk.fail(call, nth=nth)
        await daemon.start(ready=False)
        await until(lambda: daemon.events_logged("daemon.started") or daemon.process.returncode is not None)
        if daemon.process.returncode is None and call != Call.SYNC:
            await senders.send()
        if daemon.process.returncode is None:
            await daemon.kill()
        else:
            assert await daemon.wait() == 74, daemon.log
        disk.heal()
        assert senders.missing() == set()
    await daemon.start()
    assert await senders.send() == 202
    assert senders.missing() == set()


async def test_it_is_ready_again_without_traffic_and_without_a_restart(daemon: DaemonProcess, disk: Disk) -> None:
    """While nothing can be kept every sender is told and probes are too; once it can, nobody has to do anything."""
    await daemon.start()
    senders = Senders(daemon)
    await senders.send_many(8)
    disk.fail(Call.WRITE | Call.CUT, errno.ENOSPC, times=-1)
    await senders.send_many(20)
    assert len(senders.refused) == 20
    assert await ready_status(daemon) == 503
    [check] = [line for line in (await daemon.command("health"))[1].splitlines() if "store" in line]
    assert "full" in check
    failed = disk.failed
    await until(lambda: disk.failed > failed, log=daemon.log)  # it looks by itself
    assert await ready_status(daemon) == 503
    disk.heal()

    async def is_ready() -> bool:
        return await ready_status(daemon) == 200

    await until(is_ready, log=daemon.log)
    assert await senders.send() == 202
    await kill_and_look(senders)


async def test_what_became_due_meanwhile_is_done_once_there_is_space(daemon: DaemonProcess, disk: Disk) -> None:
    """Waiting work does not need a restart either, and is done once."""
    daemon.write_rule("soon.yaml", "trigger: {event: soon}\ndelay: 1s\nactions:\n  - log: {message: done}\n")
    await daemon.start()
    assert (await daemon.post({"type": "soon", "id": "s1"})).status_code == 202
    disk.fail(Call.WRITE, errno.ENOSPC, times=-1)
    await until(lambda: daemon.events_logged("dispatch.storage"), log=daemon.log)
    assert not daemon.events_logged("action.message")
    disk.heal()
    await until(lambda: daemon.events_logged("action.message"), log=daemon.log)

    async def is_done() -> bool:
        return [run["status"] for run in (await daemon.get("/v1/runs"))["items"]] == ["done"]

    await until(is_done, log=daemon.log)
    assert len(daemon.events_logged("action.message")) == 1


@pytest.mark.parametrize("name", ["autoflow.db", "autoflow.db-wal"])
async def test_nothing_is_answered_into_a_file_that_is_gone(daemon: DaemonProcess, name: str) -> None:
    """Where the database or its log was removed the next sender is refused, and the daemon ends."""
    await daemon.start()
    senders = Senders(daemon)
    assert await senders.send() == 202
    (daemon.state / name).rename(daemon.home / name)
    assert await senders.send() == 503
    assert await daemon.wait() == 74
    assert "removed" in daemon.events_logged("store.broken")[0]["error"]
    (daemon.home / name).rename(daemon.state / name)
    await daemon.start()
    assert senders.missing() == set()
