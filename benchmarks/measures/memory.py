"""The memory of a daemon in which much waits, beside the same daemon in which next to nothing does."""

from __future__ import annotations

import re
import time
from pathlib import Path

from benchmarks.backlog import multiply
from benchmarks.bench import Bench
from benchmarks.examples import single_order, waiting_rule
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import Daemon, run_load

COUNT = 100_000
SETTLE_SECONDS = 1.0


def measure_memory(bench: Bench) -> list[Figure]:
    """Start, look, stop, multiply, start, look. Only where the system has /proc."""
    if not Path("/proc/self/status").exists():
        return []
    bench.tell("memory")
    daemon = Daemon(bench.place() / "daemon", waiting_rule("1h"))
    try:
        order = single_order(daemon.start(), connections=1, seconds=0.5)
        run_load(order)
        daemon.stop()
        few = _look(daemon)
        multiply(daemon.database, COUNT)
        many = _look(daemon)
    finally:
        daemon.stop()
    name = f"memory of the daemon with {COUNT:,} pending triggers"
    beside = "the same daemon with a few hundred"
    return [make_figure(name, "MiB", [many], beside, [few])]


def _look(daemon: Daemon) -> Round:
    daemon.start()
    time.sleep(SETTLE_SECONDS)
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    daemon.stop()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return Round(value=int(found[1]) / 1024)
