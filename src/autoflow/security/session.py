"""The HTTP client behind Outgoing: a pool of connections, each opened to an address that the guard let pass.

All addresses of a name are judged, and then the one that a socket is made for, which is the only place where literal
addresses pass. Imported by the first request, for start-up's sake.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

import aiohappyeyeballs
from aiohappyeyeballs import AddrInfoType

from autoflow.security.connection import Connection, write_request
from autoflow.security.egress import EgressGuard, Origin, Resolver, Target, is_address
from autoflow.security.leave import Leave
from autoflow.security.outgoing import DEADLINE_MS, Answer, Send, SendFailure, disown
from autoflow.security.patience import LATE_SECONDS, LOOK_SECONDS, Patience

_CONNECT_SECONDS = 5.0
"""For the connection itself and its TLS handshake."""
_NEXT_ADDRESS_SECONDS = 0.25
"""How long one address is tried alone before the next one is tried beside it (RFC 8305)."""
_IDLE_SECONDS = 15.0
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_PATIENCE = re.compile(r"timeout\s*=\s*(\d{1,6})")
_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH = 62, 64
"""OpenSSL's verify codes for a valid certificate of somebody else."""


@dataclass(slots=True, kw_only=True)
class _Host:
    """What is kept of one server."""

    #: leave to have one more request under way
    room: Leave
    #: requests under way, and those that wait for leave
    users: int = 0
    #: connections that wait for the next request, the one used last at the end
    idle: list[Connection] = field(default_factory=list)


