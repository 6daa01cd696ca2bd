"""One connection to a receiver: a request goes out, the head of its answer comes back, both within bounds.

Before it: the session, which opened it past the guard. It speaks HTTP/1.1, one exchange at a time; the parser is
llhttp's.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote

import httptools

from autoflow.errors import EgressError
from autoflow.security.egress import Origin, Target
from autoflow.security.outgoing import BODY_CAP, Answer, Send, SendFailure

HEAD_CAP = 32 * 1024
"""Bytes of an answer's status line and headers."""
ANSWER_CAP = HEAD_CAP + 16 * BODY_CAP
"""Bytes of an answer in all, with the framing of its chunks."""
KNOWN_CAP = 4 * 1024
"""Bytes of an answer that is remembered: a connection holds one."""
_LENGTH_MEANT = frozenset({"POST", "PUT", "PATCH"})
"""Methods for which no body is said to be one of no length."""
_BODILESS = frozenset({204, 304})
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


class _BadAnswerError(Exception):
    """Stops the parser; its text says why."""


class Connection(asyncio.Protocol):
    """A connection of a session's pool."""

    #: when this exchange must have ended, by the event loop's clock
    deadline = 0.0
    #: until when it may be used again, by the event loop's clock
    idle_until = 0.0
    #: whether the deadline has passed and only what the socket holds already is waited for
    is_last_look = False
    #: whether a byte of this exchange's answer came
    is_answered = False
    #: whether the next request may go over it
    is_reusable = False

    def __init__(self, origin: Origin, loop: asyncio.AbstractEventLoop) -> None:
        self.origin = origin
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        # as lenient as other clients are: none of it makes an answer readable in two ways
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Answer] | None = None
        self._method = ""
        #: of the last answer that came whole in one piece: the method it was for, its bytes, and what they say
        self._known: tuple[str, bytes, Answer] | None = None
        self._forget()

    def ask(self, method: str, request: bytes, deadline: float) -> asyncio.Future[Answer]:
        """Send a request; SendFailure comes out of the future where no answer does."""
        self._forget()
        self._method = method
        self.deadline = deadline
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return self._answer

    def expire(self) -> None:
        """End the exchange: its time is over."""
        self._fail("timeout", "did not answer in time")

    def abort(self) -> None:
        """Close it at once."""
        self._transport.abort()

    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return not self._transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # the loop says BaseTransport
        """Take the transport."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits for an answer learns that none will come."""
        self._fail("reset", str(exc) if exc else "closed the connection without a whole answer")

    def eof_received(self) -> None:
        """The end of an answer that says no length, or the connection's."""
        if self._answer is not None and self._ends_with_connection:
            self._settle()

    def data_received(self, data: bytes) -> None:
        """Read on, as far as it is wanted. The very bytes of the last answer say what they said."""
        if self._answer is None:
            self.abort()  # nothing was asked
            return
        known = self._known
        if known is not None and not self.is_answered and data == known[1] and self._method == known[0]:
            self.is_answered = self.is_reusable = True
            self._hand_over(known[2])
            return
        self.is_answered = True
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("bad-answer", "it changed to another protocol without being asked")
            return
        except httptools.HttpParserError as error:
            self.is_reusable = False
            if not self._is_whole:
                self._fail("bad-answer", str(error.__context__ or error))
                return
        if self._is_whole:
            answer = self._settle()
            if self.is_reusable and self._read == len(data) <= KNOWN_CAP:
                self._known = self._method, data, answer
        elif not self._status and self._read > HEAD_CAP:
            self._fail("bad-answer", f"the head is larger than {HEAD_CAP} bytes")
        elif self._read > ANSWER_CAP:
            self._settle()

    def on_message_begin(self) -> None:
        """An answer; a second one is not what was asked for."""
        if self._is_whole:
            raise _BadAnswerError("there is more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; those after the body are left out."""
        if self._status:
            return
        self._head += len(name) + len(value)
        if self._head > HEAD_CAP:
            raise _BadAnswerError(f"the head is larger than {HEAD_CAP} bytes")
        low, text = name.decode("utf-8", "replace").rstrip().lower(), value.decode("utf-8", "replace").strip()
        first = self._headers.setdefault(low, text)
        if first is not text and low == "transfer-encoding":
            self._headers[low] = f"{first}, {text}"  # the last of all says how the body ends

    def on_headers_complete(self) -> None:
        """The head of an answer, or of an interim one (1xx), which says nothing."""
        status = self._parser.get_status_code()
        if status < 100:
            # the parser takes it for a whole answer, with a body
            raise _BadAnswerError(f"there is no status {status}")
        if status < 200:
            self._headers.clear()
            return
        self._status = status
        if self._method == "HEAD":
            # its headers speak of a body that does not come; the parser would wait for it
            self._is_whole = True

    def on_body(self, data: bytes) -> None:
        """A part of the body; what is past the cap is not read."""
        if not self._is_whole:
            self._body += data
            self._is_whole = len(self._body) > BODY_CAP

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self._status and not self._is_whole:
            self._is_whole = True
            self.is_reusable = self._parser.should_keep_alive()

    @property
    def _ends_with_connection(self) -> bool:
        coding = self._headers.get("transfer-encoding")
        if not self._status or self._status in _BODILESS:
            return False
        if coding is not None:
            return coding.rpartition(",")[2].strip().lower() != "chunked"
        return "content-length" not in self._headers

    def _forget(self) -> None:
        """Begin anew."""
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._status = self._head = self._read = 0
        self._is_whole = self.is_answered = self.is_reusable = self.is_last_look = False

    def _settle(self) -> Answer:
        body = bytes(self._body)
        self._body.clear()  # the connection may wait for long
        is_cut = len(body) > BODY_CAP or not (self._is_whole or self._ends_with_connection)
        answer = Answer(self._status, self._headers, body[:BODY_CAP], is_cut)
        self._hand_over(answer)
        return answer

    def _hand_over(self, answer: Answer) -> None:
        coming, self._answer = self._answer, None
        if self._transport.get_write_buffer_size():
            self.is_reusable = False  # it answered before it had heard all
        if coming is None or coming.done():
            self.is_reusable = False
        else:
            coming.set_result(answer)

    def _fail(self, code: str, detail: str) -> None:
        answer, self._answer = self._answer, None
        self.is_reusable = False
        self._transport.abort()
        if answer is not None and not answer.done():
            answer.set_exception(SendFailure(code, f"{self.origin.name}: {detail}", sent=True))


def write_request(send: Send, target: Target) -> bytes:
    """The bytes of a request. EgressError where a header would be read as two."""
    path = target.path if target.path.isascii() else _encode_path(target.path)
    headers, body = send.headers, send.body
    lines = [f"{send.method} {path} HTTP/1.1\r\nHost: {target.origin.authority}\r\nAccept-Encoding: identity"]
    lines += map(": ".join, headers.items())
    if "accept" not in map(str.lower, headers):
        lines.append("Accept: */*")
    if body is not None or send.method in _LENGTH_MEANT:
        lines.append(f"Content-Length: {len(body or b'')}")
    head = "\r\n".join(lines)
    if not head.count("\n") == head.count("\r") == len(lines) + 1 or "\0" in head:  # the first one is three
        raise EgressError("a header holds a line break")
    try:
        return f"{head}\r\n\r\n".encode() + (body or b"")
    except UnicodeEncodeError as error:
        raise EgressError(f"a header cannot be written: {error.reason}") from error


def _encode_path(path: str) -> str:
    """UTF-8, percent-encoded where it is not ASCII: many servers refuse such bytes as they are."""
    try:
        return _BEYOND_ASCII.sub(lambda found: quote(found.group()), path)
    except UnicodeEncodeError as error:
        raise EgressError(f"the URL cannot be written: {error.reason}") from error
