"""`python -m benchmarks.soak`: hours at 200 events a second with a sink that fails; what the daemon holds stays flat.

Every event waits a second and leads to a webhook; every fifth is answered 503 or not at all and tried again, some are
given up. Memory, descriptors and the write-ahead log are looked at all along; at the end everything that was answered
has come to an end. The last full run is told in `benchmarks/soak.md`.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.examples import single_order
from benchmarks.machine import describe_machine
from benchmarks.measures.memory import read_memory
from benchmarks.processes import BenchmarkError, Daemon, Target, run_load, running_daemon, running_server

HERE = Path(__file__).parent
PAGE = HERE / "soak.md"
WORK = HERE / ".work"

PACE = 200
CONNECTIONS = 16
FAIL = 5
"""Every fifth request fails."""
LOOKS = 40
LEAST_SLICE, MOST_SLICE = 1.0, 60.0
SETTLE_SECONDS = 60.0
SLOPE_SECONDS = 300.0
"""A shorter run has no slope worth telling."""
KEPT_SECONDS = 540.0
"""After so long the first runs may have been removed: retention is ten minutes here."""
FULL_HOURS = 1.0
"""From here on the outcome is written down."""

MORE_MEMORY_MIB = 24.0
PAGE_CACHE_MIB = 64.0
"""SQLite keeps as much of the database in memory as it has read or written, up to this; then no more."""
MORE_DESCRIPTORS = 64
"""A kept connection for each slot: how many there are depends on how many were needed at once."""
MOST_WAL_MIB = 64.0

_RULE = """\
id: large-jobs
trigger: {{ event: job.created }}
delay: 1s
when:
  - job.client.type == "Commercial"
  - job.total >= 1000
retry: {{ schedule: [0s, 200ms, 1s] }}
actions:
  - webhook: {{ url: "http://127.0.0.1:{port}/hook", payload: {{ fact: job }} }}
