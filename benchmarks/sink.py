"""A receiver of webhooks that answers 200 at once and counts: it must never be the limit.

`python -m benchmarks.sink` prints its port. `GET /seen` tells how many requests came, and the moments of the first
and the last one; `GET /forget` begins anew. With `--fail N` every N-th request is answered 503, and of these every
third not at all: the connection is closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import urllib.request
from dataclasses import dataclass

import httptools
import uvloop

from benchmarks.processes import BenchmarkError, Target

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
ASK_SECONDS = 10.0


@dataclass(slots=True, kw_only=True)
class Seen:
    """What came so far: how many, and when the first and the last one."""

    count: int = 0
    first: float = 0.0
    last: float = 0.0

    def add(self) -> None:
        """One more request."""
        self.last = time.time()
        if not self.count:
            self.first = self.last
        self.count += 1

    def as_response(self) -> bytes:
        """The count as an HTTP response."""
        body = json.dumps({"count": self.count, "first": self.first, "last": self.last}).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        return head + body


def read_seen(sink: Target) -> Seen:
    """What a running sink has seen."""
    return Seen(**json.loads(_ask(sink, "/seen")))


def forget(sink: Target) -> None:
    """Let a running sink begin anew."""
    _ask(sink, "/forget")


def wait_for_count(sink: Target, count: int, seconds: float) -> Seen:
    """Return once that many requests came. BenchmarkError where they do not, or where more come."""
    until = time.monotonic() + seconds
    while (seen := read_seen(sink)).count < count and time.monotonic() < until:
        time.sleep(0.05)
    if seen.count != count:
        raise BenchmarkError(f"{count} webhooks were to come, {seen.count} came")
    return seen


def _ask(sink: Target, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}{path}", timeout=ASK_SECONDS) as response:
        body: bytes = response.read()
    return body


class Receiver(asyncio.Protocol):
    """One connection of a sender."""

    def __init__(self, seen: Seen, fail: int) -> None:
        self._seen = seen
        self._fail = fail
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
            self._seen.count = 0
            self._transport.write(OK)
        else:
            self._seen.add()
            self._answer(self._seen.count)

    def _answer(self, number: int) -> None:
        if not self._fail or number % self._fail:
            self._transport.write(OK)
        elif number % (3 * self._fail):
            self._transport.write(BUSY)
        else:
            self._transport.close()


async def serve(fail: int) -> None:
    """Receive until told to stop."""
    seen = Seen()
    server = await asyncio.get_running_loop().create_server(
        lambda: Receiver(seen, fail), "127.0.0.1", 0, backlog=1024
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[2]) if sys.argv[1:2] == ["--fail"] else 0))
