"""Receivers that say on each connection what a script tells them, byte by byte, and requests to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from autoflow.security.outgoing import Answer, Outgoing, Send

HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\n{}"


class Talk:
    """One connection as the receiver sees it."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        #: 1 for the first connection
        self.number = number
        self.reader = reader
        self.writer = writer

    async def read_request(self) -> bytes:
        """A request's head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length: ")
        return head + await self.reader.readexactly(int(length.split(b"\r\n")[0] or 0))

    async def say(self, data: bytes) -> None:
        """Write these bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def wait_for_end(self) -> None:
        """Until the sender has closed it."""
        try:
            while await self.reader.read(65_536):
                pass
        except ConnectionError:
            pass  # closed with what it had not read


class Server:
    """A receiver that talks as `script` says."""

    def __init__(self, script: Callable[[Talk], Awaitable[None]]) -> None:
        self._script = script
        self.port = 0
        self.opened = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk on one connection, then close it."""
        self.opened += 1
        try:
            await self._script(Talk(self.opened, reader, writer))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the sender closed it, or the test is over
        finally:
            writer.close()


@asynccontextmanager
async def listen(script: Callable[[Talk], Awaitable[None]]) -> AsyncIterator[Server]:
    """A server on a free port of this machine."""
    made = Server(script)
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        talks.add(talk)
        await made.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close their sockets in the loop's next turn


def answering(answer: bytes, *, then_close: bool = False) -> Callable[[Talk], Awaitable[None]]:
    """A script that answers every request with these bytes."""

    async def script(talk: Talk) -> None:
        while True:
            await talk.read_request()
            await talk.say(answer)
            if then_close:
                return

    return script


def saying(said: bytes, ended: asyncio.Event) -> Callable[[Talk], Awaitable[None]]:
    """A script that says no more than these bytes, and notes when the sender has closed the connection."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        await talk.say(said)
        await talk.wait_for_end()
        ended.set()

    return script


def flooding(said: bytes, ended: asyncio.Event) -> Callable[[Talk], Awaitable[None]]:
    """A script that says these bytes and then more without end, until the sender has closed the connection."""

    async def script(talk: Talk) -> None:
        await talk.read_request()
        await talk.say(said)
        try:
            while True:
                await talk.say(b"x" * 50_000)
        except ConnectionError:
            ended.set()

    return script


async def get(outgoing: Outgoing, url: str, **options: Any) -> Answer:
    """One GET."""
    return await outgoing.request(Send(method="GET", url=url, **options))


async def post(outgoing: Outgoing, url: str, **options: Any) -> Answer:
    """One POST."""
    return await outgoing.request(Send(method="POST", url=url, **{"body": b"{}", **options}))
