"""How late waiting work begins: the moment that the store has for its first attempt, less the moment it was due.

Events are sent at an even pace and wait; the pace at which they come is the pace at which they are due. All are sent
before the first is due, so that intake and dispatch do not meet. Beside it: timers of a bare event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3

from benchmarks.backlog import read_drain, wait_until_done
from benchmarks.bench import Bench
from benchmarks.examples import lines_order, waiting_rule
from benchmarks.figures import Figure, Round, make_figure, percentile
from benchmarks.processes import Daemon, run_load, running_daemon

PACES = (200, 2_000, 10_000)
GOALS = {2_000: "late-2000", 10_000: "late-10000"}
REQUESTS_A_SECOND = 100
SETTLE_SECONDS = 30.0

_STARTS = "SELECT started_at - due_at FROM runs WHERE status = 'done'"


def measure_lateness(bench: Bench) -> list[Figure]:
    """At a pace that leaves time, at one that hardly does, and at one that may be too much."""
    figures = []
    for pace in PACES:
        rounds, references = bench.alternate(
            lambda pace=pace: _bare_timers(pace, bench.seconds),
            lambda pace=pace: _one_round(bench, pace),
            f"lateness, {pace:,} a second",
        )
        name = f"lateness p99 of due triggers, {pace:,} due a second"
        figure = make_figure(name, "ms", rounds, "p99 of timers of a bare asyncio loop", references)
        figures.append(figure.toward(GOALS[pace]) if pace in GOALS else figure)
    return figures


def _one_round(bench: Bench, pace: int) -> Round:
    delay = bench.seconds + 1.0
    rule = waiting_rule(f"{round(delay * 1000)}ms")
    with running_daemon(bench.place() / "daemon", rule) as (daemon, target):
        order = lines_order(
            target,
            lines=pace // REQUESTS_A_SECOND,
            connections=8,
            seconds=bench.seconds,
            pace=REQUESTS_A_SECOND,
            warm_up=0.0,
        )
        outcome = run_load(order)
        expected = int(outcome["answers"]) * (pace // REQUESTS_A_SECOND)
        wait_until_done(daemon, expected, delay + SETTLE_SECONDS)
        return _read_round(daemon)


def _read_round(daemon: Daemon) -> Round:
    view = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
    late = [float(number) for (number,) in view.execute(_STARTS)]
    view.close()
    count, seconds = read_drain(daemon)
    also = {"p50_ms": percentile(late, 0.5), "max_ms": max(late), "done_per_second": count / seconds}
    # The store counts whole milliseconds: less than one is told as one.
    return Round(value=max(percentile(late, 0.99), 1.0), also=also)


def _bare_timers(pace: int, seconds: float) -> Round:
    """As many timers, set on a loop that does nothing else."""

    async def run() -> list[float]:
        loop = asyncio.get_running_loop()
        late: list[float] = []
        begun = loop.time() + 0.1
        moments = [begun + number / pace for number in range(int(pace * seconds))]
        for moment in moments:
            loop.call_at(moment, lambda moment=moment: late.append((loop.time() - moment) * 1000))
        while len(late) < len(moments):
            await asyncio.sleep(0.05)
        return late

    with asyncio.Runner() as runner:
        late = runner.run(run())
    return Round(value=percentile(late, 0.99), also={"p50_ms": percentile(late, 0.5), "max_ms": max(late)})
