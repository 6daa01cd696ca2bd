"""What growth of the store costs: events taken while many are stored, and waiting work while much more waits.

Stores of several sizes, multiplied at rest; each round asks one after the other, so that the same noise hits all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from benchmarks.backlog import fill, make_newest_due, multiply, multiply_events, wait_until_done
from benchmarks.bench import Bench
from benchmarks.examples import QUIET_RULE, single_order, waiting_rule
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.processes import Daemon, run_load

COUNTS = (1_000, 100_000, 1_000_000)
FEW = (1_000, 100_000)
TAKEN = 5_000
DRAIN_SECONDS = 60.0

Store = tuple[int, Daemon]


def measure_events(bench: Bench) -> list[Figure]:
    """Events taken by JSON lines, which no rule wants."""
    stores = _make_stores(bench, QUIET_RULE, multiply_events)
    rounds: dict[int, list[Round]] = {count: [] for count, _ in stores}
    for number in range(bench.rounds):
        for count, daemon in stores:
            bench.tell(f"events, {count:,} stored, round {number + 1} of {bench.rounds}")
            rounds[count].append(Round(value=_fill(daemon)))
    return _figures("events taken by JSON lines, {count:,} stored", "events/s", "events", "events taken", rounds)


def measure_waiting(bench: Bench) -> list[Figure]:
    """Triggers made and worked off, while others wait for a later day."""
    stores = _make_stores(bench, waiting_rule("1d"), multiply)
    made: dict[int, list[Round]] = {count: [] for count, _ in stores}
    drained: dict[int, list[Round]] = {count: [] for count, _ in stores}
    for number in range(bench.rounds):
        for count, daemon in stores:
            bench.tell(f"waiting, {count:,} pending, round {number + 1} of {bench.rounds}")
            made[count].append(Round(value=_fill(daemon)))
            drained[count].append(_drain(daemon))
    of = "pending triggers"
    return [
        *_figures("pending triggers made, {count:,} others waiting", "pending/s", of, "made", made),
        *_figures("pending triggers worked off, {count:,} others waiting", "runs/s", of, "worked off", drained),
    ]


def _make_stores(bench: Bench, rule: str, grow: Callable[..., None]) -> list[Store]:
    stores = []
    for count in FEW if bench.quick else COUNTS:
        daemon = Daemon(bench.place() / "daemon", rule)
        try:
            run_load(single_order(daemon.start(), connections=1, seconds=0.5))
        finally:
            daemon.stop()
        grow(daemon.database, count)
        stores.append((count, daemon))
    return stores


def _figures(name: str, unit: str, of: str, line: str, rounds: dict[int, list[Round]]) -> list[Figure]:
    """A figure for each number, beside the smallest."""
    first, *others = rounds
    beside = name.format(count=first)
    figures = [make_figure(beside, unit, rounds[first])]
    figures += [make_figure(name.format(count=n), unit, rounds[n], beside, rounds[first]) for n in others]
    return [figure.at(of, line, count) for figure, count in zip(figures, rounds, strict=True)]


def _fill(daemon: Daemon) -> float:
    try:
        return fill(daemon.start(), TAKEN)
    finally:
        daemon.stop()


def _drain(daemon: Daemon) -> Round:
    """Work off what was made last."""
    before = _read(daemon, "SELECT count(*) FROM runs")[0]
    make_newest_due(daemon.database, TAKEN)
    try:
        daemon.start()
        wait_until_done(daemon, before + TAKEN, DRAIN_SECONDS)
    finally:
        daemon.stop()
    newest = f"(SELECT started_at, finished_at FROM runs ORDER BY started_at DESC LIMIT {TAKEN})"
    (millis,) = _read(daemon, f"SELECT max(finished_at) - min(started_at) FROM {newest}")
    return Round(value=TAKEN * 1000 / max(millis, 1))


def _read(daemon: Daemon, query: str) -> Sequence[int]:
    view = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
    try:
        row: Sequence[int] = view.execute(query).fetchone()
    finally:
        view.close()
    return row
