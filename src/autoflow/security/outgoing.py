"""The one way out: every HTTP request and mail connection of autoflow goes through here, past the guard.

It follows no redirect, keeps no cookie, reads no proxy settings, and reads only the head of an answer.
It tries once; retrying is for the run.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from autoflow.errors import EgressError
from autoflow.security.egress import EgressGuard, Resolver, look_up

if TYPE_CHECKING:
    from autoflow.security.session import GuardedSession

BODY_CAP = 64 * 1024
"""Bytes of an answer that are read."""
PER_HOST = 32
"""Requests that one server has under way at once, where nobody says more."""
DEADLINE_MS = 30_000
"""The longest that one request may take in all, from the look-up to the last byte read."""


class Send(NamedTuple):
    """One HTTP request. A named tuple, as its answer is: they are made for each attempt."""

    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = None
    #: for the whole request; never more than DEADLINE_MS
    timeout_ms: int = DEADLINE_MS
    #: the address stands in the config, not in a rule
    own: bool = False


class Answer(NamedTuple):
    """What came back. Header names are lower-case; of repeated ones the first counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: the answer was longer than what was read
    truncated: bool = False


class SendFailure(Exception):  # noqa: N818  it is an outcome that callers turn into a value
    """No answer came. Codes: dns, connect, timeout, tls, certificate, reset, bad-answer."""

    def __init__(self, code: str, detail: str, *, sent: bool) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        #: whether any part of the request may have reached the receiver
        self.sent = sent


class Outgoing:
    """Guarded connections for the daemon's life. `resolver` replaces the machine's, for tests of rebinding."""

    def __init__(
        self,
        guard: EgressGuard,
        *,
        resolver: Resolver = look_up,
        tls: ssl.SSLContext | None = None,
        connections: int = 256,
        per_host: int = PER_HOST,
    ) -> None:
        self.guard = guard
        self._resolver = resolver
        self._tls = tls
        self._connections = connections
        self._per_host = max(1, min(per_host, connections))
        # two pools: what was opened to the config's own host must not serve a rule
        self._sessions: dict[bool, GuardedSession] = {}

    async def request(self, send: Send) -> Answer:
        """Send once. EgressError when the guard refuses, SendFailure when no answer came."""
        target = self.guard.check_url(send.url, own=send.own)
        return await self._open(own=send.own).request(send, target)

    async def open_smtp_socket(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connected, non-blocking socket to a mail server of the config, past the guard."""
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._resolve(host, port)
                return await self._connect(addresses, host, port)
        except TimeoutError as error:
            raise SendFailure("timeout", f"no connection to {host}:{port}", sent=False) from error

    async def close(self) -> None:
        """Close all connections; the next request would open new ones."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _open(self, *, own: bool) -> GuardedSession:
        if own not in self._sessions:
            from autoflow.security.session import GuardedSession

            self._sessions[own] = GuardedSession(
                self.guard,
                resolver=self._resolver,
                tls=self._tls,
                connections=self._connections,
                per_host=self._per_host,
            )
        return self._sessions[own]

    async def _resolve(self, host: str, port: int) -> list[str]:
        try:
            return await self.guard.resolve(host, port, own=True, resolver=self._resolver)
        except (OSError, UnicodeError) as error:
            raise SendFailure("dns", f"{host}: {error}", sent=False) from error

    async def _connect(self, addresses: list[str], host: str, port: int) -> socket.socket:
        failure: OSError | None = None
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            made = socket.socket(family, socket.SOCK_STREAM)
            made.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(made, (address, port))
                self._check_peer(made, host)
            except OSError as error:
                made.close()
                failure = error
            except BaseException:
                made.close()
                raise
            else:
                return made
        raise SendFailure("connect", f"{host}:{port}: {failure}", sent=False) from failure

    def _check_peer(self, made: socket.socket, host: str) -> None:
        peer: tuple[Any, ...] = made.getpeername()
        try:
            self.guard.check_peer(peer, host, own=True)
        except EgressError:
            made.close()
            raise


def disown(made: socket.socket) -> None:
    """Leave a socket to the event loop, after it failed to make a connection of it.

    uvloop closes the descriptor itself and may not tell the socket so (a reset before the TLS handshake): that would
    close it once more, or what has got its number since.
    """
    if not isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop):
        made.detach()
