"""The sockets the daemon listens on, and the server behind them.

The unix socket is bound here with mode 0600 and checks who connects: the server's own way of binding one opens
it to everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from autoflow.errors import ConfigError, StateError
from autoflow.intake.http import AsgiApp
from autoflow.intake.socket_path import socket_path

HEADER_BYTES = 32 * 1024
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"connection: close\r\ncontent-length: 84\r\n\r\n"
    b'{"type":"about:blank","title":"Request Header Fields Too Large","status":431}       '
)


class BoundedProtocol(HttpToolsProtocol):
    """HTTP with a limit on what comes before a body."""

    _header_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless a request's headers have grown too long."""
        if self.cycle is None or self.cycle.response_complete:
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES and not self._in_body():
                self.transport.write(TOO_LARGE)
                self.transport.close()
                return
        super().data_received(data)
        if self._in_body():
            self._header_bytes = 0

    def _in_body(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


class OwnerProtocol(BoundedProtocol):
    """HTTP on the unix socket: only the daemon's own user, and root, are answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # the server says BaseTransport
        """Hang up on everybody else."""
        if peer_uid(transport) not in (os.getuid(), 0, None):
            transport.abort()
            return
        super().connection_made(transport)


def peer_uid(transport: asyncio.BaseTransport) -> int | None:
    """The user at the other end of a unix socket; None where the system does not tell (the mode 0600 remains)."""
    connection = transport.get_extra_info("socket")
    if connection is None or not hasattr(socket, "SO_PEERCRED"):
        return None
    duplicate = socket.socket(fileno=os.dup(connection.fileno()))
    with duplicate:
        credentials = duplicate.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


class QuietServer(uvicorn.Server):
    """A server that leaves signals to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the daemon drains in its own order."""
        yield


def make_server(app: AsgiApp, *, protocol: type[HttpToolsProtocol], grace: int) -> QuietServer:
    """A server for one of our doors."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=grace,
        limit_concurrency=None,
        backlog=1024,
    )
    return QuietServer(config)


def bind_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket. ConfigError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = "it is in use" if error.errno == errno.EADDRINUSE else str(error)
        raise ConfigError(
            f"cannot listen on {host}:{port}: {reason}", hint="choose another address with --listen HOST:PORT"
        ) from error
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def bind_unix(state: Path) -> socket.socket:
    """The daemon's unix socket, for its own user only; a stale one is replaced (the lock is held)."""
    path = socket_path(state)
    try:
        if path.parent != state.resolve():
            _make_private(path.parent)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(old)
        path.chmod(0o600)
    except OSError as error:
        raise StateError(f"cannot make the socket {path}: {error}") from error
    listener.listen(128)
    listener.setblocking(False)
    return listener


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StateError(f"{directory} is not a private directory of this user", hint="remove it and start again")


def address_of(listener: socket.socket) -> Any:
    """What the socket is bound to."""
    return listener.getsockname()
