"""Pending triggers: how fast they are made, and how fast they are worked off when all of them are due at once.

As after a night in which the daemon was down: it starts, and everything is overdue. Each run performs one `log`
action, so that what is measured is ours: claim, run, step, attempt, result. Beside it SQLite alone, writing the rows
that the daemon left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.alone import read_copy, write_copy
from benchmarks.backlog import fill, make_due, read_drain, wait_until_done
from benchmarks.bench import Bench
from benchmarks.examples import waiting_rule
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import Daemon

COUNT = 5_000
DRAIN_SECONDS = 60.0
MADE = ("pending_triggers", "events", "event_keys")
DRAINED = ("runs", "run_steps", "attempts")
MADE_EACH = 400
DRAINED_EACH = 64


@dataclass(slots=True, kw_only=True)
class _Rounds:
    """One kind of round and its references."""

    measured: list[Round] = field(default_factory=list)
    references: list[Round] = field(default_factory=list)


def measure_pending(bench: Bench) -> list[Figure]:
    """Make some, stop, make them due, start again."""
    made, drained = _Rounds(), _Rounds()
    for number in range(bench.rounds):
        bench.tell(f"pending, round {number + 1} of {bench.rounds}")
        _one_round(bench, made, drained)
    return [
        make_figure(
            f"pending triggers made, by JSON lines, {COUNT:,}",
            "pending/s",
            made.measured,
            f"SQLite alone inserting the same rows, {MADE_EACH} a commit",
            made.references,
        ),
        make_figure(
            f"pending triggers worked off, {COUNT:,} due at once, one log action each",
            "runs/s",
            drained.measured,
            f"SQLite alone inserting the same rows, {DRAINED_EACH} a commit",
            drained.references,
        ),
    ]


def _one_round(bench: Bench, made: _Rounds, drained: _Rounds) -> None:
    daemon = Daemon(bench.place() / "daemon", waiting_rule("1h"))
    try:
        made.measured.append(Round(value=fill(daemon.start(), COUNT)))
        daemon.stop()
        made.references.append(_write_alone(bench, daemon, MADE, MADE_EACH))
        make_due(daemon.database)
        daemon.start()
        wait_until_done(daemon, COUNT, DRAIN_SECONDS)
        daemon.stop()
    finally:
        daemon.stop()
    count, seconds = read_drain(daemon)
    drained.measured.append(Round(value=count / seconds))
    drained.references.append(_write_alone(bench, daemon, DRAINED, DRAINED_EACH))


def _write_alone(bench: Bench, daemon: Daemon, tables: tuple[str, ...], each: int) -> Round:
    return write_copy(bench.place() / "copy.db", read_copy(daemon.database, tables), each=each)
