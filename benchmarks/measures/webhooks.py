"""Webhooks out, 32 in flight, to a receiver on this machine, beside a bare aiohttp session sending the same bodies.

autoflow's side is the whole of it: claim, render, check the target, count the attempt before it is made, send, commit
the result.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from typing import Any

import aiohttp
import uvloop

from benchmarks.backlog import fill, make_due
from benchmarks.bench import Bench
from benchmarks.examples import EVENT, waiting_rule
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import BenchmarkError, Daemon, Target, running_server

COUNT = 2_000
IN_FLIGHT = 32
DRAIN_SECONDS = 60.0

_CONFIG = """\
egress: {{ allow: ["127.0.0.1:{port}"] }}
limits: {{ slots: {slots}, target_share: 1 }}
"""
_ACTION = "webhook: {{ url: 'http://127.0.0.1:{port}/hook', payload: {{ fact: job }} }}"


def measure_webhooks(bench: Bench) -> list[Figure]:
    """All due at once, so that the slots are always full."""
    with running_server("benchmarks.sink") as sink:
        rounds, references = bench.alternate(
            lambda: _send_bare(sink), lambda: _send_by_autoflow(bench, sink), "webhooks"
        )
    name = f"webhooks delivered, {COUNT:,} due at once, {IN_FLIGHT} in flight"
    return [make_figure(name, "webhooks/s", rounds, "a bare aiohttp session, the same bodies", references)]


def _send_by_autoflow(bench: Bench, sink: Target) -> Round:
    rule = waiting_rule("1h", _ACTION.format(port=sink.port))
    config = _CONFIG.format(port=sink.port, slots=IN_FLIGHT)
    daemon = Daemon(bench.place() / "daemon", rule, config)
    try:
        fill(daemon.start(), COUNT)
        daemon.stop()
        make_due(daemon.database)
        _ask(sink, "/forget")
        daemon.start()
        return _wait_for_all(sink)
    finally:
        daemon.stop()


def _send_bare(sink: Target) -> Round:
    _ask(sink, "/forget")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_post_all(sink.port))
    return _wait_for_all(sink)


async def _post_all(port: int) -> None:
    body = json.dumps(EVENT["data"]).encode()
    left = iter(range(COUNT))
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector, headers={"Content-Type": "application/json"}) as session:

        async def post_some() -> None:
            for _ in left:
                async with session.post(f"http://127.0.0.1:{port}/hook", data=body) as response:
                    await response.read()

        await asyncio.gather(*(post_some() for _ in range(IN_FLIGHT)))


def _wait_for_all(sink: Target) -> Round:
    until = time.monotonic() + DRAIN_SECONDS
    while (seen := _ask(sink, "/seen"))["count"] < COUNT:
        if time.monotonic() > until:
            raise BenchmarkError(f"{COUNT} webhooks were to come, {seen['count']} came")
        time.sleep(0.1)
    if seen["count"] != COUNT:
        raise BenchmarkError(f"{COUNT} webhooks were to come, {seen['count']} came")
    return Round(value=(COUNT - 1) / max(seen["last"] - seen["first"], 1e-6))


def _ask(sink: Target, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{sink.port}{path}", timeout=10) as response:
        answer: dict[str, Any] = json.loads(response.read())
    return answer
