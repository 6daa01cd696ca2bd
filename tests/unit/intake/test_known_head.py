"""A head that came before on a connection is taken without a parser, and only that very head."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.errors import IntakeError
from autoflow.intake.decode import Decoder
from autoflow.intake.express import MOST_BYTES, Admission, Reply
from autoflow.intake.gate import Gate
from autoflow.intake.http import LOCAL_HOSTS, DoorOptions, HttpDoor
from autoflow.intake.known_head import LONGEST, KnownHead, know_head
from autoflow.intake.listener import bind_tcp, make_server
from autoflow.intake.protocol import BoundedProtocol
from autoflow.security.auth import TokenCheck, make_token
from support.daemon import until
from support.line import Line

ADMITTED = Admission(raw=(), headers={}, request_id=None, refusal=None)
BODY = b'{"type":"job.created"}'


def request(body: bytes = BODY, *lines: str, host: str = "localhost", target: str = "/v1/events") -> bytes:
    """A whole request; `lines` are more headers."""
    told = [f"POST {target} HTTP/1.1", f"Host: {host}", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join([*told, "Content-Type: application/json", "", ""]).encode() + body


def known(text: bytes, body: bytes = BODY) -> KnownHead:
    """The head of this request."""
    found = know_head(text, body, ADMITTED, most_bytes=32 * 1024)
    assert found is not None
    return found


@pytest.mark.parametrize("body", [b"a", b"{}", b"x" * 500, b"y" * MOST_BYTES])
def test_the_same_head_may_tell_another_length(body: bytes) -> None:
    """A sender's events are not all of one size."""
    assert known(request()).body_of(request(body)) == body


@given(place=st.integers(0, 400), cut=st.integers(0, 3), put=st.binary(max_size=3))
def test_no_other_head_is_taken_for_a_known_one(place: int, cut: int, put: bytes) -> None:
    """Whatever is changed in a request, its head apart from the length is the known one, and the length is right."""
    whole = request()
    place %= len(whole)
    changed = whole[:place] + put + whole[place + cut :]
    body = known(whole).body_of(changed)
    if body is not None:
        assert changed == request(body)


@pytest.mark.parametrize(
    "text",
    [
        request().replace(b"Length: 22", b"Length: 022"),
        request().replace(b"Length: 22", b"Length: +22"),
        request().replace(b"Length: 22", b"Length: 22 "),
        request().replace(b"Length: 22", b"Length: 21"),
        request().replace(b"Length: 22", b"Length: 22\r\nContent-Length: 22"),
        request(b"y" * (MOST_BYTES + 1)),
        request(b""),
        request() + request(),
        request()[:-1],
        request()[:20],
    ],
)
def test_what_is_not_exactly_one_whole_request_is_left_to_the_parser(text: bytes) -> None:
    """It knows what to make of it."""
    assert known(request()).body_of(text) is None


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (request() + request(), BODY),
        (request(), b"another"),
        (request().replace(b"Content-Length", b"Content-Size"), BODY),
        (request().replace(b"\r\n", b"\n"), BODY),
        (request(BODY, "X-Long: " + "y" * LONGEST), BODY),
        (request()[10:], b""),
    ],
)
def test_only_plain_heads_are_remembered(text: bytes, body: bytes) -> None:
    """Where the parser saw another body, or the head is long, nothing is."""
    assert know_head(text, body, ADMITTED, most_bytes=32 * 1024) is None


def test_a_refused_head_is_not_remembered() -> None:
    """Nor one near the limit of a head, which a longer length would take over it."""
    refused = Admission(raw=(), headers={}, request_id=None, refusal=IntakeError("no"))
    assert know_head(request(), BODY, refused, most_bytes=32 * 1024) is None
    size = len(request()) - len(BODY)
    assert know_head(request(), BODY, ADMITTED, most_bytes=size + 4) is None
    assert know_head(request(), BODY, ADMITTED, most_bytes=size + 5) is not None


