"""Rule files from disk into force: a thousand at once, and all of them again after one has changed.

Each round is a process of its own (`benchmarks/loading_round.py`) and counts its processor time, on all its threads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.measures.commands import write_rules
from benchmarks.processes import BenchmarkError

FILES = 1_000
ROUND_SECONDS = 60.0


def measure_loading(bench: Bench) -> list[Figure]:
    """The files read and built, beside their YAML alone; put in force again, beside put in force at first."""
    rules = bench.place()
    write_rules(rules, files=FILES, each=1)
    told = []
    for number in range(bench.rounds):
        bench.tell(f"loading, round {number + 1} of {bench.rounds}")
        told.append(_run(bench, rules))
    files = f"{FILES:,} rule files"
    return [
        make_figure(
            f"load of {files}, processor time",
            "ms",
            [Round(value=one["load_ms"]) for one in told],
            "`yaml.CSafeLoader` on the same files",
            [Round(value=one["yaml_ms"]) for one in told],
        ).toward("load"),
        make_figure(
            f"reload of {files} after one change, up to the new set in force, processor time",
            "ms",
            [Round(value=one["again_ms"]) for one in told],
            "the same from nothing",
            [Round(value=one["force_ms"]) for one in told],
        ).toward("reload"),
    ]


def _run(bench: Bench, rules: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.loading_round", str(rules), str(bench.place())]
    run = subprocess.run(command, capture_output=True, text=True, timeout=ROUND_SECONDS, check=False)
    if run.returncode:
        raise BenchmarkError(f"the files could not be loaded:\n{run.stderr[-1500:]}")
    told: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return told
