"""The sockets: bound for their owner only, and found by commands whatever their environment."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoflow.errors import ConfigError, StateError
from autoflow.intake.listener import bind_tcp, bind_unix
from autoflow.intake.socket_path import LONGEST_PATH, socket_path


@pytest.fixture
def long_state(tmp_path: Path) -> Iterator[Path]:
    """A state directory whose path is too long for a socket in it."""
    state = tmp_path / ("long-" * 20) / ("longer-" * 20)
    state.mkdir(parents=True)
    yield state
    place = socket_path(state).parent
    if place.is_dir():
        for path in place.iterdir():
            path.unlink()
        place.rmdir()


def test_the_socket_is_for_its_owner_only(tmp_path: Path) -> None:
    """Mode 0600 from its first moment, whatever the umask; a stale one is replaced."""
    old = os.umask(0)
    try:
        for _ in range(2):
            with bind_unix(tmp_path):
                assert stat.S_IMODE((tmp_path / "autoflow.sock").stat().st_mode) == 0o600
        assert os.umask(0) == 0
    finally:
        os.umask(old)


def test_a_state_directory_with_a_long_path_has_a_socket_elsewhere(
    long_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a private directory, at a place that does not depend on anybody's environment."""
    with bind_unix(long_state) as listener:
        place = Path(listener.getsockname())
        assert len(os.fsencode(place)) <= LONGEST_PATH
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/nowhere")
        monkeypatch.setenv("TMPDIR", "/nowhere")
        assert socket_path(long_state) == place
        assert socket_path(long_state / ".." / long_state.name) == place


def test_a_directory_that_others_can_enter_is_not_used(long_state: Path) -> None:
    """Neither to listen there nor to send there."""
    place = socket_path(long_state).parent
    place.mkdir(mode=0o755)
    place.chmod(0o755)
    with pytest.raises(StateError):
        socket_path(long_state)
    with pytest.raises(StateError):
        bind_unix(long_state)
    place.chmod(0o700)


def test_a_directory_of_somebody_else_is_not_used(long_state: Path) -> None:
    """Whoever was there first must not be told our events."""
    if os.getuid() != 0:
        pytest.skip("giving a directory away needs root")
    place = socket_path(long_state).parent
    place.mkdir(mode=0o700)
    os.chown(place, 65_534, 65_534)
    with pytest.raises(StateError):
        socket_path(long_state)
    os.chown(place, 0, 0)


def test_an_address_in_use_is_told_with_what_to_do() -> None:
    """Not a traceback."""
    with bind_tcp("127.0.0.1", 0) as first, pytest.raises(ConfigError) as caught:
        bind_tcp("127.0.0.1", first.getsockname()[1])
    assert "in use" in caught.value.message
    assert "--listen" in (caught.value.hint or "")


def test_an_address_that_is_not_ours_is_told() -> None:
    """With its reason."""
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1"):
        bind_tcp("192.0.2.1", 0)


def test_ipv6_addresses_can_be_listened_on() -> None:
    """Where the machine has them."""
    try:
        listener = bind_tcp("::1", 0)
    except ConfigError:
        pytest.skip("this machine has no IPv6 loopback")
    with listener:
        assert listener.family is socket.AF_INET6
