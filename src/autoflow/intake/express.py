"""The short way of `POST /v1/events`: from the parser to the door and back, without ASGI in between.

Most requests are whole after one read and small. They are answered by a call when their events are on disk: no
coroutine, no queue, one write. Everything else takes the long way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol

TARGET = b"/v1/events"
MOST_BYTES = 60 * 1024
"""A larger body is read piece by piece, on the long way."""

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a request to the events' door is answered."""

    status: int
    body: bytes
    request_id: str
    media_type: str = "application/json"
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def closes(self) -> bool:
        """Whether the connection ends with it: the sender was about to send more than is taken."""
        return self.status in (413, 431)


class EventDoor(Protocol):
    """Answers whole requests."""

    def express(self, headers: Headers, body: bytes, respond: Callable[[Reply], None]) -> None:
        """Take the events of one request; `respond` is called once, now or after the commit."""
        ...


class Connection(Protocol):
    """What a cycle needs of its connection."""

    transport: asyncio.Transport

    def on_response_complete(self) -> None:
        """Answered; the next request may come."""
        ...


class _Silent:
    """Stands where the long way has an event that a coroutine waits for."""

    def set(self) -> None:
        """Nobody waits."""


class EventCycle:
    """One request on the short way. The attributes are those that the server asks of every request."""

    message_event = _Silent()
    response_started = False
    waiting_for_100_continue = False

    def __init__(self, connection: Connection, door: EventDoor, headers: Headers, *, keep_alive: bool) -> None:
        self._connection = connection
        self._door = door
        self._headers = headers
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_complete = False

    def begin(self, default_headers: Headers) -> None:
        """The request is whole: hand it to the door."""
        self._defaults = default_headers
        self._door.express(self._headers, bytes(self.body), self.respond)

    def respond(self, reply: Reply) -> None:
        """Write the answer, unless nobody is there to read it."""
        if self.response_complete:
            return
        self.response_complete = self.response_started = True
        transport = self._connection.transport
        keep = self.keep_alive and not reply.closes
        if not self.disconnected and not transport.is_closing():
            transport.write(write_reply(reply, self._defaults, keep=keep))
        if not keep:
            transport.close()
        self._connection.on_response_complete()


def express_door(app: Any) -> EventDoor | None:
    """The door of a server's application, where it has a short way."""
    return app if hasattr(app, "express") else None


def may_express(url: bytes, method: bytes, headers: Headers) -> bool:
    """Whether a request can take the short way, by its head."""
    if url != TARGET or method != b"POST":
        return False
    length = 0
    for name, value in headers:
        if name == b"content-length":
            if not value.isdigit() or len(value) > 6:
                return False
            length = int(value)
        elif name == b"expect":
            return False
    return 0 < length <= MOST_BYTES


def write_reply(reply: Reply, defaults: Headers, *, keep: bool) -> bytes:
    """A whole HTTP/1.1 answer."""
    head = _head(reply.status, reply.media_type, keep)
    parts = [head, b"content-length: %d\r\nx-request-id: %s\r\n" % (len(reply.body), reply.request_id.encode())]
    parts += [b"%s: %s\r\n" % header for header in defaults]
    parts += [f"{name.lower()}: {value}\r\n".encode("latin-1") for name, value in reply.extra]
    parts += (b"\r\n", reply.body)
    return b"".join(parts)


@lru_cache(maxsize=64)
def _head(status: int, media_type: str, keep: bool) -> bytes:
    close = "" if keep else "connection: close\r\n"
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {media_type}\r\n"
        f"x-content-type-options: nosniff\r\ncache-control: no-store\r\n{close}"
    ).encode()
