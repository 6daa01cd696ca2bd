"""The client against receivers that speak HTTP well, oddly, slowly or not at all: what it makes of their answers."""

from __future__ import annotations

import asyncio

import pytest

from autoflow.security.connection import HEAD_CAP
from autoflow.security.outgoing import BODY_CAP, Outgoing, Send, SendFailure
from support.talks import HEAD, OK, Talk, answering, flooding, get, listen, post, saying
from support.turns import turn

CLOSING = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "body", "connections"),
    [
        (OK, b"{}", 1),
        (CLOSING, b"{}", 2),
        (CHUNKED + b"3\r\nabc\r\n2;name=value\r\nde\r\n0\r\n\r\n", b"abcde", 1),
        (CHUNKED + b"3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n", b"abc", 1),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}", 2),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", b"{}", 1),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"{}", 1),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK, b"{}", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", 1),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", b"", 1),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", b"{}", 1),
        (OK + OK, b"{}", 2),
        (OK + b"garbage", b"{}", 2),
        (CLOSING + b"garbage", b"{}", 2),
        (HEAD + b"Keep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\n{}", b"{}", 2),
        (HEAD + b"Keep-Alive: timeout=60\r\nContent-Length: 2\r\n\r\n{}", b"{}", 1),
        (HEAD + b"Content-Length: 0\r\n\r\n", b"", 1),
        (HEAD + b"Upgrade: h2,h2c\r\nConnection: Upgrade, Keep-Alive\r\nContent-Length: 2\r\n\r\n{}", b"{}", 1),
        (HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", b"a", 1),
    ],
)
@pytest.mark.parametrize("split", [False, True])
async def test_whole_answers_and_what_becomes_of_their_connection(
    answer: bytes, body: bytes, connections: int, split: bool, outgoing: Outgoing
) -> None:
    """Every way to say where an answer ends; a connection is used again only where the next answer begins clean."""

    async def script(talk: Talk) -> None:
        while True:
            await talk.read_request()
            for piece in [answer[i : i + 1] for i in range(len(answer))] if split else [answer]:
                await talk.say(piece)
            said.set()

    said = asyncio.Event()
    async with listen(script) as server:
        for _ in range(2):
            got = await post(outgoing, server.url)
            assert (got.body, got.truncated) == (body, False)
            # what follows an answer, and is no part of it, comes before the next request does
            await said.wait()
            said.clear()
            await turn()
        assert server.opened == connections


async def test_an_answer_that_comes_again_says_what_it_said(outgoing: Outgoing) -> None:
    """Its bytes are compared with those of the last one: what differs, or comes in pieces, is read anew."""
    other = HEAD + b"X: 1\r\nContent-Length: 2\r\n\r\n[]"
    said = [[OK], [OK], [other], [OK], [OK[:9], OK[9:]], [OK], [OK[:-2] + b"[]"], [OK], [CLOSING]]

    async def script(talk: Talk) -> None:
        for pieces in said:
            await talk.read_request()
            for piece in pieces:
                await talk.say(piece)
                await turn()

    async with listen(script) as server:
        for pieces in said:
            got = await post(outgoing, server.url)
            whole = b"".join(pieces)
            assert (got.status, got.body, got.headers.get("x")) == (200, whole[-2:], "1" if whole == other else None)
        assert server.opened == 1


