"""What happens on a connection before there is a request: limits on its head, its time and its number.

Below it: the listener's sockets. Above it: the HTTP door, which sees whole heads only.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from enum import StrEnum
from http import HTTPStatus

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from autoflow.intake.express import Admission, EventCycle, Headers, express_door, may_express
from autoflow.intake.known_head import KnownHead, know_head
from autoflow.intake.request_id import given_id, make_id
from autoflow.model.problem_details import MEDIA_TYPE, problem_details
from autoflow.observe.log import get_log

log = get_log("autoflow.intake")

HEAD_BYTES = 32 * 1024
HEAD_FIELDS = 100
TARGET_BYTES = 8 * 1024
HEAD_SECONDS = 10.0
BODY_SECONDS = 30.0
IDLE_SECONDS = 75.0
ANSWER_SECONDS = 30.0
"""How long a sender may leave an answer unread that fits into no buffer."""
LINGER_SECONDS = 5.0
"""How long what still comes is read and dropped, so that a sender who is not done yet sees its refusal."""
MOST_CONNECTIONS = 1_000


class Stage(StrEnum):
    """Where a connection is in its life."""

    #: nothing has come yet
    NEW = "new"
    #: a request's head is on its way
    HEAD = "head"
    #: the head is whole, the body is on its way
    BODY = "body"
    #: the request is whole and not answered yet
    ASKED = "asked"
    #: all requests are answered
    IDLE = "idle"
    #: nothing that comes is read any more
    CLOSING = "closing"


class _WrongRequestError(Exception):
    """Stops the parser; `status` says what it is answered with."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class BoundedProtocol(HttpToolsProtocol):
    """HTTP with limits on what comes before a body, on how long it takes, and on how many there are."""

    stage = Stage.NEW
    #: when the stage began, as far as it is timed, by the event loop's clock
    since = 0.0
    #: since when an answer does not go out
    stalled: float | None = None
    #: whether everything is said, and only the sender's end is waited for
    is_lingering = False
    #: what is being parsed, and whether a request may begin with it
    _read = b""
    _begins = False
    #: bytes since the head began, at most; and for sure
    _most = _least = 0
    #: the head that the last request had, where the next one may take the short way by it
    _known: KnownHead | None = None
    _admission: Admission | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # the server says BaseTransport
        """Take the connection; past the limit the one that has been idle for longest goes."""
        self._door = _Door(transport, self)
        self._events = express_door(self.app)
        self._head_bytes = getattr(self.app, "header_bytes", HEAD_BYTES)
        super().connection_made(self._door)
        self.since = self.loop.time()
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless a request's head has grown too long."""
        if self.stage is Stage.CLOSING or self._take_known(data):
            return
        self._read, self._begins = data, self.stage in (Stage.NEW, Stage.IDLE)
        if self.stage is Stage.HEAD:
            self._most += len(data)
            self._least += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._refuse_for(error)
        except httptools.HttpParserUpgrade:
            self.refuse(400, "connections are not upgraded here")
        if self.stage is Stage.HEAD and self._least > self._head_bytes:
            self.refuse(431, f"the headers are larger than {self._head_bytes} bytes")
        self._read = b""

    def _take_known(self, request: bytes) -> bool:
        """Take a whole request whose head came before; the parser, which waits for a next one, is not asked."""
        known, door = self._known, self._events
        if known is None or door is None or self.stage is not Stage.IDLE or self.stalled is not None:
            return False
        body = known.body_of(request)
        if body is None:
            return False
        cycle = EventCycle(self, keep_alive=True)
        self.cycle = cycle  # type: ignore[assignment]  # it has the attributes that are asked
        self.stage = Stage.ASKED
        door.express(known.admission, body, cycle.respond)
        return True

    def on_message_begin(self) -> None:
        """A head begins; it may have taken all of what came last."""
        super().on_message_begin()
        self.stage = Stage.HEAD
        self.since = self.loop.time()
        self._most, self._least = len(self._read), 0

    def on_url(self, url: bytes) -> None:
        """A part of the request's target."""
        self.url += url
        if len(self.url) > TARGET_BYTES:
            raise _WrongRequestError(414, f"the request's target is longer than {TARGET_BYTES} bytes")

    def on_headers_complete(self) -> None:
        """Judge the head, and begin to answer."""
        if len(self.headers) > HEAD_FIELDS:
            raise _WrongRequestError(431, f"more than {HEAD_FIELDS} headers")
        limit = self._head_bytes
        if self._most > limit and sum(len(name) + len(value) + 4 for name, value in self.headers) > limit:
            raise _WrongRequestError(431, f"the headers are larger than {limit} bytes")
        if self.parser.should_upgrade():
            raise _WrongRequestError(400, "connections are not upgraded here")
        if not self._express():
            super().on_headers_complete()
        self.stage = Stage.BODY

    def _express(self) -> bool:
        """Begin the request on the short way, where it can take it and its sender reads what it is answered."""
        free = self.stalled is None and (self._cycle is None or self._cycle.response_complete)
        if self._events is None or not free or self.parser.get_http_version() != "1.1":
            return False
        if not may_express(self.url, self.parser.get_method(), self.headers):
            return False
        self._admission = self._events.admit(self.headers)
        cycle = EventCycle(self, keep_alive=self.parser.should_keep_alive())
        self.cycle = cycle  # type: ignore[assignment]  # it has the attributes that are asked
        return True

    def on_message_complete(self) -> None:
        """The request is whole."""
        super().on_message_complete()
        cycle: object = self.cycle
        self.stage = Stage.IDLE if self.cycle.response_complete else Stage.ASKED
        if isinstance(cycle, EventCycle) and not cycle.response_complete:
            self._begin(cycle)

    def _begin(self, cycle: EventCycle) -> None:
        """Hand a whole request on the short way to the door."""
        door, admission, body = self._events, self._admission, bytes(cycle.body)
        assert door is not None and admission is not None  # noqa: PT018, S101 -- the cycle was made with both
        if self._begins and cycle.keep_alive:
            self._known = know_head(self._read, body, admission, most_bytes=self._head_bytes)
        door.express(admission, body, cycle.respond)

    @property
    def default_headers(self) -> Headers:
        """What the server says in every answer."""
        return self.server_state.default_headers

    def on_response_complete(self) -> None:
        """Answered; the next request may come. How long it may take is looked at once a second, without a timer."""
        if self.cycle.response_complete:  # else it is a later request, which waits
            self.cycle.body = bytearray()  # an idle connection holds nothing
            if self.stage is Stage.ASKED:
                self.stage = Stage.IDLE
                self.since = self.loop.time()
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def pause_writing(self) -> None:
        """The sender does not read what it is answered."""
        super().pause_writing()
        self.stalled = self.loop.time()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self.stalled = None

    def end_if_late(self, now: float) -> None:
        """Close what has kept us waiting for too long; asked of every connection once a second."""
        waited = now - self.since
        unread = 0.0 if self.stalled is None else now - self.stalled
        if unread > ANSWER_SECONDS or (self.is_lingering and waited > LINGER_SECONDS):
            self.transport.abort()
        elif self.stage is Stage.HEAD and waited > HEAD_SECONDS:
            self.refuse(408, f"the headers did not come within {HEAD_SECONDS:.0f} seconds")
        elif self.stage is Stage.BODY and waited > HEAD_SECONDS + BODY_SECONDS:
            self.refuse(408, f"the body did not come within {BODY_SECONDS:.0f} seconds")
        elif (self.stage is Stage.NEW and waited > HEAD_SECONDS) or (
            self.stage is Stage.IDLE and waited > IDLE_SECONDS
        ):
            self.linger()

    def refuse(self, status: int, detail: str) -> None:
        """Answer what is no request, after what was asked before it, and read nothing more."""
        cycle, in_body = self._cycle, self.stage is Stage.BODY
        self.stage = Stage.CLOSING
        request_id = given_id(self.headers or ()) or make_id()
        log.warning("intake.refused", request_id=request_id, status_code=status, code=f"AF{status}", error=detail)
        if self._events is not None:
            self._events.count_refusal(status)
        if cycle is not None and not cycle.response_complete and not in_body:
            cycle.keep_alive = False  # requests before this one are being answered: it closes after them
            return
        if cycle is None or not in_body or not cycle.response_started:
            self.transport.write(_write_answer(status, detail, request_id))
        if cycle is not None and in_body:
            cycle.disconnected = True
            cycle.message_event.set()
        self.linger()

    def linger(self) -> None:
        """Say nothing more and drop what still comes: closing at once would take the answer away from its sender."""
        if self.is_lingering:
            return
        self.is_lingering = True
        self.stage = Stage.CLOSING
        self.since = self.loop.time()
        self.flow.resume_reading()
        self.transport.write_eof()

    def shutdown(self) -> None:
        """The daemon ends: who is not being answered is let go."""
        if self._cycle is None or self._cycle.response_complete:
            self._door.end()
        else:
            super().shutdown()

    def _refuse_for(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if isinstance(cause, _WrongRequestError):
            self.refuse(cause.status, str(cause))
        else:
            self.refuse(400, f"this is not HTTP/1.1: {str(error) or 'it cannot be read'}")

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        """The newest request; the server says that there is always one."""
        return self.cycle

    def _make_room(self) -> None:
        """Close the longest idle connection, those first on which nothing was ever asked; else this one."""
        idle = [
            other
            for other in self.connections
            if isinstance(other, BoundedProtocol)
            and other is not self
            and (other.is_lingering or other.stage in (Stage.NEW, Stage.HEAD, Stage.IDLE))
            and (other._cycle is None or other._cycle.response_complete)
        ]
        if not idle:
            self.refuse(503, f"more than {MOST_CONNECTIONS} connections at once")
            return
        oldest = min(idle, key=lambda other: (other._cycle is not None, other.since))
        self.connections.discard(oldest)
        oldest.stage = Stage.CLOSING
        oldest._door.end()


class _Door(asyncio.Transport):
    """A transport that does not slam: where the sender may still be sending, it lingers."""

    def __init__(self, transport: asyncio.Transport, protocol: BoundedProtocol) -> None:
        super().__init__()
        self._plain = transport
        self._protocol = protocol
        self.write_eof = transport.write_eof  # type: ignore[method-assign]  # asked often: bound once
        self.write = transport.write  # type: ignore[method-assign]  # as above
        self.abort = transport.abort  # type: ignore[method-assign]  # as above
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]  # as above
        self.pause_reading = transport.pause_reading  # type: ignore[method-assign]  # as above
        self.resume_reading = transport.resume_reading  # type: ignore[method-assign]  # as above

    def is_closing(self) -> bool:
        """Whether nothing more goes out."""
        return self._protocol.is_lingering or self._plain.is_closing()

    def close(self) -> None:
        """Close; where a request is still on its way, after its end."""
        if self._protocol.stage in (Stage.HEAD, Stage.BODY, Stage.CLOSING) and not self._plain.is_closing():
            self._protocol.linger()
        else:
            self.end()

    def end(self) -> None:
        """Close, whatever is still on its way here; what was answered goes out."""
        self._plain.close()


class OwnerProtocol(BoundedProtocol):
    """HTTP on the unix socket: only the daemon's own user, and root, are answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # the server says BaseTransport
        """Hang up on everybody else."""
        if peer_uid(transport) not in (os.getuid(), 0, None):
            self.transport = transport
            self.stage = Stage.CLOSING
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


def _write_answer(status: int, detail: str, request_id: str) -> bytes:
    body = msgspec.json.encode(problem_details(status, detail, code=f"AF{status}", request_id=request_id))
    retry = "retry-after: 1\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\n{retry}"
        "x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
