"""Daemons on disks that fail, and what may be true of one afterwards."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.shim import Disk, build_shim
from support.daemon import DaemonProcess


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def disk(library: Path, tmp_path: Path) -> Iterator[Disk]:
    """A disk on which nothing fails yet."""
    directory = tmp_path / "disk"
    directory.mkdir()
    made = Disk(library, directory)
    yield made
    made.close()


@pytest.fixture
async def make_daemon(tmp_path: Path) -> AsyncIterator[Callable[..., DaemonProcess]]:
    made: list[DaemonProcess] = []

    def make(**options: Any) -> DaemonProcess:
        made.append(DaemonProcess(options.pop("home", tmp_path), **options))
        return made[-1]

    yield make
    for daemon in made:
        if daemon.process is not None and daemon.process.returncode is None:
            await daemon.kill()
