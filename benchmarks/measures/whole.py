"""The whole job: events are posted by 64 senders, judged by two conditions, and each leads to a webhook at once.

autoflow stores the event before it answers, and the attempt before it sends; Node-RED does neither. The figure is how
many webhooks a second arrive from the first to the last one. Beside it: how many were still to come when the senders
stopped, and the rate until then.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.examples import single_order
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.peers import NODE_PACKAGES, find_node_package, node_environment
from benchmarks.processes import BenchmarkError, Target, end_process, run_load, running_daemon, running_server
from benchmarks.sink import forget, read_seen, wait_for_count

CONNECTIONS = 64
DRAIN_SECONDS = 60.0
START_SECONDS = 30.0
PEER = "node-red"

_RULE = """\
id: large-jobs
trigger: {{ event: job.created }}
when:
  - job.client.type == "Commercial"
  - job.total >= 1000
actions:
  - webhook: {{ url: "http://127.0.0.1:{port}/hook", payload: {{ fact: job }} }}
"""
_CONFIG = """\
egress: {{ allow: ["127.0.0.1:{port}"] }}
limits: {{ target_share: 1 }}
"""
_SETTINGS = {
    "uiHost": "127.0.0.1",
    "flowFile": "flows.json",
    "disableEditor": True,
    "httpAdminRoot": False,
    "telemetry": {"enabled": False, "updateNotification": False},
    "externalModules": {"autoInstall": False},
    "logging": {"console": {"level": "info"}},
}
_STARTED = re.compile(r"Started flows")


def measure_whole(bench: Bench) -> list[Figure]:
    """In turn: Node-RED where it is there, the same by hand, autoflow."""
    peer = find_node_package(PEER)
    if peer.missing:
        bench.leave_out(peer.missing, "job")
    rounds, by_hand, by_peer = [], [], []
    for number in range(bench.rounds):
        bench.tell(f"whole: by hand, round {number + 1} of {bench.rounds}")
        by_hand.append(_run_forwarder(bench))
        if not peer.missing:
            bench.tell(f"whole: Node-RED, round {number + 1} of {bench.rounds}")
            by_peer.append(_run_peer(bench, peer.path))
        bench.tell(f"whole: autoflow, round {number + 1} of {bench.rounds}")
        rounds.append(_run_autoflow(bench))
    name = f"the whole job, {CONNECTIONS} senders, webhooks from the first to the last"
    figures = [make_figure(name, "webhooks/s", rounds, "by hand with uvicorn and aiohttp, storing nothing", by_hand)]
    if by_peer:
        beside = f"Node-RED {NODE_PACKAGES[PEER]}, storing nothing"
        figures.insert(0, make_figure(name, "webhooks/s", rounds, beside, by_peer).toward("job"))
    return figures


def _run_forwarder(bench: Bench) -> Round:
    with running_server("benchmarks.sink") as sink, running_server("benchmarks.forwarder", str(sink.port)) as target:
        return _post(bench, target, "/v1/events", sink)


def _run_autoflow(bench: Bench) -> Round:
    with running_server("benchmarks.sink") as sink:
        rule, config = _RULE.format(port=sink.port), _CONFIG.format(port=sink.port)
        with running_daemon(bench.place() / "daemon", rule, config) as (_, target):
            return _post(bench, target, "/v1/events", sink)


def _run_peer(bench: Bench, path: Path) -> Round:
    with running_server("benchmarks.sink") as sink, _running_node_red(bench.place(), path, sink) as target:
        return _post(bench, target, "/events", sink)


def _post(bench: Bench, target: Target, path: str, sink: Target) -> Round:
    """Post for a round; every event that was answered has to arrive."""
    order = replace(single_order(target, connections=CONNECTIONS, seconds=bench.seconds), path=path)
    forget(sink)
    outcome = run_load(order)
    seen = read_seen(sink)
    if seen.count < 2:
        raise BenchmarkError(f"next to nothing had arrived: {seen}")
    backlog = outcome["sent"] - seen.count
    last = wait_for_count(sink, outcome["sent"], DRAIN_SECONDS)
    also = {
        "answers_per_second": outcome["answers"] / outcome["seconds"],
        "p99_ms": outcome["p99_ms"],
        "not_yet_arrived": float(backlog),
        "while_posting_per_second": (seen.count - 1) / (seen.last - seen.first),
    }
    return Round(value=(last.count - 1) / (last.last - last.first), also=also)


@contextlib.contextmanager
def _running_node_red(directory: Path, path: Path, sink: Target) -> Iterator[Target]:
    """Node-RED with the same flow, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (directory / "flows.json").write_text(json.dumps(_flow(sink.port)))
    settings = directory / "settings.js"
    settings.write_text(f"module.exports = {json.dumps({**_SETTINGS, 'uiPort': port})};\n")
    log = directory / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["node", str(path / "red.js"), "-u", str(directory), "-s", str(settings)],
            env=node_environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not _STARTED.search(log.read_text()):
            if process.poll() is not None or time.monotonic() > until:
                raise BenchmarkError(f"Node-RED did not come up:\n{log.read_text()[-1000:]}")
            time.sleep(0.05)
        while not _is_open(port):
            if time.monotonic() > until:
                raise BenchmarkError("Node-RED does not listen")
            time.sleep(0.05)
        yield Target(port=port, token="none")
    finally:
        end_process(process)


def _is_open(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def _flow(sink: int) -> list[dict[str, Any]]:
    """The rule as Node-RED's nodes: answer 202, two switches, a message of its own, a request."""

    def node(name: str, kind: str, wires: list[list[str]], **more: Any) -> dict[str, Any]:
        return {"id": name, "type": kind, "z": "tab", "wires": wires, **more}

    def switch(name: str, fact: str, rule: dict[str, str], then: str) -> dict[str, Any]:
        of = {"property": f"payload.data.{fact}", "propertyType": "msg", "rules": [rule], "outputs": 1}
        return node(name, "switch", [[then]], checkall="false", repair=False, **of)

    kind = {"t": "eq", "v": "Commercial", "vt": "str"}
    total = {"t": "gte", "v": "1000", "vt": "num"}
    request = {"method": "POST", "ret": "txt", "url": f"http://127.0.0.1:{sink}/hook", "persist": True, "headers": []}
    return [
        {"id": "tab", "type": "tab", "label": "job"},
        node("in", "http in", [["kind", "out"]], url="/events", method="post", upload=False),
        node("out", "http response", [], statusCode="202", headers={}),
        switch("kind", "job.client.type", kind, "total"),
        switch("total", "job.total", total, "made"),
        node("made", "function", [["request"]], func="return {payload: msg.payload.data.job};", outputs=1),
        node("request", "http request", [[]], **request),
    ]
