"""Disks that are full, file sizes that are limited and directories that are read-only: no shim, the system itself."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.senders import WAITING, Senders, ready_status
from support.daemon import DaemonProcess, until

SIZE = 4 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", place]
    try:
        done = subprocess.run(command, capture_output=True, check=False).returncode
    except FileNotFoundError:
        done = 1
    if done:
        pytest.skip("needs: to be allowed to mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> Path:
    """A file that leaves no room beside it."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return ballast
    raise AssertionError("the disk has no end")


async def recover(senders: Senders) -> None:
    """Ready again by itself; then everything that was accepted is there after a kill."""

    async def is_ready() -> bool:
        return await ready_status(senders.daemon) == 200

    await until(is_ready, log=senders.daemon.log)
    assert await senders.send() == 202
    await senders.daemon.kill()
    await senders.daemon.start()
    assert senders.missing() == set()
    assert await senders.send() == 202


@pytest.fixture
def daemon(make_daemon: Callable[..., DaemonProcess]) -> DaemonProcess:
    """A daemon with a rule under which each event waits."""
    made = make_daemon()
    made.write_rule("waiting.yaml", WAITING)
    return made


async def test_a_full_disk_is_told_and_left_behind(small_disk: Path, daemon: DaemonProcess) -> None:
    """Every sender is told while there is no room; once there is some, nothing has to be started again."""
    daemon.config = {"state": str(small_disk / "state")}
    (daemon.home / "state").symlink_to(small_disk / "state")
    await daemon.start()
    senders = Senders(daemon, padding=20_000)
    await senders.send_many(8)
    ballast = fill(small_disk)
    await senders.send_until(503)
    assert await ready_status(daemon) == 503
    await senders.send_many(8)
    ballast.unlink()
    await recover(senders)


async def test_a_disk_that_filled_up_with_events_keeps_those_it_took(small_disk: Path, daemon: DaemonProcess) -> None:
    """Nobody but the daemon filled it: what was accepted is there, also when it is killed full and started so."""
    daemon.config = {"state": str(small_disk / "state")}
    (daemon.home / "state").symlink_to(small_disk / "state")
    await daemon.start()
    senders = Senders(daemon, padding=60_000)
    await senders.send_until(503)
    accepted = len(senders.accepted)
    await daemon.kill()
    assert senders.missing() == set()
    await daemon.start(ready=False)
    await until(lambda: daemon.events_logged("daemon.started") or daemon.process.returncode is not None)
    assert daemon.process.returncode in (None, 74), daemon.log
    if daemon.process.returncode is None:
        await daemon.kill()
    subprocess.run(["mount", "-o", f"remount,size={4 * SIZE}", small_disk], check=True)
    await daemon.start()
    assert await senders.send() == 202
    assert len(senders.accepted) == accepted + 1
    assert senders.missing() == set()


async def test_a_limit_of_file_size_is_told_and_left_behind(daemon: DaemonProcess) -> None:
    """RLIMIT_FSIZE, lowered and raised again beside the running daemon."""
    await daemon.start()
    senders = Senders(daemon)
    await senders.send_many(8)
    size = (daemon.state / "autoflow.db-wal").stat().st_size
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    await senders.send_until(503)
    assert await ready_status(daemon) == 503
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await recover(senders)


async def test_a_read_only_directory_is_refused_at_the_start(small_disk: Path, daemon: DaemonProcess) -> None:
    """Nothing can be kept there: the daemon says so and ends, and what is there stays as it is."""
    daemon.config = {"state": str(small_disk / "state")}
    (daemon.home / "state").symlink_to(small_disk / "state")
    await daemon.start()
    senders = Senders(daemon)
    assert await senders.send() == 202
    assert await daemon.stop() == 0
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    await daemon.start(ready=False)
    assert await daemon.wait() in (73, 74)
    assert os.strerror(30) in "".join(daemon.log)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    await daemon.start()
    assert senders.missing() == set()
