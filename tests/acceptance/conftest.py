"""A daemon for a test of the real command."""

from collections.abc import Callable

import pytest

from support.daemon import DaemonProcess


@pytest.fixture
def daemon(make_daemon: Callable[..., DaemonProcess]) -> DaemonProcess:
    """One daemon, not started yet."""
    return make_daemon()
