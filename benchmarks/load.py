"""The bundled sender of HTTP requests: keep-alive connections on raw sockets, in a process of its own.

`python -m benchmarks.load` reads what to send as JSON from standard input and prints what came of it. Each
connection has one request under way; a response counts when it is complete, has the wanted status, and came
between the warm-up and the end. Bounded in time and in requests.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass

import uvloop

from benchmarks.figures import percentile

WARM_UP = 0.3
MOST_REQUESTS = 2_000_000
DRAIN_SECONDS = 10.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOrder:
    """What to send, to whom and for how long."""

    host: str
    port: int
    path: str
    content_type: str
    token: str
    body: str
    connections: int
    seconds: float
    #: requests a second over all connections; None: as fast as the answers come
    pace: float | None = None
    #: seconds at the begin that do not count
    warm_up: float = WARM_UP
    #: end after this many requests
    most: int = MOST_REQUESTS

    def request(self) -> bytes:
        """The request as it goes out, again and again."""
        body = self.body.encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: {self.content_type}\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Senders:
    """All connections of one order, and what they have seen."""

    def __init__(self, order: LoadOrder) -> None:
        self.order = order
        self.request = order.request()
        self.latencies: list[float] = []
        self.refused: dict[str, int] = {}
        self.begin = time.perf_counter() + order.warm_up
        self.end = self.begin + order.seconds
        self.sent = 0
        self.under_way = 0
        self.idle: deque[Sender] = deque()
        self.done = asyncio.Event()
        self.last = self.begin

    def may_send(self) -> bool:
        """Whether there is time, and something left to send."""
        return self.sent < self.order.most and time.perf_counter() < self.end

    def answered(self, sender: Sender, status: bytes, begun: float) -> None:
        """A response is complete."""
        now = time.perf_counter()
        self.under_way -= 1
        if status != b"202":
            key = status.decode("latin-1")
            self.refused[key] = self.refused.get(key, 0) + 1
        elif self.begin <= now and (now <= self.end or self.order.pace):
            self.latencies.append(now - begun)
            self.last = now
        if self.order.pace:
            self.idle.append(sender)
        elif self.may_send():
            sender.send()
            return
        if not self.under_way and not self.may_send():
            self.done.set()

    def lost(self) -> None:
        """A connection ended in the middle of a request."""
        self.refused["hung up"] = self.refused.get("hung up", 0) + 1
        self.under_way -= 1
        if not self.under_way:
            self.done.set()


class Sender(asyncio.Protocol):
    """One connection: a request, its response, the next request."""

    def __init__(self, senders: Senders) -> None:
        self._senders = senders
        self._buffer = b""
        self._begun = 0.0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self) -> None:
        """Send the request once."""
        senders = self._senders
        senders.sent += 1
        senders.under_way += 1
        self._begun = time.perf_counter()
        self._waiting = True
        self._transport.write(senders.request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        told = _LENGTH.search(self._buffer, 0, head)
        end = head + 4 + (int(told[1]) if told else 0)
        if len(self._buffer) < end:
            return
        status, self._buffer = self._buffer[9:12], self._buffer[end:]
        self._waiting = False
        self._senders.answered(self, status, self._begun)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._waiting = False
            self._senders.lost()


async def send_load(order: LoadOrder) -> dict[str, object]:
    """Carry out an order; what came of it."""
    loop = asyncio.get_running_loop()
    senders = Senders(order)
    connections = []
    for _ in range(order.connections):
        _, sender = await loop.create_connection(lambda: Sender(senders), order.host, order.port)
        connections.append(sender)
    senders.begin = time.perf_counter() + order.warm_up
    senders.end = senders.begin + order.seconds
    if order.pace:
        await _send_paced(senders, connections)
    else:
        for sender in connections:
            sender.send()
    await asyncio.wait_for(senders.done.wait(), order.seconds + order.warm_up + DRAIN_SECONDS)
    return _outcome(senders)


async def _send_paced(senders: Senders, connections: list[Sender]) -> None:
    """A request at each tick, on whichever connection is free; a tick that finds none is made up for."""
    senders.idle.extend(connections)
    pace, most = senders.order.pace or 1.0, senders.order.most
    for number in range(min(most, int(senders.order.seconds * pace))):
        wait = senders.begin + number / pace - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)  # until it is to be sent
        while not senders.idle:
            await asyncio.sleep(0.001)
        senders.idle.popleft().send()
    senders.end = time.perf_counter()
    if senders.under_way:
        senders.done.clear()  # set where a late tick came after the end that was planned
    else:
        senders.done.set()


def _outcome(senders: Senders) -> dict[str, object]:
    seen = senders.latencies
    taken = senders.order.seconds
    if senders.sent >= senders.order.most or senders.order.pace:
        taken = max(senders.last - senders.begin, 1e-6)
    millis = {}
    if seen:
        millis = {
            "p50_ms": percentile(seen, 0.5) * 1000,
            "p99_ms": percentile(seen, 0.99) * 1000,
            "max_ms": max(seen) * 1000,
        }
    return {"answers": len(seen), "seconds": taken, "refused": senders.refused, "sent": senders.sent, **millis}


def order_text(order: LoadOrder) -> str:
    """An order as it is handed to the sender's process."""
    return json.dumps(asdict(order))


def main() -> None:
    """Read an order, carry it out, print what came of it."""
    order = LoadOrder(**json.loads(sys.stdin.read()))
    begun = time.perf_counter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(send_load(order))
    outcome["wall_seconds"] = time.perf_counter() - begun
    sys.stdout.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main()
