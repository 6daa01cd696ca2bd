"""The start of a daemon in which a million pending triggers wait, beside one in which a few hundred do."""

from __future__ import annotations

import time

from benchmarks.backlog import multiply
from benchmarks.bench import Bench
from benchmarks.examples import single_order, waiting_rule
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import Daemon, run_load

COUNT = 1_000_000
FEW = 100_000


def measure_start_full(bench: Bench) -> list[Figure]:
    """Fill two databases, multiply in one of them, and start on both in turn."""
    few, full = (Daemon(bench.place() / "daemon", waiting_rule("1d")) for _ in range(2))
    for daemon in (few, full):
        run_load(single_order(daemon.start(), connections=1, seconds=0.5))
        daemon.stop()
    count = bench.amount(COUNT, FEW)
    multiply(full.database, count)
    rounds, references = bench.alternate(lambda: _start(few), lambda: _start(full), "start of a full database")
    name = f"start with {count:,} pending triggers, until it is ready"
    return [make_figure(name, "s", rounds, "the same daemon with a few hundred", references).toward("start-full")]


def _start(daemon: Daemon) -> Round:
    begun = time.perf_counter()
    try:
        daemon.start()
        return Round(value=time.perf_counter() - begun)
    finally:
        daemon.stop()
