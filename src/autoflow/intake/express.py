"""The short way of `POST /v1/events`: from the parser to the door and back, without ASGI in between.

Most requests are whole after one read and small. They are answered by a call when their events are on disk: no
coroutine, no queue, one write. Everything else takes the long way. A head that came before on the connection is not
even parsed: known_head.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from autoflow.errors import AutoflowError

TARGET = b"/v1/events"
MOST_BYTES = 60 * 1024
"""A larger body is read piece by piece, on the long way."""

Headers = Sequence[tuple[bytes, bytes]]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)  # it holds the token
class Admission:
    """What a request's head decides, whatever its body."""

    raw: Headers
    #: those that the door reads
    headers: Mapping[bytes, str]
    #: the id that the sender gave it
    request_id: str | None
    #: why it is not let in
    refusal: AutoflowError | None


class EventDoor(Protocol):
    """Answers whole requests."""

    def admit(self, headers: Headers) -> Admission:
        """Judge a head that may take the short way."""
        ...

    def express(self, admission: Admission, body: bytes, respond: Callable[[Reply], None]) -> None:
        """Take the events of one request; `respond` is called once, now or after the commit."""
        ...

    def count_refusal(self, status: int) -> None:
        """The connection refused what was not, or not yet, a request."""
        ...


class Connection(Protocol):
    """What a cycle needs of its connection."""

    transport: asyncio.Transport

    @property
    def default_headers(self) -> Headers:
        """What the server says in every answer."""
        ...

    def on_response_complete(self) -> None:
        """Answered; the next request may come."""
        ...


class _Silent:
    """Stands where the long way has an event that a coroutine waits for."""

    def set(self) -> None:
        """Nobody waits."""


class EventCycle:
    """One request on the short way. The public attributes are those that the server asks of every request."""

    __slots__ = ("_connection", "body", "disconnected", "keep_alive", "more_body", "response_complete")

    message_event = _Silent()
    waiting_for_100_continue = False

    def __init__(self, connection: Connection, *, keep_alive: bool) -> None:
        self._connection = connection
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_complete = False

    @property
    def response_started(self) -> bool:
        """An answer goes out whole."""
        return self.response_complete

    def respond(self, reply: Reply) -> None:
        """Write the answer, unless nobody is there to read it."""
        if self.response_complete:
            return
        self.response_complete = True
        connection = self._connection
        transport = connection.transport
        keep = self.keep_alive and not reply.closes
        if not self.disconnected and not transport.is_closing():
            transport.write(write_reply(reply, connection.default_headers, keep=keep))
        if not keep:
            transport.close()
        connection.on_response_complete()


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
    head = _head(reply.status, reply.media_type, keep, tuple(defaults))
    extra = b"".join([f"{name.lower()}: {value}\r\n".encode("latin-1") for name, value in reply.extra])
    told = (head, len(reply.body), reply.request_id.encode("ascii"), extra, reply.body)
    return b"%bcontent-length: %d\r\nx-request-id: %b\r\n%b\r\n%b" % told


@lru_cache(maxsize=64)
def _head(status: int, media_type: str, keep: bool, defaults: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """What is the same in all answers of a second: the defaults hold the date."""
    close = "" if keep else "connection: close\r\n"
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {media_type}\r\n"
        f"x-content-type-options: nosniff\r\ncache-control: no-store\r\n{close}"
    )
    return head.encode() + b"".join([b"%b: %b\r\n" % header for header in defaults])
