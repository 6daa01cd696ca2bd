"""Events over HTTP as JSON lines, beside SQLite alone writing the very rows that autoflow wrote."""

from __future__ import annotations

from benchmarks.alone import read_copy, write_copy
from benchmarks.bench import Bench
from benchmarks.examples import QUIET_RULE, lines_order
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import Target, run_load, running_daemon

LINES = 100
CONNECTIONS = 8
TABLES = ("events", "event_keys")


def measure_lines(bench: Bench) -> list[Figure]:
    """A few senders of many lines."""
    place = bench.place()
    with running_daemon(place / "daemon", QUIET_RULE) as (daemon, target):
        _send(target, bench)  # the rows that SQLite alone is to write
        copy = read_copy(daemon.database, TABLES)
        rounds, references = bench.alternate(
            lambda: write_copy(bench.place() / "copy.db", copy, each=LINES * CONNECTIONS),
            lambda: _send(target, bench),
            "lines",
        )
    name = f"durable intake, JSON lines, {LINES} a request, {CONNECTIONS} connections"
    beside = f"SQLite alone inserting the same rows, {LINES * CONNECTIONS} a commit"
    return [make_figure(name, "events/s", rounds, beside, references).toward("lines")]


def _send(target: Target, bench: Bench) -> Round:
    outcome = run_load(lines_order(target, lines=LINES, connections=CONNECTIONS, seconds=bench.seconds))
    also = {name: outcome[name] for name in ("p50_ms", "p99_ms")}
    return Round(value=outcome["answers"] * LINES / outcome["seconds"], also=also)
