"""Webhooks out, 32 in flight, to a receiver on this machine, beside a bare aiohttp session sending the same bodies.

First the client by itself: checked addresses, one way out, bounded answers, as each action uses it. Then the whole:
claim, render, check the target, count the attempt before it is made, send, commit the result.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import uvloop

from autoflow.security.egress import EgressGuard
from autoflow.security.outgoing import Outgoing, Send
from benchmarks.backlog import fill, make_due
from benchmarks.bench import Bench
from benchmarks.examples import EVENT, waiting_rule
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import BenchmarkError, Daemon, Target, running_server
from benchmarks.sink import forget, wait_for_count

CLIENT_COUNT = 10_000
WHOLE_COUNT = 4_000
FEW = 2_000
IN_FLIGHT = 32
DRAIN_SECONDS = 60.0
HEADERS = {"Content-Type": "application/json"}
BODY = json.dumps(EVENT["data"]).encode()
BARE = "a bare aiohttp session, the same bodies"

_CONFIG = """\
egress: {{ allow: ["127.0.0.1:{port}"] }}
limits: {{ slots: {slots}, target_share: 1 }}
"""
_ACTION = "webhook: {{ url: 'http://127.0.0.1:{port}/hook', payload: {{ fact: job }} }}"

Post = Callable[[], Awaitable[int]]
"""Sends one; the status of the answer."""
Client = Callable[[str], contextlib.AbstractAsyncContextManager[Post]]


def measure_webhooks(bench: Bench) -> list[Figure]:
    """The client as fast as it goes; then everything due at once, so that the slots are always full."""
    count, whole = bench.amount(CLIENT_COUNT, FEW), bench.amount(WHOLE_COUNT, FEW)
    guarded, bare, by_autoflow = [], [], []
    with running_server("benchmarks.sink") as sink:
        for number in range(bench.rounds):
            bench.tell(f"webhooks: a bare session, round {number + 1} of {bench.rounds}")
            bare.append(_send_by(_open_bare, sink, count))
            bench.tell(f"webhooks: the guarded client, round {number + 1} of {bench.rounds}")
            guarded.append(_send_by(_open_guarded, sink, count))
            bench.tell(f"webhooks: autoflow, round {number + 1} of {bench.rounds}")
            by_autoflow.append(_send_by_autoflow(bench, sink, whole))
    client = f"webhooks out, the guarded client by itself, {IN_FLIGHT} in flight"
    delivered = f"webhooks delivered, {whole:,} due at once, {IN_FLIGHT} in flight, durable"
    return [
        make_figure(client, "webhooks/s", guarded, BARE, bare).toward("webhooks"),
        make_figure(delivered, "webhooks/s", by_autoflow, BARE, bare),
    ]


def _send_by_autoflow(bench: Bench, sink: Target, count: int) -> Round:
    rule = waiting_rule("1h", _ACTION.format(port=sink.port))
    config = _CONFIG.format(port=sink.port, slots=IN_FLIGHT)
    daemon = Daemon(bench.place() / "daemon", rule, config)
    try:
        fill(daemon.start(), count)
        daemon.stop()
        make_due(daemon.database)
        forget(sink)
        daemon.start()
        return _rate(sink, count)
    finally:
        daemon.stop()


def _send_by(client: Client, sink: Target, count: int) -> Round:
    forget(sink)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_post_all(client, f"http://127.0.0.1:{sink.port}/hook", count))
    return _rate(sink, count)


async def _post_all(client: Client, url: str, count: int) -> None:
    left = iter(range(count))
    async with client(url) as post, asyncio.timeout(DRAIN_SECONDS):

        async def post_some() -> None:
            for _ in left:
                status = await post()
                if status != 200:
                    raise BenchmarkError(f"the sink answered {status}")

        await asyncio.gather(*(post_some() for _ in range(IN_FLIGHT)))


@contextlib.asynccontextmanager
async def _open_bare(url: str) -> AsyncIterator[Post]:
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def post() -> int:
            async with session.post(url, data=BODY) as response:
                await response.read()
                return response.status

        yield post


@contextlib.asynccontextmanager
async def _open_guarded(url: str) -> AsyncIterator[Post]:
    outgoing = Outgoing(EgressGuard([url.removeprefix("http://").partition("/")[0]]))
    send = Send(method="POST", url=url, headers=HEADERS, body=BODY)

    async def post() -> int:
        return (await outgoing.request(send)).status

    try:
        yield post
    finally:
        await outgoing.close()


def _rate(sink: Target, count: int) -> Round:
    seen = wait_for_count(sink, count, DRAIN_SECONDS)
    return Round(value=(count - 1) / max(seen.last - seen.first, 1e-6))
