"""A receiver of webhooks that answers 200 at once and counts: it must never be the limit.

`python -m benchmarks.sink` prints its port. `GET /seen` tells how many requests came, and the moments of the first
and the last one; `GET /forget` begins anew.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httptools
import uvloop

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Seen:
    """What came so far."""

    def __init__(self) -> None:
        self.count = 0
        self.first = 0.0
        self.last = 0.0

    def add(self) -> None:
        """One more request."""
        self.last = time.time()
        if not self.count:
            self.first = self.last
        self.count += 1

    def as_response(self) -> bytes:
        """The count as an HTTP response."""
        body = json.dumps({"count": self.count, "first": self.first, "last": self.last}).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )


class Receiver(asyncio.Protocol):
    """One connection of a sender."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_message_complete(self) -> None:
        if self._url == b"/seen":
            self._transport.write(self._seen.as_response())
        elif self._url == b"/forget":
            self._seen.__init__()
            self._transport.write(OK)
        else:
            self._seen.add()
            self._transport.write(OK)


async def serve() -> None:
    """Receive until told to stop."""
    seen = Seen()
    server = await asyncio.get_running_loop().create_server(lambda: Receiver(seen), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