class GuardedSession:
    """One pool of guarded connections."""

    def __init__(
        self, guard: EgressGuard, *, resolver: Resolver, tls: ssl.SSLContext | None, connections: int, per_host: int
    ) -> None:
        self._guard = guard
        self._resolver = resolver
        self._tls = tls
        self._most = connections
        self._per_host = per_host
        self._loop = asyncio.get_running_loop()
        self._room = Leave(connections)
        self._hosts: dict[Origin, _Host] = {}
        self._busy: set[Connection] = set()
        self._opening = 0
        self._alarm: asyncio.Handle | None = None
        #: when it rings; uvloop does not say so of an alarm that is to ring at once
        self._alarm_at = 0.0
        self._is_closed = False

    async def request(self, send: Send, target: Target) -> Answer:
        """Send once and read the head of the answer."""
        deadline = self._loop.time() + min(send.timeout_ms, DEADLINE_MS) / 1000
        asked = _Asked(send, target, write_request(send, target), deadline)
        host = self._hosts.get(target.origin) or self._add_host(target.origin)
        host.users += 1
        try:
            await self._enter(host, asked)
            try:
                return await self._send(host, asked)
            finally:
                self._room.give_back()
                host.room.give_back()
        finally:
            host.users -= 1

    async def close(self) -> None:
        """Close all connections. What waits for one gets none any more."""
        self._is_closed = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for connection in (*self._busy, *self._idle()):
            connection.abort()
        self._hosts.clear()
        await asyncio.sleep(0)  # the transports close their sockets in the loop's next turn

    def _add_host(self, origin: Origin) -> _Host:
        host = self._hosts[origin] = _Host(room=Leave(self._per_host))
        return host

    async def _enter(self, host: _Host, asked: _Asked) -> None:
        """Wait for leave to send: first the server's own, so that a slow one holds up nobody else."""
        if host.room.take_now():
            if self._room.take_now():
                return
            host.room.give_back()
        with _told(asked.target):
            await self._wait(host, asked.deadline)

    async def _wait(self, host: _Host, deadline: float) -> None:
        async with Patience(deadline - self._loop.time()):
            await host.room.take()
            try:
                await self._room.take()
            except BaseException:
                host.room.give_back()
                raise

    async def _send(self, host: _Host, asked: _Asked) -> Answer:
        connection = self._reuse(host)
        if connection is not None:
            try:
                return await self._exchange(connection, host, asked)
            except SendFailure as failure:
                # it may have been closed as we wrote; what can be repeated without harm is
                is_harmless = failure.code == "reset" and asked.send.method in _REPEATABLE
                if self._is_closed or connection.is_answered or not is_harmless:
                    raise
        return await self._exchange(await self._open(asked), host, asked)

    async def _exchange(self, connection: Connection, host: _Host, asked: _Asked) -> Answer:
        self._busy.add(connection)
        try:
            coming = connection.ask(asked.send.method, asked.request, asked.deadline)
            self._watch(asked.deadline)
            answer = await coming
        except BaseException:
            connection.abort()  # also where the answer came as the sender was cut off
            raise
        finally:
            self._busy.discard(connection)
        if connection.is_reusable:
            connection.idle_until = self._loop.time() + _read_patience(answer)
            host.idle.append(connection)
        else:
            connection.abort()
        return answer

    def _reuse(self, host: _Host) -> Connection | None:
        now = self._loop.time()
        while host.idle:
            connection = host.idle.pop()
            if connection.is_open() and now < connection.idle_until:
                return connection
            connection.abort()
        return None

    async def _open(self, asked: _Asked) -> Connection:
        """A new connection, past the guard."""
        self._opening += 1
        try:
            self._make_room()
            with _told(asked.target):
                connection = await self._connect_within(asked)
        finally:
            self._opening -= 1
        if self._is_closed:
            connection.abort()
            raise SendFailure("connect", f"{asked.target.name}: closed before anything was sent", sent=False)
        return connection

    async def _connect_within(self, asked: _Asked) -> Connection:
        origin = asked.target.origin
        async with Patience(asked.deadline - self._loop.time()):
            addresses = await self._find(origin)
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await self._connect(origin, addresses)

    def _make_room(self) -> None:
        """Requests under way have leave, so that one connection too many is an idle one: the one idle for longest."""
        idle = [(one.idle_until, host) for host in self._hosts.values() for one in host.idle[:1]]
        if sum(len(host.idle) for _, host in idle) + len(self._busy) + self._opening > self._most:
            _, host = min(idle, key=itemgetter(0))
            host.idle.pop(0).abort()

    async def _find(self, origin: Origin) -> list[str]:
        if is_address(origin.host):
            return [origin.host]
        try:
            return await self._guard.resolve(origin.host, origin.port, own=origin.own, resolver=self._resolver)
        except (OSError, UnicodeError) as error:
            raise SendFailure("dns", f"{origin.name}: {error}", sent=False) from error

    async def _connect(self, origin: Origin, addresses: list[str]) -> Connection:
        def make_socket(place: AddrInfoType) -> socket.socket:
            self._guard.check_peer(place[4], origin.host, own=origin.own)
            return socket.socket(*place[:3])

        made = await aiohappyeyeballs.start_connection(
            [_place(address, origin.port) for address in addresses],
            happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
            interleave=1,
            socket_factory=make_socket,
        )
        is_secure = origin.scheme == "https"
        if is_secure and self._tls is None:
            self._tls = ssl.create_default_context()
        try:
            _, connection = await self._loop.create_connection(
                lambda: Connection(origin, self._loop),
                sock=made,
                ssl=self._tls if is_secure else None,
                server_hostname=origin.host if is_secure else None,
            )
        except BaseException:
            disown(made)
            raise
        return connection

    def _idle(self) -> Iterator[Connection]:
        return (connection for host in self._hosts.values() for connection in host.idle)

    def _watch(self, at: float) -> None:
        """Look at the connections then, or sooner: one alarm stands for all their deadlines."""
        if self._alarm is not None:
            if self._alarm_at <= at:
                return
            self._alarm.cancel()
        self._alarm, self._alarm_at = self._loop.call_at(at, self._look), at

    def _look(self) -> None:
        """End what is past its time, and set the next alarm.

        An alarm that rings late comes from a process that stood still: what lies in the sockets is looked at first.
        """
        self._alarm = None
        now = self._loop.time()
        for connection in tuple(self._busy):
            if now - connection.deadline > LATE_SECONDS and not connection.is_last_look:
                connection.is_last_look = True
                connection.deadline = now + LOOK_SECONDS
            if connection.deadline > now:
                self._watch(connection.deadline)
            else:
                connection.expire()
        for origin, host in tuple(self._hosts.items()):
            self._tidy(origin, host, now)

    def _tidy(self, origin: Origin, host: _Host, now: float) -> None:
        for connection in host.idle:
            if connection.idle_until <= now:
                connection.abort()
        host.idle[:] = [connection for connection in host.idle if connection.is_open()]
        if host.idle:
            self._watch(min(connection.idle_until for connection in host.idle))
        elif not host.users:
            del self._hosts[origin]


class _Asked(NamedTuple):
    """One request on its way."""

    send: Send
    target: Target
    #: as it is written to the connection
    request: bytes
    #: by the event loop's clock
    deadline: float


@contextmanager
def _told(target: Target) -> Iterator[None]:
    """Failures before anything is sent, in our words."""
    try:
        yield
    except TimeoutError as error:
        raise SendFailure("timeout", f"{target.name} did not answer in time", sent=False) from error
    except ssl.SSLCertVerificationError as error:
        wrong_name = error.verify_code in (_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH)
        raise SendFailure("certificate" if wrong_name else "tls", f"{target.name}: {error}", sent=False) from error
    except ssl.SSLError as error:
        raise SendFailure("tls", f"{target.name}: {error}", sent=False) from error
    except OSError as error:
        raise SendFailure("connect", f"{target.name}: {error}", sent=False) from error


def _place(address: str, port: int) -> AddrInfoType:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


def _read_patience(answer: Answer) -> float:
    """How long the connection may wait for the next request: a second less than the server says it keeps it."""
    said = answer.headers.get("keep-alive")
    found = _PATIENCE.search(said) if said else None
    return min(_IDLE_SECONDS, int(found[1]) - 1) if found else _IDLE_SECONDS
