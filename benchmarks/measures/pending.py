"""Pending triggers: how fast they are made, and how fast they are worked off when all of them are due at once.

As after a night in which the daemon was down: it starts, and everything is overdue. Each run performs one `log`
action, so that what is measured is ours: claim, run, step, attempt, result. Beside it APScheduler with its job store
on SQLite, calling a function that counts; and SQLite alone, writing the rows that the daemon left.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.alone import read_copy, write_copy
from benchmarks.backlog import fill, make_due, read_drain, wait_until_done
from benchmarks.bench import Bench
from benchmarks.examples import waiting_rule
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.peers import find_scheduler
from benchmarks.processes import BenchmarkError, Daemon

COUNT = 10_000
FEW = 2_000
DRAIN_SECONDS = 60.0
MADE = ("pending_triggers", "events", "event_keys")
DRAINED = ("runs", "run_steps", "attempts")
MADE_EACH = 400
DRAINED_EACH = 64
PEER = "APScheduler, SQLAlchemyJobStore on SQLite"
PEER_SCRIPT = Path(__file__).parents[1] / "scheduler_peer.py"
PEER_SECONDS = 30.0
"""For each of adding and working off; its rate is that of what was done by then."""


@dataclass(slots=True, kw_only=True)
class _Rounds:
    """One kind of round, and what stands beside it."""

    measured: list[Round] = field(default_factory=list)
    alone: list[Round] = field(default_factory=list)
    peer: list[Round] = field(default_factory=list)


def measure_pending(bench: Bench) -> list[Figure]:
    """In turn: the peer; ours made, made due and worked off; SQLite alone."""
    made, drained = _Rounds(), _Rounds()
    count = bench.amount(COUNT, FEW)
    scheduler = find_scheduler()
    if scheduler.missing:
        bench.leave_out(scheduler.missing, "made", "drained")
    for number in range(bench.rounds):
        if not scheduler.missing:
            bench.tell(f"pending: APScheduler, round {number + 1} of {bench.rounds}")
            _run_peer(bench, scheduler.path, made, drained)
        bench.tell(f"pending: autoflow, round {number + 1} of {bench.rounds}")
        _one_round(bench, count, made, drained)
    return [
        *_figures(f"pending triggers made, by JSON lines, {count:,}", "pending/s", made, "made", MADE_EACH),
        *_figures(
            f"pending triggers worked off, {count:,} due at once, one log action each",
            "runs/s",
            drained,
            "drained",
            DRAINED_EACH,
        ),
    ]


def _figures(name: str, unit: str, rounds: _Rounds, goal: str, each: int) -> list[Figure]:
    alone = f"SQLite alone inserting the same rows, {each} a commit"
    figures = [make_figure(name, unit, rounds.measured, alone, rounds.alone)]
    if rounds.peer:
        figures.insert(0, make_figure(name, unit, rounds.measured, PEER, rounds.peer).toward(goal))
    return figures


def _run_peer(bench: Bench, python: Path, made: _Rounds, drained: _Rounds) -> None:
    count = bench.amount(COUNT, FEW // 4)
    command = [str(python), str(PEER_SCRIPT), str(bench.place() / "jobs.db"), str(count), str(PEER_SECONDS)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=3 * PEER_SECONDS, check=False)
    if run.returncode:
        raise BenchmarkError(f"APScheduler failed:\n{run.stderr[-1000:]}")
    told = json.loads(run.stdout)
    if not told["count"]:
        raise BenchmarkError(f"APScheduler worked nothing off: {told}")
    made.peer.append(Round(value=told["made"]))
    drained.peer.append(Round(value=told["drained"]))


def _one_round(bench: Bench, count: int, made: _Rounds, drained: _Rounds) -> None:
    daemon = Daemon(bench.place() / "daemon", waiting_rule("1h"))
    try:
        made.measured.append(Round(value=fill(daemon.start(), count)))
        daemon.stop()
        made.alone.append(_write_alone(bench, daemon, MADE, MADE_EACH))
        make_due(daemon.database)
        daemon.start()
        wait_until_done(daemon, count, DRAIN_SECONDS)
        daemon.stop()
    finally:
        daemon.stop()
    done, seconds = read_drain(daemon)
    drained.measured.append(Round(value=done / seconds))
    drained.alone.append(_write_alone(bench, daemon, DRAINED, DRAINED_EACH))


def _write_alone(bench: Bench, daemon: Daemon, tables: tuple[str, ...], each: int) -> Round:
    return write_copy(bench.place() / "copy.db", read_copy(daemon.database, tables), each=each)
