"""The memory of a daemon in which a million triggers wait, over that of the same daemon in which hardly any do."""

from __future__ import annotations

import re
import time
from pathlib import Path

from benchmarks.backlog import multiply
from benchmarks.bench import Bench
from benchmarks.examples import single_order, waiting_rule
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import BenchmarkError, Daemon, run_load

COUNT = 1_000_000
FEW = 100_000
SETTLE_SECONDS = 2.0


def measure_memory(bench: Bench) -> list[Figure]:
    """Start, look, stop, multiply, start, look. Only where the system has /proc."""
    if not Path("/proc/self/status").exists():
        bench.leave_out("this system has no /proc", "memory")
        return []
    bench.tell("memory")
    count = bench.amount(COUNT, FEW)
    daemon = Daemon(bench.place() / "daemon", waiting_rule("1h"))
    try:
        run_load(single_order(daemon.start(), connections=1, seconds=0.5))
        daemon.stop()
        few = [_look(daemon) for _ in range(bench.rounds)]
        multiply(daemon.database, count)
        many = [_look(daemon) for _ in range(bench.rounds)]
    finally:
        daemon.stop()
    more = [
        Round(value=max(0.0, full - empty), also={"full_mib": full, "empty_mib": empty})
        for full, empty in zip(many, few, strict=True)
    ]
    name = f"memory for {count:,} pending triggers, over the same daemon with a few hundred"
    return [make_figure(name, "MiB", more).toward("memory")]


def read_memory(pid: int) -> float:
    """MiB of a process that are in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise BenchmarkError(f"process {pid} has ended")
    return int(found[1]) / 1024


def _look(daemon: Daemon) -> float:
    daemon.start()
    try:
        time.sleep(SETTLE_SECONDS)  # what a start needs for a while is given back by then
        return read_memory(daemon.pid)
    finally:
        daemon.stop()