"""
_CONFIG = """\
egress: {{ allow: ["127.0.0.1:{port}"] }}
limits: {{ target_share: 1 }}
retention: {{ events: 10m, unmatched_events: 10m, duplicates: 10m, runs: 10m, dead_letters: 10m }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the daemon held at one moment."""

    #: seconds since the first event
    at: float
    memory_mib: float
    descriptors: int
    wal_mib: float
    database_mib: float
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run has seen."""

    looks: tuple[Look, ...]
    answered: int
    #: runs by status, at the end
    runs: dict[str, int]
    #: what was not as promised
    findings: tuple[str, ...] = ()


def main() -> int:
    """Run, tell; 1 where something was not flat, or got lost."""
    options = _parse()
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as directory:
        place = Path(directory)
        machine = describe_machine(place)
        outcome = soak(place, options.seconds)
    page = write_soak(outcome, machine, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    if options.seconds >= FULL_HOURS * 3600:
        PAGE.write_text(page)
    if options.json:
        sys.stdout.write(json.dumps({"schema_version": 1, **asdict(outcome)}) + "\n")
    else:
        sys.stdout.write(page)
    return 1 if outcome.findings else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=(__doc__ or "").partition("\n\n")[2]
    )
    parser.add_argument("--hours", type=float, default=FULL_HOURS, help="how long (default: 1)")
    parser.add_argument("--seconds", type=float, help="how long, for a short one")
    parser.add_argument("--json", action="store_true", help="print what was seen as JSON")
    options = parser.parse_args()
    options.seconds = options.seconds or options.hours * 3600
    if not 10 <= options.seconds <= 7 * 86_400:
        parser.error("it takes ten seconds to a week")
    return options


def soak(place: Path, seconds: float) -> Outcome:
    """Send, look, send; then wait until nothing is left."""
    slice_seconds = min(MOST_SLICE, max(LEAST_SLICE, seconds / LOOKS))
    with running_server("benchmarks.sink", "--fail", str(FAIL)) as sink:
        rule, config = _RULE.format(port=sink.port), _CONFIG.format(port=sink.port)
        with running_daemon(place / "daemon", rule, config) as (daemon, target):
            looks, answered = _send(daemon, target, seconds, slice_seconds)
            runs = _settle(daemon)
    outcome = Outcome(looks=tuple(looks), answered=answered, runs=runs)
    return replace(outcome, findings=tuple(judge(outcome)))


def judge(outcome: Outcome) -> list[str]:
    """What grew, and what got lost."""
    begin, end = _begin_and_end(outcome.looks)
    findings = []
    cached = min(PAGE_CACHE_MIB, max(0.0, end.database_mib - begin.database_mib))
    if end.memory_mib - begin.memory_mib > MORE_MEMORY_MIB + cached:
        findings.append(f"memory grew from {begin.memory_mib:.0f} to {end.memory_mib:.0f} MiB")
    if end.descriptors - begin.descriptors > MORE_DESCRIPTORS:
        findings.append(f"descriptors grew from {begin.descriptors} to {end.descriptors}")
    wal = max(look.wal_mib for look in outcome.looks)
    if wal > MOST_WAL_MIB:
        findings.append(f"the write-ahead log grew to {wal:.0f} MiB")
    if outcome.runs.get("waiting"):
        findings.append(f"{outcome.runs['waiting']} pending triggers were left")
    ended = outcome.runs.get("done", 0) + outcome.runs.get("failed", 0)
    if outcome.looks[-1].at < KEPT_SECONDS and ended != outcome.answered:
        findings.append(f"{outcome.answered} events were answered, {ended} runs have ended")
    if not outcome.runs.get("done") or not outcome.runs.get("failed"):
        findings.append(f"nothing was done, or nothing failed: {outcome.runs}")
    return findings


def write_soak(outcome: Outcome, machine: dict[str, str], date: str) -> str:
    """The outcome as a page."""
    seconds = outcome.looks[-1].at
    facts = "\n".join(f"- {name}: {text}" for name, text in machine.items())
    begin, end = _begin_and_end(outcome.looks)
    rows = "".join(
        f"| {words} | {getattr(begin, name):,.1f} | {getattr(end, name):,.1f} "
        f"| {max(getattr(look, name) for look in outcome.looks):,.1f} | {_slope(outcome.looks, name)} |\n"
        for name, words in _ROWS.items()
    )
    runs = ", ".join(f"{count:,} {status}" for status, count in sorted(outcome.runs.items()))
    verdict = "\n".join(f"- {finding}" for finding in outcome.findings) or "Flat, and nothing was left."
    head = f"{PACE} events a second for {seconds:,.0f} s, every {FAIL}th request to the sink failing; {date}."
    return (
        f"# Soak\n\n{head}\n\n{facts}\n\n{_HEAD}{rows}\n"
        f"{outcome.answered:,} events answered; of the runs still kept: {runs}.\n\n{verdict}\n"
    )


_HEAD = "| what | at the start | at the end | most | more an hour |\n|---|---|---|---|---|\n"
_ROWS = {
    "memory_mib": "memory, MiB",
    "descriptors": "descriptors",
    "wal_mib": "write-ahead log, MiB",
    "database_mib": "database, MiB",
    "waiting": "pending triggers",
}


def _begin_and_end(looks: Sequence[Look]) -> tuple[Look, Look]:
    """The middle of the second eighth, when everything has been used once, and of the last."""
    eighth = max(1, len(looks) // 8)
    return _middle(looks[eighth : 2 * eighth] or looks[:1]), _middle(looks[-eighth:])


def _middle(looks: Sequence[Look]) -> Look:
    medians = {name: statistics.median(getattr(look, name) for look in looks) for name in Look.__slots__}
    return Look(**medians)


def _slope(looks: Sequence[Look], name: str) -> str:
    """Growth an hour, after the first eighth: the slope of the straight line nearest to all looks."""
    settled = looks[len(looks) // 8 :]
    if looks[-1].at < SLOPE_SECONDS:
        return "too short to tell"
    line = statistics.linear_regression([look.at for look in settled], [getattr(look, name) for look in settled])
    return f"{line.slope * 3600:+,.2f}"


def _send(daemon: Daemon, target: Target, seconds: float, slice_seconds: float) -> tuple[list[Look], int]:
    order = replace(
        single_order(target, connections=CONNECTIONS, seconds=slice_seconds), pace=float(PACE), warm_up=0.0
    )
    looks: list[Look] = []
    answered = 0
    begun = time.monotonic()
    while (at := time.monotonic() - begun) < seconds:
        answered += run_load(order)["answers"]
        looks.append(_look(daemon, at))
    return looks, answered


def _look(daemon: Daemon, at: float) -> Look:
    wal = daemon.database.with_name(daemon.database.name + "-wal")
    return Look(
        at=at,
        memory_mib=read_memory(daemon.pid),
        descriptors=len(list(Path(f"/proc/{daemon.pid}/fd").iterdir())),
        wal_mib=wal.stat().st_size / 2**20 if wal.exists() else 0.0,
        database_mib=daemon.database.stat().st_size / 2**20,
        waiting=_count(daemon, "SELECT count(*) FROM pending_triggers"),
    )


def _settle(daemon: Daemon) -> dict[str, int]:
    """Wait until nothing waits any more; then the runs by status."""
    until = time.monotonic() + SETTLE_SECONDS
    while (waiting := _count(daemon, "SELECT count(*) FROM pending_triggers")) and time.monotonic() < until:
        time.sleep(0.2)
    view = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
    try:
        runs = dict(view.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall())
    finally:
        view.close()
    return {**runs, "waiting": waiting}


def _count(daemon: Daemon, query: str) -> int:
    view = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
    try:
        (count,) = view.execute(query).fetchone()
    finally:
        view.close()
    return int(count)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as failure:
        sys.stderr.write(f"soak: {failure}\n")
        sys.exit(2)
