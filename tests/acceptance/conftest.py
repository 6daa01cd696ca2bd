"""Daemons that end with their test, whatever happens in it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from support.daemon import DaemonProcess


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


@pytest.fixture
def daemon(make_daemon: Callable[..., DaemonProcess]) -> DaemonProcess:
    """One daemon, not started yet."""
    return make_daemon()
