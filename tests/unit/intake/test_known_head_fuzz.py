"""Streams of requests, cut anywhere: with known heads the same is taken and answered as by the parser alone."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from autoflow.intake.express import Admission, Reply
from autoflow.intake.listener import make_server
from autoflow.intake.protocol import BoundedProtocol, Stage

ADMITTED = Admission(raw=(), headers={}, request_id=None, refusal=None)
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\n"

PIECES = [
    HEAD + b"Content-Length: 2\r\n\r\n{}",
    HEAD + b"Content-Length: 2\r\n\r\n[]",
    HEAD + b"Content-Length: 5\r\n\r\nPOST ",
    HEAD + b"Content-Length: 12\r\n\r\n" + b"\r\n" * 6,
    HEAD + b"Content-Length: 02\r\n\r\n{}",
    HEAD + b"Content-Length: 2 \r\n\r\n{}",
    HEAD + b"Content-Length: 0\r\n\r\n",
    HEAD + b"Content-Length: 4\r\nX: y\r\n",
    HEAD + b"content-length: 2\r\n\r\n{}",
    HEAD + b"X: y\r\nContent-Length: 2\r\nX: z\r\n\r\n{}",
    HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
    HEAD + b"X: \r\n Content-Length: 2\r\n\r\n{}",
    HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n\r\n{}",
    HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}",
    b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n",
    b"{}",
]
"""Requests of all kinds, good ones more often than bad ones in the streams below."""


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = False
        self.is_read = True

    def write(self, data: Any) -> None:
        assert not self.ended
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.ended

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        return default


class Door:
    """Takes everything on both ways, and answers with what it took."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def admit(self, _headers: Any) -> Admission:
        return ADMITTED

    def express(self, _admission: Admission, body: bytes, respond: Callable[[Reply], None]) -> None:
        self.taken.append(body)
        reply = Reply(status=202, body=body, request_id="r")
        asyncio.get_running_loop().call_soon(respond, reply)

    def count_refusal(self, status: int) -> None:
        self.taken.append(b"%d" % status)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.taken.append(scope["path"].encode() + body)
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class Forgetful(BoundedProtocol):
    """Parses every head."""

    def _take_known(self, request: bytes) -> bool:
        return False


async def settle(is_done: Callable[[], bool]) -> None:
    """Let the event loop turn until it is so."""
    turns = 0
    while not is_done():
        turns += 1
        assert turns < 1_000
        await asyncio.sleep(0)


async def talk(
    kind: type[BoundedProtocol], parts: list[bytes], *, wait: bool
) -> tuple[list[bytes], list[bytes], bool]:
    """What a door is handed, the first lines of the answers, and whether the connection ended."""
    door, wire = Door(), Wire()
    config = make_server(door, protocol=kind, grace=1).config
    config.load()
    connection = kind(config, ServerState(), {})
    connection.connection_made(wire)

    for part in parts:
        if wire.ended or not part:
            break
        connection.data_received(part)
        await settle(lambda: wire.is_read and not (wait and connection.stage is Stage.ASKED))
    await settle(lambda: connection.stage is not Stage.ASKED)
    connection.connection_lost(None)
    await settle(lambda: not connection.tasks)
    return door.taken, [line for line in wire.written.split(b"\r\n") if line.startswith(b"HTTP/1.1")], wire.ended


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(PIECES[:3]) | st.sampled_from(PIECES), max_size=6),
    cuts=st.lists(st.integers(0, 500), max_size=3),
    is_apart=st.booleans(),
    wait=st.booleans(),
)
def test_known_heads_change_nothing_that_a_sender_could_see(
    pieces: list[bytes], cuts: list[int], is_apart: bool, wait: bool
) -> None:
    """The same bodies, answers and end, however the stream is cut, and whether answers are waited for or not."""
    whole = b"".join(pieces)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    parts = pieces if is_apart else [whole[a:b] for a, b in pairwise(places)]
    known, parsed = (asyncio.run(talk(kind, parts, wait=wait)) for kind in (BoundedProtocol, Forgetful))
    assert known == parsed