@pytest.mark.parametrize(
    "coding",
    [b"", b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"],
)
async def test_an_answer_without_a_length_ends_with_its_connection(coding: bytes, outgoing: Outgoing) -> None:
    """All of it counts, and it is not called truncated."""
    async with listen(answering(HEAD + coding + b"\r\nall of it", then_close=True)) as server:
        for _ in range(2):
            got = await get(outgoing, server.url)
            assert (got.status, got.body, got.truncated) == (200, b"all of it", False)
        assert server.opened == 2


async def test_a_head_request_waits_for_no_body(outgoing: Outgoing) -> None:
    """Its answer's headers speak of a body that is not sent."""
    async with listen(answering(HEAD + b"Content-Length: 100\r\n\r\n")) as server:
        got = await outgoing.request(Send(method="HEAD", url=server.url))
    assert (got.status, got.headers["content-length"], got.body) == (200, "100", b"")


async def test_headers_as_they_are_handed_on(outgoing: Outgoing) -> None:
    """Names in lower case, values stripped, the first of repeated ones; empty ones do not swallow the next name."""
    head = HEAD + b"X-A: 1\r\nEmpty:\r\nx-a: 2\r\nB:  \xc3\xa9 \xff \r\nContent-Length: 0\r\n\r\n"
    async with listen(answering(head)) as server:
        got = await get(outgoing, server.url)
    assert got.headers == {"x-a": "1", "empty": "", "b": "é \ufffd", "content-length": "0"}


async def test_trailers_are_no_headers(outgoing: Outgoing) -> None:
    """What follows the body cannot change what was said before it."""
    answer = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nRetry-After: 9\r\n\r\n"
    async with listen(answering(answer)) as server:
        got = await get(outgoing, server.url)
    assert (got.headers, got.body) == ({"transfer-encoding": "chunked"}, b"a")


BIG = b"x" * (HEAD_CAP + 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        HEAD + b"X: " + BIG,
        HEAD + b"X: " + BIG + b"\r\nContent-Length: 0\r\n\r\n",
        HEAD + b"X: y\r\n" * 8_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        HEAD + b"Content-Length: -1\r\n\r\n",
        CHUNKED + b"zz\r\n",
        b"HTTP/1.1 099 X\r\nContent-Length: 5\r\n\r\nhello" + OK,
        b"HTTP/1.1 000 X\r\n\r\n" + b"x" * (BODY_CAP + 1),
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + OK,
    ],
)
async def test_what_is_no_answer(answer: bytes, outgoing: Outgoing) -> None:
    """Other protocols, endless heads, lengths in two minds: the connection is closed at once."""
    ended = asyncio.Event()
    async with listen(saying(answer, ended)) as server:
        with pytest.raises(SendFailure) as failure:
            await get(outgoing, server.url)
        await ended.wait()
    assert (failure.value.code, failure.value.sent) == ("bad-answer", True)
    assert f"127.0.0.1:{server.port}" in failure.value.detail


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        HEAD + b"Content-Length: 100\r\n\r\nshort",
        HEAD + b"Content-Length : 100\r\n\r\nshort",
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n3\r\nab",
        CHUNKED + b"3\r\nabc\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_half_an_answer_is_a_reset(answer: bytes, outgoing: Outgoing) -> None:
    """Closed before it said all: whether it did something with the request is not known."""
    async with listen(answering(answer, then_close=True)) as server:
        with pytest.raises(SendFailure) as failure:
            await get(outgoing, server.url)
    assert (failure.value.code, failure.value.sent) == ("reset", True)
    assert server.opened == 1


async def test_a_connection_that_is_closed_before_the_request_is_read(outgoing: Outgoing) -> None:
    """A reset: some of the request may have arrived."""

    async def script(talk: Talk) -> None:
        pass

    async with listen(script) as server:
        with pytest.raises(SendFailure) as failure:
            await post(outgoing, server.url)
    assert failure.value.code == "reset"


@pytest.mark.parametrize(
    "answer", [HEAD + b"\r\n", CHUNKED + b"100000\r\n", HEAD + b"Content-Length: 9999999\r\n\r\n"]
)
async def test_an_endless_body_is_read_to_its_cap(answer: bytes, outgoing: Outgoing) -> None:
    """However its length is told; the connection is dropped, whatever is still to come."""
    ended = asyncio.Event()
    async with listen(flooding(answer, ended)) as server:
        got = await get(outgoing, server.url)
        await ended.wait()
    assert (len(got.body), got.truncated) == (BODY_CAP, True)


async def test_endless_framing_is_read_to_a_cap_too(outgoing: Outgoing) -> None:
    """Trailers and chunk extensions without end bring no body, and still come to an end."""
    ended = asyncio.Event()
    async with listen(flooding(CHUNKED + b"1\r\na\r\n0\r\nTrailer: ", ended)) as server:
        got = await get(outgoing, server.url)
        await ended.wait()
    assert (got.body, got.truncated) == (b"a", True)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 2", HEAD, HEAD + b"Content-Length: 5\r\n\r\nab", CHUNKED + b"5\r\n"]
)
async def test_a_deadline_holds_whatever_was_said(said: bytes, outgoing: Outgoing) -> None:
    """Silence before, in and after the head; the connection is closed, and not used again."""
    ended = asyncio.Event()
    async with listen(saying(said, ended)) as server:
        with pytest.raises(SendFailure) as failure:
            await get(outgoing, server.url, timeout_ms=50)
        await ended.wait()
    assert (failure.value.code, failure.value.sent) == ("timeout", True)
