"""Connections of every kind of bad will, against a real server on loopback; its clock is moved by hand."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from autoflow.intake import protocol as protocol_module
from autoflow.intake.listener import QuietServer, bind_tcp, make_server
from autoflow.intake.protocol import BoundedProtocol, OwnerProtocol, Stage, peer_uid
from support.daemon import until

LARGE = 32 * 1024 * 1024


class App:
    """Answers how many bytes came; `/wait` does so when it is let, `/early` before, `/large` with very many."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.cut = 0
        self.let = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        self.asked.append((scope["method"], path))
        if path != "/early":
            body = b""
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.cut += 1
                    return
                body += message["body"]
                more = message["more_body"]
            self.bodies.append(body)
        if path == "/wait":
            await self.let.wait()
        answer = b"x" * LARGE if path == "/large" else path.encode()
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class Served:
    """The server, and connections to it."""

    def __init__(self, app: App, server: QuietServer, port: int) -> None:
        self.app = app
        self.server = server
        self.port = port
        self.writers: list[asyncio.StreamWriter] = []

    @property
    def connections(self) -> list[BoundedProtocol]:
        return [one for one in self.server.server_state.connections if isinstance(one, BoundedProtocol)]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that the server knows of."""
        before = len(self.writers)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 26)
        self.writers.append(writer)
        assert len(self.writers) == before + 1
        return reader, writer

    async def send(self, *parts: bytes) -> bytes:
        """Everything that is answered until the server closes; each part goes out by itself."""
        reader, writer = await self.connect()
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.001)  # so that the parts come in several reads
        return await asyncio.wait_for(reader.read(), 10)

    def later(self, seconds: float) -> None:
        """What the server does about its connections once so much time has passed."""
        self.server.end_late(asyncio.get_running_loop().time() + seconds)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    app = App()
    listener = bind_tcp("127.0.0.1", 0)
    server = make_server(app, protocol=BoundedProtocol, grace=1)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    made = Served(app, server, listener.getsockname()[1])
    yield made
    for writer in made.writers:
        writer.transport.abort()
    app.let.set()
    server.should_exit = True
    await serving


def status_of(answer: bytes) -> int:
    """The first status."""
    return int(answer.split(b" ", 2)[1])


def problem_of(answer: bytes) -> dict[str, Any]:
    """The problem of a refusal, which is the only thing in the answer and says that it closes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    problem = json.loads(body)
    assert problem["status"] == status_of(answer)
    assert problem["code"] == f"AF{problem['status']}"
    assert f"x-request-id: {problem['request_id']}\r\n".encode() in head
    return problem


CLOSE = b"GET /ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def with_head(size: int) -> bytes:
    """A request whose header fields are so many bytes long."""
    fixed = b"host: x\r\nconnection: close\r\n"
    return b"GET /ok HTTP/1.1\r\n" + fixed + b"x: " + b"y" * (size - len(fixed) - 5) + b"\r\n\r\n"


async def test_headers_may_be_as_long_as_the_limit_and_no_longer(served: Served) -> None:
    """In one piece, and in many."""
    assert status_of(await served.send(with_head(32 * 1024))) == 200
    assert problem_of(await served.send(with_head(32 * 1024 + 1)))["status"] == 431
    long = with_head(60_000)
    assert problem_of(await served.send(*(long[n : n + 9_000] for n in range(0, len(long), 9_000))))["status"] == 431
    assert [path for _, path in served.app.asked] == ["/ok"]


async def test_headers_that_never_end_are_cut_off(served: Served) -> None:
    """Without a line end, too: nothing grows without a limit."""
    answer = await served.send(b"GET / HTTP/1.1\r\nx: ", *[b"y" * 10_000] * 8)
    assert problem_of(answer)["status"] == 431
    assert served.app.asked == []


async def test_a_long_body_in_the_same_write_is_no_long_head(served: Served) -> None:
    """What is limited before the body is not the body."""
    body = b"z" * 200_000
    head = b"POST /ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 200000\r\n\r\n"
    assert status_of(await served.send(head + body)) == 200
    keep = head.replace(b"connection: close\r\n", b"")
    assert (await served.send(keep + body + keep + body + CLOSE)).count(b"HTTP/1.1 200") == 3
    assert [len(one) for one in served.app.bodies] == [200_000, 200_000, 200_000, 0]


