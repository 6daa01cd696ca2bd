"""The client's connections: what is written to them, which are used again, and how many there are."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from typing import Any

import aiohappyeyeballs
import pytest

from autoflow.errors import EgressError
from autoflow.model.notifier import Notifier
from autoflow.model.run import Retry
from autoflow.security.connection import Connection, write_request
from autoflow.security.egress import EgressGuard, Target, read_url
from autoflow.security.outgoing import Outgoing, Send, SendFailure
from support.receivers import Authority, Bench, loopback, make_request
from support.talks import OK, Talk, answering, get, listen, post
from support.turns import turn


async def test_each_request_has_a_deadline_of_its_own(outgoing: Outgoing) -> None:
    """A long one set before does not hold up a short one."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        if talk.number == 1:
            await go_on.wait()
            await talk.say(OK)
        await talk.wait_for_end()

    go_on = asyncio.Event()
    async with listen(script) as server:
        patient = asyncio.ensure_future(get(outgoing, server.url, timeout_ms=30_000))
        while not server.opened:
            await asyncio.sleep(0)
        with pytest.raises(SendFailure):
            await get(outgoing, server.url, timeout_ms=30)
        go_on.set()
        assert (await patient).status == 200


async def test_a_connection_closed_while_idle_is_not_used_again(outgoing: Outgoing) -> None:
    """Its end is seen before the next request is written."""
    async with listen(answering(OK, then_close=True)) as server:
        for _ in range(3):
            assert (await post(outgoing, server.url)).status == 200
            await turn()
        assert server.opened == 3


async def test_a_connection_on_which_something_unasked_comes_is_closed(outgoing: Outgoing) -> None:
    """Such as a server's 408 as it tires of waiting: it must not be taken for the next answer."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        await talk.say(OK)
        await go_on.wait()
        await talk.say(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await talk.wait_for_end()
        ended.set()

    go_on, ended = asyncio.Event(), asyncio.Event()
    async with listen(script) as server:
        await post(outgoing, server.url)
        go_on.set()
        await ended.wait()


@pytest.mark.parametrize(("method", "is_repeated"), [("GET", True), ("PUT", True), ("POST", False), ("PATCH", False)])
async def test_a_kept_connection_that_closes_on_the_next_request(
    method: str, is_repeated: bool, outgoing: Outgoing
) -> None:
    """What can be repeated without harm is, once, on a new connection; what cannot is told as it is."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        await talk.say(OK)
        await talk.read_request()
        if talk.number == 2:
            await talk.say(OK)

    send = Send(method=method, url="", body=b"{}")
    async with listen(script) as server:
        assert (await get(outgoing, server.url)).status == 200
        send = Send(method=method, url=server.url)
        if is_repeated:
            assert (await outgoing.request(send)).status == 200
        else:
            with pytest.raises(SendFailure) as failure:
                await outgoing.request(send)
            assert (failure.value.code, failure.value.sent) == ("reset", True)
        assert server.opened == 1 + is_repeated


async def test_a_new_connection_that_closes_is_not_tried_again(outgoing: Outgoing) -> None:
    """Nor does a repetition repeat itself."""

    async def script(talk: Talk) -> None:
        await talk.read_request()

    async with listen(script) as server:
        with pytest.raises(SendFailure):
            await get(outgoing, server.url)
        assert server.opened == 1


