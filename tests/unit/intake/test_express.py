"""The short way of POST /v1/events: the same answers as the long way, and none lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httptools
import pytest

from autoflow.intake.decode import Decoder
from autoflow.intake.express import EventCycle, Reply, may_express, write_reply
from autoflow.intake.gate import Gate
from autoflow.intake.http import LOCAL_HOSTS, DoorOptions, HttpDoor
from autoflow.security.auth import TokenCheck, make_token
from support.line import Line

TOKEN = make_token()
EVENT = b'{"type":"job.created","id":"%d","data":{"job":{"total":9}}}'
HEADERS = {"host": "localhost:8787", "authorization": f"Bearer {TOKEN}", "content-type": "application/json"}


class Parsed:
    """An answer's bytes, read by the parser of a client."""

    def __init__(self, raw: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(raw)
        self.status = parser.get_status_code()
        self.keeps = self.headers.get("connection") != "close"

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body


class Connection:
    """What a cycle writes to."""

    default_headers = ((b"date", b"today"),)

    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.completed = 0
        self.transport: Any = self

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def on_response_complete(self) -> None:
        self.completed += 1


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[HttpDoor]:
    line = Line(tmp_path / "autoflow.db")
    await line.use("id: r\ntrigger: { event: job.created }\nactions: [ { log: { message: hello } } ]\n")

    async def rest(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError("not for the rest")

    yield HttpDoor(
        Gate(line.engine, line.store, line.metrics),
        Decoder(line.engine.ids),
        clock=line.clock,
        metrics=line.metrics,
        options=DoorOptions(token=TokenCheck(TOKEN), body_bytes=500, hosts=LOCAL_HOSTS),
        rulebook=lambda: line.engine.rulebook,
        rest=rest,
    )
    line.close()


def raw_headers(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """As a parser gives them."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


async def ask_short(door: HttpDoor, headers: dict[str, str], body: bytes) -> Reply:
    """On the short way."""
    answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    door.express(door.admit(raw_headers(headers)), body, answered.set_result)
    return await answered


async def ask_long(door: HttpDoor, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """As ASGI."""
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/events", "http_version": "1.1"}
    await door({**scope, "headers": raw_headers(headers)}, receive, send)
    told = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return said[0]["status"], told, said[1]["body"]


REQUESTS = {
    "good": (HEADERS, EVENT),
    "no token": ({**HEADERS, "authorization": ""}, EVENT),
    "another host": ({**HEADERS, "host": "evil.example.com"}, EVENT),
    "a web page": ({**HEADERS, "origin": "https://evil.example.com"}, EVENT),
    "no JSON": (HEADERS, b"{%d"),
    "no event": (HEADERS, b'[{"type":"a"},{"tipe":"b"}, %d]'),
    "another type": ({**HEADERS, "content-type": "text/plain"}, EVENT),
    "encoded": ({**HEADERS, "content-encoding": "gzip"}, EVENT),
    "too large": (HEADERS, EVENT + b" " * 500),
    "lines": ({**HEADERS, "content-type": "application/x-ndjson"}, EVENT + b"\n" + b'{"type":""}'),
    "with an id": ({**HEADERS, "x-request-id": "mine"}, EVENT),
}


@pytest.mark.parametrize("name", list(REQUESTS))
async def test_both_ways_answer_the_same(door: HttpDoor, name: str) -> None:
    """Status, headers and body; only what is made anew for each request differs."""
    headers, body = REQUESTS[name]
    one, two = (body % 1, body % 2) if b"%d" in body else (body, body)
    reply = await ask_short(door, headers, one)
    status, told, answered = await ask_long(door, headers, two)
    short = Parsed(write_reply(reply, (), keep=not reply.closes))
    assert short.status == status
    for made in (short.headers, told):
        made.pop("content-length")
        if "x-request-id" not in headers:
            made.pop("x-request-id")
    assert short.headers == told
    read_short, read_long = json.loads(short.body), json.loads(answered)
    for read in (read_short, read_long):
        read.pop("request_id", None)
        for event in read.get("events", ()):
            event.pop("id")
            for run in event.get("runs", ()):
                run.pop("run")
    assert read_short == read_long


async def test_a_defect_is_told_and_logged(door: HttpDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that meets one is answered with 500, not with silence."""
    monkeypatch.setattr(Decoder, "decode_body", lambda *_args, **_more: 1 // 0)
    reply = await ask_short(door, HEADERS, EVENT % 1)
    assert reply.status == 500
    assert json.loads(reply.body)["code"] == "AF500"


@pytest.mark.parametrize(
    ("url", "method", "headers", "may"),
    [
        (b"/v1/events", b"POST", [(b"content-length", b"10")], True),
        (b"/v1/events", b"GET", [(b"content-length", b"10")], False),
        (b"/v1/events?x=1", b"POST", [(b"content-length", b"10")], False),
        (b"/v1/rules", b"POST", [(b"content-length", b"10")], False),
        (b"/v1/events", b"POST", [], False),
        (b"/v1/events", b"POST", [(b"content-length", b"0")], False),
        (b"/v1/events", b"POST", [(b"content-length", b"70000")], False),
        (b"/v1/events", b"POST", [(b"content-length", b"9999999999")], False),
        (b"/v1/events", b"POST", [(b"content-length", b"-1")], False),
        (b"/v1/events", b"POST", [(b"content-length", b"10"), (b"expect", b"100-continue")], False),
    ],
)
def test_only_small_plain_requests_take_the_short_way(
    url: bytes, method: bytes, headers: list[tuple[bytes, bytes]], may: bool
) -> None:
    """Everything else is left to the server."""
    assert may_express(url, method, headers) is may


def answered(reply: Reply, *, keep_alive: bool = True, disconnected: bool = False) -> Connection:
    """A connection after this reply."""
    connection = Connection()
    cycle = EventCycle(connection, keep_alive=keep_alive)
    cycle.disconnected = disconnected
    cycle.respond(reply)
    cycle.respond(reply)
    return connection


def test_an_answer_is_written_once_and_the_connection_goes_on() -> None:
    """With the server's own headers."""
    connection = answered(Reply(status=202, body=b"{}", request_id="r"))
    parsed = Parsed(connection.written)
    assert (parsed.status, parsed.body, parsed.headers["date"]) == (202, b"{}", "today")
    assert (connection.completed, connection.closed, parsed.keeps) == (1, False, True)


def test_a_connection_that_is_not_kept_is_closed_after_the_answer() -> None:
    """Because the sender asked for it, or because it was about to send too much."""
    for connection in (
        answered(Reply(status=202, body=b"{}", request_id="r"), keep_alive=False),
        answered(Reply(status=413, body=b"{}", request_id="r")),
    ):
        assert connection.closed
        assert not Parsed(connection.written).keeps


def test_nothing_is_written_to_a_sender_that_has_gone() -> None:
    """Its events are on disk all the same."""
    connection = answered(Reply(status=202, body=b"{}", request_id="r"), disconnected=True)
    assert connection.written == b""
    assert connection.completed == 1