async def test_the_number_of_headers_is_limited(served: Served) -> None:
    """A hundred are taken."""
    some = b"".join(b"x%d: y\r\n" % n for n in range(98))
    start = b"GET /ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    assert status_of(await served.send(start + some + b"\r\n")) == 200
    assert problem_of(await served.send(start + some + b"one: more\r\n\r\n"))["status"] == 431


async def test_the_target_is_limited(served: Served) -> None:
    """8 KiB, however it comes."""
    fitting = b"GET /" + b"a" * 8_191 + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    assert status_of(await served.send(fitting)) == 200
    longer = fitting.replace(b"/", b"/a", 1)
    assert problem_of(await served.send(longer))["status"] == 414
    assert problem_of(await served.send(longer[:5_000], longer[5_000:]))["status"] == 414
    assert problem_of(await served.send(b"GET /", *[b"a" * 5_000] * 4))["status"] == 414


NOT_HTTP = {
    "both lengths":
        b"POST /ok HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "lengths the other way round":
        b"POST /ok HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /ok HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
    "no length": b"POST /ok HTTP/1.1\r\nhost: x\r\ncontent-length: four\r\n\r\nabcd",
    "a negative length": b"POST /ok HTTP/1.1\r\nhost: x\r\ncontent-length: -4\r\n\r\nabcd",
    "a length of many digits": b"POST /ok HTTP/1.1\r\nhost: x\r\ncontent-length: " + b"9" * 30 + b"\r\n\r\n",
    "an unknown coding last": b"POST /ok HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "no chunks": b"POST /ok HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnothing\r\n",
    "a chunk of many digits":
        b"POST /ok HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
    "a chunk longer than told": b"POST /ok HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n",
    "a space before the colon": b"GET /ok HTTP/1.1\r\nhost : x\r\n\r\n",
    "a folded header": b"GET /ok HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\n\r\n",
    "a null byte": b"GET /ok HTTP/1.1\r\nhost: x\x00\r\n\r\n",
    "no such method": b"BREW /ok HTTP/1.1\r\nhost: x\r\n\r\n",
    "no such version": b"GET /ok HTTP/3.0\r\nhost: x\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "an upgrade":
        b"POST /ok HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\nab",
    "a tunnel": b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n",
    "HTTP/2 by guess": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a target beyond ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nhost: x\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_what_is_not_quite_http_is_refused_and_reaches_nobody(served: Served, name: str) -> None:
    """One problem, then the connection closes: no second reading of the same bytes is possible."""
    assert problem_of(await served.send(NOT_HTTP[name] + CLOSE))["status"] == 400
    assert served.app.bodies == []
    assert "/ok" not in [path for method, path in served.app.asked if method == "GET"]


async def test_requests_in_one_write_are_answered_in_order(served: Served) -> None:
    """Pipelining."""
    first = b"POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
    answer = await served.send(first + first.replace(b"/one", b"/two") + CLOSE)
    assert [part.rpartition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200")[1:]] == [
        b"/one",
        b"/two",
        b"/ok",
    ]


async def test_garbage_after_a_good_request_does_not_take_its_answer_away(served: Served) -> None:
    """The good one is answered with its own answer, then it closes: nobody takes a refusal for the wrong request."""
    reader, writer = await served.connect()
    writer.write(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n")
    await until(lambda: served.connections and served.connections[0].stage is Stage.CLOSING)
    served.app.let.set()
    answer = await reader.read()
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.endswith(b"/wait")


async def test_a_body_that_is_cut_off_is_no_body(served: Served) -> None:
    """The application hears that its sender has gone."""
    _, writer = await served.connect()
    writer.write(b"POST /ok HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
    await until(lambda: served.app.asked)
    writer.close()
    await until(lambda: served.app.cut)
    assert served.app.bodies == []


async def test_who_says_nothing_is_let_go_after_ten_seconds(served: Served) -> None:
    """Without a word, as nothing was asked."""
    reader, _ = await served.connect()
    await until(lambda: served.connections)
    served.later(9)
    assert served.connections[0].stage is Stage.NEW
    served.later(11)
    assert await reader.read() == b""


async def test_the_server_looks_after_its_connections_by_itself(served: Served) -> None:
    """Nobody has to ask it to."""
    reader, _ = await served.connect()
    await until(lambda: served.connections)
    served.connections[0].since -= 11
    assert await reader.read() == b""


async def test_headers_that_drip_are_cut_off_after_ten_seconds(served: Served) -> None:
    """However often another byte comes."""
    reader, writer = await served.connect()
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n")
    await until(lambda: served.connections and served.connections[0].stage is Stage.HEAD)
    begun = served.connections[0].since
    writer.write(b"x: y\r\n")
    served.later(9)
    assert served.connections[0].stage is Stage.HEAD
    assert served.connections[0].since == begun
    served.later(11)
    assert problem_of(await reader.read())["status"] == 408


async def test_a_body_that_drips_is_cut_off_after_thirty_seconds(served: Served) -> None:
    """Its request is never taken."""
    reader, writer = await served.connect()
    writer.write(b"POST /ok HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc")
    await until(lambda: served.app.asked)
    served.later(29)
    assert served.connections[0].stage is Stage.BODY
    served.later(41)
    assert problem_of(await reader.read())["status"] == 408
    await until(lambda: served.app.cut)
    assert served.app.bodies == []


async def test_a_body_that_drips_after_its_answer_is_cut_off_too(served: Served) -> None:
    """A refusal at the head does not make the rest of the body free of limits."""
    reader, writer = await served.connect()
    writer.write(b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nabc")
    assert (await reader.readuntil(b"/early")).startswith(b"HTTP/1.1 200")
    writer.write(b"more")
    served.later(41)
    assert await reader.read() == b""


async def test_a_slow_answer_of_ours_ends_nobody(served: Served) -> None:
    """Only the sender's own slowness counts."""
    reader, writer = await served.connect()
    writer.write(b"GET /wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    await until(lambda: served.app.asked)
    served.later(10_000)
    served.app.let.set()
    assert status_of(await reader.read()) == 200


async def test_a_connection_that_was_used_stays_for_seventy_five_seconds(served: Served) -> None:
    """Also when it is kept awake with empty lines."""
    reader, writer = await served.connect()
    writer.write(CLOSE.replace(b"connection: close\r\n", b""))
    await reader.readuntil(b"/ok")
    await until(lambda: served.connections[0].stage is Stage.IDLE)
    writer.write(b"\r\n")
    served.later(70)
    assert served.connections[0].stage is Stage.IDLE
    served.later(76)
    assert await reader.read() == b""


async def test_an_answer_that_is_not_read_is_given_up_after_thirty_seconds(served: Served) -> None:
    """It holds memory until then, and a connection."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    raw.setblocking(False)
    with raw:
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", served.port))
        await asyncio.get_running_loop().sock_sendall(raw, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        await until(lambda: served.connections and served.connections[0].stalled is not None)
        served.later(29)
        assert served.connections
        served.later(31)
        await until(lambda: not served.connections)


async def test_past_the_limit_the_longest_idle_connection_goes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First those that never asked anything: a crowd of them cannot keep a sender out."""
    monkeypatch.setattr(protocol_module, "MOST_CONNECTIONS", 3)
    used, used_writer = await served.connect()
    used_writer.write(CLOSE.replace(b"connection: close\r\n", b""))
    await used.readuntil(b"/ok")
    first, _ = await served.connect()
    second, _ = await served.connect()
    await until(lambda: len(served.connections) == 3)
    assert status_of(await served.send(CLOSE)) == 200
    assert await first.read() == b""
    used_writer.write(CLOSE)
    assert status_of(await used.read()) == 200
    assert not second.at_eof()


async def test_when_all_connections_are_at_work_the_next_one_is_told_to_come_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody who is being answered is thrown out."""
    monkeypatch.setattr(protocol_module, "MOST_CONNECTIONS", 2)
    busy = [await served.connect() for _ in range(2)]
    for _, writer in busy:
        writer.write(CLOSE.replace(b"/ok", b"/wait"))
    await until(lambda: len(served.app.asked) == 2)
    answer = await served.send()
    assert problem_of(answer)["status"] == 503
    assert b"retry-after: 1" in answer
    served.app.let.set()
    assert [status_of(await reader.read()) for reader, _ in busy] == [200, 200]


async def test_a_refused_sender_that_goes_on_sending_sees_its_answer(served: Served) -> None:
    """A connection closed on unread bytes would take the answer with it."""
    reader, writer = await served.connect()
    writer.write(b"POST /early HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 100000000\r\n\r\n")
    for _ in range(100):
        writer.write(b"x" * 100_000)
        await writer.drain()
    assert status_of(await reader.read()) == 200
    [connection] = served.connections
    assert connection.is_lingering
    served.later(6)
    await until(lambda: not served.connections)


async def test_who_asks_first_whether_to_send_is_told(served: Served) -> None:
    """Expect: 100-continue."""
    reader, writer = await served.connect()
    writer.write(b"POST /ok HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"ab")
    assert (await reader.readuntil(b"/ok")).startswith(b"HTTP/1.1 200")


async def test_older_http_is_answered_and_closed(served: Served) -> None:
    """HTTP/1.0 keeps nothing open."""
    assert status_of(await served.send(b"GET /ok HTTP/1.0\r\n\r\n")) == 200


async def test_bytes_of_any_kind_do_no_harm(served: Served) -> None:
    """After a thousand broken pieces of requests, a whole one is answered."""
    good = b"POST /ok HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
    for n in range(len(good) * 4):
        place, change = n % len(good), bytes([(n * 37) % 256])
        _, writer = await served.connect()
        writer.write(good[:place] + change + good[place + 1 :])
        await writer.drain()
        writer.close()
    assert status_of(await served.send(CLOSE)) == 200
    assert set(served.app.bodies) <= {b"", *(one for one in served.app.bodies if len(one) <= 3)}


async def test_a_unix_socket_tells_who_is_at_its_other_end(tmp_path: Any) -> None:
    """The kernel says so, the peer cannot."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    seen: list[int | None] = []

    class Seen(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            seen.append(peer_uid(transport))
            transport.close()

    server = await asyncio.get_running_loop().create_unix_server(Seen, sock=listener)
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    assert await reader.read() == b""
    writer.close()
    server.close()
    assert seen == [os.getuid()]


async def test_a_stranger_on_the_unix_socket_is_hung_up_on(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything that it sends is read."""
    monkeypatch.setattr(protocol_module, "peer_uid", lambda _transport: os.getuid() + 12_345)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    app = App()
    server = make_server(app, protocol=OwnerProtocol, grace=1)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(CLOSE)
    try:
        answer = await reader.read()
    except ConnectionError:
        answer = b""
    assert answer == b""
    writer.close()
    server.should_exit = True
    await serving
    assert app.asked == []


async def test_the_limit_of_a_head_is_the_applications(served: Served) -> None:
    """An application that says how large heads may be is asked, not the default."""
    served.app.header_bytes = 300
    head = b"GET /plain HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    assert b" 200 " in (await served.send(head + b"\r\n"))[:20]
    assert b" 431 " in (await served.send(head + b"x-long: " + b"y" * 300 + b"\r\n\r\n"))[:20]


async def test_a_refusal_carries_the_requests_own_id_where_it_has_come(served: Served) -> None:
    """Else a new one, and never that of the request before it."""
    first = b"GET /ok HTTP/1.1\r\nhost: x\r\nx-request-id: mine\r\n"
    assert problem_of(await served.send(first + b"a: b\r\nx : y\r\n\r\n"))["request_id"] == "mine"
    made = {problem_of(await served.send(b"\x16\x03\x01"))["request_id"] for _ in range(3)}
    assert len(made) == 3
    reader, writer = await served.connect()
    writer.write(first + b"\r\n")
    await reader.readuntil(b"/ok")
    writer.write(b"nonsense\r\n\r\n")
    assert problem_of(await reader.read())["request_id"] != "mine"
