"""The sockets the daemon listens on, and the server behind them. What comes in over them: protocol.

The unix socket is bound here with mode 0600 and checks who connects: the server's own way of binding one opens
it to everybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from autoflow.errors import ConfigError, StateError
from autoflow.intake.http import AsgiApp
from autoflow.intake.protocol import IDLE_SECONDS, MOST_CONNECTIONS, BoundedProtocol, OwnerProtocol
from autoflow.intake.socket_path import socket_path

__all__ = ["BoundedProtocol", "OwnerProtocol", "QuietServer", "bind_tcp", "bind_unix", "make_server"]

SPARE_FILES = 256
"""Open files beside the connections: the database, the rules, what is being sent."""


class QuietServer(uvicorn.Server):
    """A server that leaves signals to the daemon, and ends connections that keep it waiting."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, with room for as many connections as are allowed."""
        _allow_files(2 * MOST_CONNECTIONS + SPARE_FILES)
        await super().startup(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; the connections are looked at once a second."""
        if counter % 10 == 0:
            self.end_late(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def end_late(self, now: float) -> None:
        """End every connection that is late at this moment of the event loop."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.end_if_late(now)

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
        timeout_keep_alive=int(IDLE_SECONDS),
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
            path.parent.mkdir(mode=0o700, exist_ok=True)
            socket_path(state)  # looks at the directory, which may be a stranger's
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


def _allow_files(number: int) -> None:
    """Raise this process's own limit on open files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