class Doorkeeper:
    """A door that notes what it is asked, and answers when it is let."""

    def __init__(self) -> None:
        self.admitted: list[dict[bytes, bytes]] = []
        self.taken: list[bytes] = []
        self.waiting: list[Callable[[], None]] = []
        self.at_once = True
        self.refused: list[int] = []

    def admit(self, headers: Any) -> Admission:
        self.admitted.append(dict(headers))
        return ADMITTED

    def express(self, _admission: Admission, body: bytes, respond: Callable[[Reply], None]) -> None:
        self.taken.append(body)
        reply = Reply(status=202, body=body, request_id=f"r-{len(self.taken)}")
        if self.at_once:
            respond(reply)
        else:
            self.waiting.append(lambda: respond(reply))

    def count_refusal(self, status: int) -> None:
        self.refused.append(status)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.taken.append(message["body"])
        headers = [(b"content-length", str(len(message["body"])).encode())]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": message["body"]})


class Client:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, *parts: bytes) -> tuple[int, bytes]:
        """Send, each part by itself; the next answer."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(0.001)  # so that the parts come in several reads
        return await self.answer()

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        told = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
        return int(head.split(b" ", 2)[1]), await self.reader.readexactly(int(told[b"content-length"]))


class Serving:
    """A server with a door, and connections to it."""

    def __init__(self, app: Any) -> None:
        self.listener = bind_tcp("127.0.0.1", 0)
        self.server = make_server(app, protocol=BoundedProtocol, grace=1)
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.getsockname()[1])
        self.writers.append(writer)
        return Client(reader, writer)


@contextlib.asynccontextmanager
async def serve(app: Any) -> AsyncIterator[Serving]:
    made = Serving(app)
    serving = asyncio.ensure_future(made.server.serve(sockets=[made.listener]))
    await until(lambda: made.server.started)
    yield made
    for writer in made.writers:
        writer.transport.abort()
    made.server.should_exit = True
    await serving


async def test_the_next_request_with_the_same_head_is_not_parsed_again() -> None:
    """On its connection; another connection has heads of its own."""
    keeper = Doorkeeper()
    async with serve(keeper) as serving:
        client = await serving.connect()
        for body in (BODY, BODY, b"short", b"z" * 10_000):
            assert await client.ask(request(body)) == (202, body)
        assert len(keeper.admitted) == 1
        assert await (await serving.connect()).ask(request()) == (202, BODY)
        assert len(keeper.admitted) == 2
        assert len(keeper.taken) == 5


async def test_another_head_is_parsed_and_is_then_the_known_one() -> None:
    """Also where it differs in one letter; a request in pieces is parsed and forgets nothing."""
    keeper = Doorkeeper()
    async with serve(keeper) as serving:
        client = await serving.connect()
        for lines in ((), ("X-A: 1",), ("X-A: 2",), ("X-A: 2",)):
            assert await client.ask(request(BODY, *lines)) == (202, BODY)
        assert [told.get(b"x-a") for told in keeper.admitted] == [None, b"1", b"2"]
        whole = request(BODY, "X-A: 2")
        assert await client.ask(whole[:30], whole[30:]) == (202, BODY)
        assert len(keeper.admitted) == 4
        assert await client.ask(whole) == (202, BODY)
        assert len(keeper.admitted) == 4


async def test_requests_sent_before_the_answer_are_answered_in_order() -> None:
    """In one write or in several, however well their head is known."""
    keeper = Doorkeeper()
    async with serve(keeper) as serving:
        client = await serving.connect()
        assert await client.ask(request(b"0")) == (202, b"0")
        keeper.at_once = False
        client.writer.write(request(b"1"))
        await until(lambda: keeper.waiting)
        client.writer.write(request(b"2"))
        await until(lambda: next(iter(serving.server.server_state.connections)).pipeline)
        client.writer.write(request(b"3") + request(b"4"))
        assert keeper.taken == [b"0", b"1"]
        keeper.at_once = True
        keeper.waiting.pop()()
        assert [await client.answer() for _ in range(4)] == [(202, str(n).encode()) for n in range(1, 5)]
        assert await client.ask(request(b"5")) == (202, b"5")


async def test_garbage_after_a_known_head_is_refused() -> None:
    """The parser is where it was, and the refusal is counted."""
    keeper = Doorkeeper()
    async with serve(keeper) as serving:
        client = await serving.connect()
        for _ in range(2):
            assert await client.ask(request()) == (202, BODY)
        status, body = await client.ask(b"nonsense\r\n\r\n")
        assert (status, json.loads(body)["code"]) == (400, "AF400")
        assert keeper.refused == [400]
        assert await client.reader.read() == b""


async def test_a_sender_that_hangs_up_before_its_answer_strands_nobody() -> None:
    """Its events are kept, its connection is forgotten, and the others are answered."""
    keeper = Doorkeeper()
    async with serve(keeper) as serving:
        gone, stays = await serving.connect(), await serving.connect()
        for client in (gone, stays):
            assert await client.ask(request()) == (202, BODY)
        keeper.at_once = False
        gone.writer.write(request(b"kept"))
        await until(lambda: len(keeper.waiting) == 1)
        stays.writer.write(request(b"answered"))
        await until(lambda: len(keeper.waiting) == 2)
        gone.writer.transport.abort()
        await until(lambda: len(serving.server.server_state.connections) == 1)
        for respond in keeper.waiting:
            respond()
        assert await stays.answer() == (202, b"answered")
        assert keeper.taken[-2:] == [b"kept", b"answered"]


async def test_a_drain_answers_a_known_head_and_closes() -> None:
    """The daemon ends only after its answers."""
    keeper = Doorkeeper()
    async with serve(keeper) as serving:
        client = await serving.connect()
        assert await client.ask(request()) == (202, BODY)
        keeper.at_once = False
        client.writer.write(request(b"last"))
        await until(lambda: keeper.waiting)
        next(iter(serving.server.server_state.connections)).shutdown()
        keeper.waiting.pop()()
        head, _, body = (await client.reader.read()).partition(b"\r\n\r\n")
        assert b"connection: close" in head
        assert body == b"last"


async def test_a_sender_that_reads_no_answers_waits_for_its_own() -> None:
    """On the long way, which writes no more than fits: answers of the short way would gather without a bound."""
    keeper = Doorkeeper()
    async with serve(keeper) as serving:
        client = await serving.connect()
        assert await client.ask(request()) == (202, BODY)
        [connection] = serving.server.server_state.connections
        connection.pause_writing()
        client.writer.write(request(b"more"))
        await until(lambda: connection.tasks)
        connection.resume_writing()
        assert await client.answer() == (202, b"more")
        assert await client.ask(request(b"again")) == (202, b"again")


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    await made.use("id: r\ntrigger: { event: job.created }\nactions: [ { log: { message: hello } } ]\n")
    yield made
    made.close()


async def test_what_one_head_was_allowed_is_not_allowed_to_another(line: Line) -> None:
    """Another token, host or origin on the same connection is judged anew, each time, and so is the old one."""
    token, other = make_token(), make_token()
    door = HttpDoor(
        Gate(line.engine, line.store, line.metrics),
        Decoder(line.engine.ids),
        clock=line.clock,
        metrics=line.metrics,
        options=DoorOptions(token=TokenCheck(token), body_bytes=500, hosts=LOCAL_HOSTS),
        rulebook=lambda: line.engine.rulebook,
        rest=Doorkeeper(),
    )
    good = request(BODY, f"Authorization: Bearer {token}")
    cases = [
        (good, 202), (good, 202),
        (good.replace(token.encode(), other.encode()), 401), (good, 202),
        (good.replace(token.encode(), token[:-1].encode() + b"#"), 401), (good, 202),
        (good.replace(b"localhost", b"localhos1"), 403), (good, 202),
        (request(BODY, f"Authorization: Bearer {token}", "Origin: http://localhost"), 403), (good, 202),
        (request(), 401), (good, 202),
        (request(b"x" * 501, f"Authorization: Bearer {token}"), 413),
    ]  # fmt: skip
    async with serve(door) as serving:
        client = await serving.connect()
        answers = [(await client.ask(text))[0] for text, _ in cases]
    assert answers == [status for _, status in cases]