async def test_an_answer_before_the_request_was_read_counts(outgoing: Outgoing) -> None:
    """A receiver may refuse by the head alone; the connection holds the rest of a body, and is not used again."""

    async def script(talk: Talk) -> None:
        await talk.reader.readuntil(b"\r\n\r\n")
        await talk.say(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        await talk.wait_for_end()
        ended.set()

    ended = asyncio.Event()
    async with listen(script) as server:
        for _ in range(2):
            assert (await post(outgoing, server.url, body=b"x" * 20_000_000, timeout_ms=5_000)).status == 413
        await ended.wait()
        assert server.opened == 2


async def test_a_request_as_it_is_written(outgoing: Outgoing) -> None:
    """Host, length and the headers that are always there, in one piece with the body."""
    seen: list[bytes] = []

    async def script(talk: Talk) -> None:
        while True:
            seen.append(await talk.read_request())
            await talk.say(OK)

    async with listen(script) as server:
        await post(outgoing, f"{server.url}a?b=é#c", headers={"X": "é"}, body="é".encode())
        await post(outgoing, server.url, headers={"accept": "text/plain"}, body=None)
        await get(outgoing, server.url)
    host = f"Host: 127.0.0.1:{server.port}\r\nAccept-Encoding: identity\r\n"
    assert [one.decode() for one in seen] == [
        f"POST /a?b=%C3%A9 HTTP/1.1\r\n{host}X: é\r\nAccept: */*\r\nContent-Length: 2\r\n\r\né",
        f"POST / HTTP/1.1\r\n{host}accept: text/plain\r\nContent-Length: 0\r\n\r\n",
        f"GET / HTTP/1.1\r\n{host}Accept: */*\r\n\r\n",
    ]


@pytest.mark.parametrize(
    "send",
    [
        Send(method="GET", url="", headers={"X": "a\r\nEvil: 1"}),
        Send(method="GET", url="", headers={"X\r\nEvil": "1"}),
        Send(method="GET", url="", headers={"X": "a\nb"}),
        Send(method="GET", url="", headers={"X": "a\rb"}),
        Send(method="GET", url="", headers={"X": "a\0b"}),
        Send(method="GET", url="", headers={"X": "\ud800"}),
        Send(method="GET", url="http://h.example/\ud800"),
        Send(method="GET / HTTP/1.1\r\nEvil: 1\r\n", url=""),
    ],
)
def test_nothing_can_bring_a_header_of_its_own(send: Send) -> None:
    """Whoever asks has looked already; the client looks again."""
    with pytest.raises(EgressError):
        write_request(send, read_url(send.url or "http://h.example/"))


async def test_more_than_one_server_s_share_waits_for_its_turn() -> None:
    """One request a connection at a time, and another server is not held up by it."""
    waiting = 0

    async def script(talk: Talk) -> None:
        nonlocal waiting
        while True:
            await talk.read_request()
            waiting += 1
            await go_on.wait()
            await talk.say(OK)

    go_on = asyncio.Event()
    outgoing = Outgoing(EgressGuard(["127.0.0.1"]), connections=16, per_host=2)
    async with listen(script) as slow, listen(answering(OK)) as quick:
        sends = [asyncio.ensure_future(post(outgoing, slow.url)) for _ in range(5)]
        while waiting < 2:
            await asyncio.sleep(0)
        assert (await post(outgoing, quick.url)).status == 200
        with pytest.raises(SendFailure) as failure:
            await post(outgoing, slow.url, timeout_ms=20)
        assert (failure.value.code, failure.value.sent) == ("timeout", False)
        assert waiting == 2
        go_on.set()
        assert {(await send).status for send in sends} == {200}
        assert slow.opened == 2
        await outgoing.close()


async def test_who_waited_for_a_place_in_vain_leaves_none_taken() -> None:
    """A server that could not be sent to while others took every place can be sent to afterwards."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        asked.set()
        await go_on.wait()
        await talk.say(OK)

    asked, go_on = asyncio.Event(), asyncio.Event()
    outgoing = Outgoing(EgressGuard(["127.0.0.1"]), connections=1)
    async with listen(script) as slow, listen(answering(OK)) as other:
        sending = asyncio.ensure_future(post(outgoing, slow.url))
        await asked.wait()
        with pytest.raises(SendFailure):
            await post(outgoing, other.url, timeout_ms=20)
        go_on.set()
        assert (await sending).status == 200
        assert (await post(outgoing, other.url)).status == 200
        await outgoing.close()


class _Careless(EgressGuard):
    """Lets every name and every URL pass, and judges what is connected to."""

    async def resolve(self, host: str, port: int, *, own: bool = False, resolver: object = None) -> list[str]:
        """This machine, unjudged."""
        return ["127.0.0.1"]

    def check_url(self, url: str, *, own: bool = False) -> Target:
        """Its parts, unjudged."""
        return read_url(url, own=own)


@pytest.mark.parametrize("host", ["127.0.0.1", "name.test"])
async def test_the_address_that_is_connected_to_is_judged_once_more(host: str) -> None:
    """Whatever came before: no socket is made for an inside address."""
    outgoing = Outgoing(_Careless())
    async with listen(answering(OK)) as server:
        with pytest.raises(EgressError):
            await get(outgoing, f"http://{host}:{server.port}/")
        assert server.opened == 0
    await outgoing.close()


async def test_idle_connections_make_room_for_others() -> None:
    """There are never more connections than allowed, however many servers were sent to."""

    async def script(talk: Talk) -> None:
        nonlocal live
        live += 1
        try:
            await answering(OK)(talk)
        finally:
            live -= 1

    live = 0
    outgoing = Outgoing(EgressGuard(["127.0.0.1"]), connections=2)
    async with listen(script) as a, listen(script) as b, listen(script) as c, listen(script) as d:
        for server in (a, b, c, d, a, b, c, d):
            assert (await get(outgoing, server.url)).status == 200
            while live > 2:
                await asyncio.sleep(0)
        assert live == 2
        await outgoing.close()


async def test_a_request_that_is_cut_off_gives_its_place_back() -> None:
    """And closes its connection: the answer that may still come belongs to nobody."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        asked.set()
        if talk.number > 1:
            await talk.say(OK)
        await talk.wait_for_end()
        ended.set()

    asked, ended = asyncio.Event(), asyncio.Event()
    outgoing = Outgoing(EgressGuard(["127.0.0.1"]), connections=1)
    async with listen(script) as server:
        sending = asyncio.ensure_future(post(outgoing, server.url))
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await ended.wait()
        assert (await post(outgoing, server.url)).status == 200
        await outgoing.close()


async def test_a_request_that_is_cut_off_as_its_answer_comes_keeps_no_connection(
    outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would ever use it again, nor close it."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        await talk.say(OK)
        await talk.wait_for_end()
        ended.set()

    def settle_and_cut_off(connection: Connection) -> None:
        settle(connection)
        sending.cancel()

    ended, settle = asyncio.Event(), Connection._settle
    monkeypatch.setattr(Connection, "_settle", settle_and_cut_off)
    async with listen(script) as server:
        sending = asyncio.ensure_future(post(outgoing, server.url))
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(ended.wait(), 5)


async def test_nothing_is_sent_once_it_is_closed() -> None:
    """Neither by who was looking the name up, nor by who was waiting for a place."""

    async def look_up(_host: str, _port: int) -> list[str]:
        asked.set()
        await go_on.wait()
        return ["127.0.0.1"]

    asked, go_on = asyncio.Event(), asyncio.Event()
    outgoing = Outgoing(EgressGuard(["slow.test"]), resolver=look_up, connections=1)
    async with listen(answering(OK)) as server:
        sends = [asyncio.ensure_future(get(outgoing, f"http://slow.test:{server.port}/")) for _ in range(2)]
        await asked.wait()
        await outgoing.close()
        go_on.set()
        for send in sends:
            with pytest.raises(SendFailure) as failure:
                await send
            assert (failure.value.code, failure.value.sent) == ("connect", False)


async def test_closing_repeats_nothing() -> None:
    """A request over a kept connection that is cut off by us is not one that the receiver closed."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        await talk.say(OK)
        await talk.read_request()
        asked.set()
        await talk.wait_for_end()

    asked = asyncio.Event()
    outgoing = Outgoing(EgressGuard(["127.0.0.1"]))
    async with listen(script) as server:
        await get(outgoing, server.url)
        sending = asyncio.ensure_future(get(outgoing, server.url))
        await asked.wait()
        await outgoing.close()
        with pytest.raises(SendFailure) as failure:
            await sending
        assert (failure.value.code, failure.value.sent) == ("reset", True)
        assert server.opened == 1


async def test_closing_ends_what_is_under_way() -> None:
    """Whoever waits learns of it; no connection is left."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        asked.set()
        await talk.wait_for_end()
        ended.set()

    asked, ended = asyncio.Event(), asyncio.Event()
    outgoing = Outgoing(EgressGuard(["127.0.0.1"]))
    async with listen(script) as server:
        sending = asyncio.ensure_future(post(outgoing, server.url))
        await asked.wait()
        await outgoing.close()
        with pytest.raises(SendFailure) as failure:
            await sending
        await ended.wait()
    assert (failure.value.code, failure.value.sent) == ("reset", True)


async def test_the_second_address_is_tried_where_the_first_does_not_answer() -> None:
    """A name with a dead address is still reached."""

    async def both(_host: str, _port: int) -> list[str]:
        return ["::1", "127.0.0.1"]

    outgoing = Outgoing(EgressGuard(["two.test"]), resolver=both)
    async with listen(answering(OK)) as server:
        assert (await get(outgoing, f"http://two.test:{server.port}/")).status == 200
    await outgoing.close()


async def test_tls_connections_are_kept_and_name_their_host(authority: Authority) -> None:
    """One handshake for many requests; another name is another connection, and its certificate is looked at."""
    heads: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Talk(1, reader, writer)
        try:
            while True:
                heads.append(await talk.read_request())
                await talk.say(OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(script, "127.0.0.1", 0, ssl=authority.server)
    port = server.sockets[0].getsockname()[1]
    outgoing = Outgoing(EgressGuard(["mail.test", "other.test"]), resolver=loopback, tls=authority.client)
    for _ in range(3):
        assert (await get(outgoing, f"https://mail.test:{port}/")).status == 200
    assert f"Host: mail.test:{port}\r\n".encode() in heads[0]
    with pytest.raises(SendFailure) as failure:
        await get(outgoing, f"https://other.test:{port}/")
    assert (failure.value.code, failure.value.sent) == ("certificate", False)
    await outgoing.close()
    server.close()
    await turn()


async def test_a_plain_server_behind_https_is_a_tls_failure() -> None:
    """Nothing was sent that it could have understood."""

    async def script(talk: Talk) -> None:
        await talk.reader.read(10)
        await talk.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    outgoing = Outgoing(EgressGuard(["127.0.0.1"]))
    async with listen(script) as server:
        with pytest.raises(SendFailure) as failure:
            await get(outgoing, f"https://127.0.0.1:{server.port}/")
    await outgoing.close()
    assert (failure.value.code, failure.value.sent) == ("tls", False)


async def wait_for_reset(made: socket.socket) -> socket.socket:
    """Until the receiver has reset it."""
    poll = select.poll()
    poll.register(made, 0)
    while not poll.poll(0):
        await asyncio.sleep(0)
    return made


async def reset(talk: Talk) -> None:
    """A script that resets each connection."""
    linger = struct.pack("ii", 1, 0)
    talk.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    talk.writer.transport.abort()


async def test_a_reset_before_the_handshake_leaves_no_socket_to_be_closed_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second time would close whatever has got the descriptor's number since, be it the database."""
    connect, made = aiohappyeyeballs.start_connection, []

    async def connect_late(*args: Any, **options: Any) -> socket.socket:
        made.append(await connect(*args, **options))
        return await wait_for_reset(made[-1])

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", connect_late)
    outgoing = Outgoing(EgressGuard(["127.0.0.1"]))
    async with listen(reset) as server:
        with pytest.raises(SendFailure) as failure:
            await post(outgoing, f"https://127.0.0.1:{server.port}/")
        await turn()
    assert (failure.value.code, failure.value.sent) == ("connect", False)
    assert [one.fileno() for one in made] == [-1]
    await outgoing.close()


async def test_nor_does_a_mail_server_s(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same before a mail: it is worth another attempt, and its socket is closed once."""
    connect, made = Outgoing.open_smtp_socket, []

    async def connect_late(*args: Any) -> socket.socket:
        made.append(await connect(*args))
        return await wait_for_reset(made[-1])

    monkeypatch.setattr(Outgoing, "open_smtp_socket", connect_late)
    async with listen(reset) as server:
        options = {"host": "127.0.0.1", "port": server.port, "tls": "tls", "from": "a@example.com"}
        email = bench.build(Notifier(name="email", type="email", transport="smtp", options=options))["email"]
        params = {"recipient": "b@example.com", "subject": "s", "message": "m"}
        assert isinstance(await email.perform(make_request(params)), Retry)
        await turn()
    assert [one.fileno() for one in made] == [-1]
