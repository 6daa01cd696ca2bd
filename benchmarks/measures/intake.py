"""Events over HTTP, one a request: 202 comes after the commit, and the commit after fdatasync."""

from __future__ import annotations

from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.examples import QUIET_RULE, single_order
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.machine import sync_blocks
from benchmarks.processes import Target, run_load, running_daemon, running_server
from benchmarks.wrk import has_wrk, run_wrk

CONNECTIONS = 64


def measure_intake(bench: Bench) -> list[Figure]:
    """Many senders at once, beside the same server without storage."""
    sender = "wrk" if has_wrk() else "the bundled sender"
    place = bench.place()
    with (
        running_server("benchmarks.reference") as reference,
        running_daemon(place / "daemon", QUIET_RULE) as (_, target),
    ):
        rounds, references = bench.alternate(
            lambda: _send(reference, bench, place), lambda: _send(target, bench, place), "intake"
        )
    name = f"durable intake, single events, {CONNECTIONS} connections, {sender}"
    beside = "the bare server (uvicorn, httptools, uvloop), which decodes and stores nothing"
    return [make_figure(name, "events/s", rounds, beside, references).toward("intake", "intake-p99")]


def measure_single(bench: Bench) -> list[Figure]:
    """One sender who waits for each answer, beside the disk's own pace."""
    place = bench.place()

    def send(target: Target) -> Round:
        return _round_of(run_load(single_order(target, connections=1, seconds=bench.seconds)))

    with running_daemon(place / "daemon", QUIET_RULE) as (_, target):
        rounds, references = bench.alternate(
            lambda: sync_blocks(place, bench.seconds / 2), lambda: send(target), "single"
        )
    name = "durable intake, one sender, one event at a time"
    return [make_figure(name, "events/s", rounds, "fdatasync of a growing file", references).toward("single")]


def _send(target: Target, bench: Bench, place: Path) -> Round:
    order = single_order(target, connections=CONNECTIONS, seconds=bench.seconds)
    return _round_of(run_wrk(order, place) if has_wrk() else run_load(order))


def _round_of(outcome: dict[str, float]) -> Round:
    also = {name: outcome[name] for name in ("p50_ms", "p99_ms")}
    return Round(value=outcome["answers"] / outcome["seconds"], also=also)
