"""Waiting work in a store at rest: made by a real daemon; made due, or multiplied, while nobody owns the file."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from benchmarks.examples import lines_order
from benchmarks.processes import BenchmarkError, Daemon, Target, run_load

LINES = 50
CONNECTIONS = 8
FILL_SECONDS = 60.0

_CLONE = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
INSERT INTO pending_triggers (kind, account, rule_id, version, event_seq, run_id, due_at, step, target, shadow,
                              created_at)
SELECT kind, account, rule_id, version, event_seq, run_id || '-' || n, due_at + n, step, target, shadow, created_at
FROM (SELECT * FROM pending_triggers ORDER BY id LIMIT 1), numbers
"""

_CLONE_EVENTS = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
INSERT INTO events (seq, id, source, account, type, subject, time, received_at, depth, data, extensions, generation,
                    matched, parent_run)
SELECT (SELECT max(seq) FROM events) + n, id || '-' || printf('%09d', n), source, account, type, subject, time,
       received_at, depth, data, extensions, generation, matched, parent_run
FROM (SELECT * FROM events ORDER BY seq DESC LIMIT 1), numbers
"""
_CLONE_KEYS = """
INSERT INTO event_keys (id, source, account, seq, received_at)
SELECT id, source, account, seq, received_at FROM events ORDER BY seq DESC LIMIT :count
"""


def fill(target: Target, count: int) -> float:
    """Send this many events, each of which leads to waiting work; how many a second were taken."""
    order = lines_order(
        target, lines=LINES, connections=CONNECTIONS, seconds=FILL_SECONDS, most=count // LINES, warm_up=0.0
    )
    outcome = run_load(order)
    if outcome["answers"] != count // LINES:
        raise BenchmarkError(f"{count} events were to be taken: {outcome}")
    return outcome["answers"] * LINES / outcome["seconds"]


def make_due(database: Path) -> None:
    """All that waits is due now. The daemon must be stopped."""
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE pending_triggers SET due_at = ?", (int(time.time() * 1000),))
    connection.close()


def make_newest_due(database: Path, count: int) -> None:
    """So many of what was made last are due now. The daemon must be stopped."""
    newest = "SELECT id FROM pending_triggers ORDER BY created_at DESC, id DESC LIMIT ?"
    with sqlite3.connect(database) as connection:
        connection.execute(
            f"UPDATE pending_triggers SET due_at = ? WHERE id IN ({newest})", (int(time.time() * 1000), count)
        )
    connection.close()


def multiply_events(database: Path, count: int) -> None:
    """That many more like the last one stored, each with an id of its own. The daemon must be stopped."""
    with sqlite3.connect(database) as connection:
        connection.execute(_CLONE_EVENTS, {"count": count})
        connection.execute(_CLONE_KEYS, {"count": count})
        (made,) = connection.execute("SELECT changes()").fetchone()
    connection.close()
    if made != count:
        raise BenchmarkError(f"{count} events were to be made, {made} were")


def multiply(database: Path, count: int) -> None:
    """That many more like the one that waits. The daemon must be stopped."""
    with sqlite3.connect(database) as connection:
        connection.execute(_CLONE, {"count": count})
        (made,) = connection.execute("SELECT changes()").fetchone()
    connection.close()
    if made != count:
        raise BenchmarkError(f"{count} pending triggers were to be made, {made} were")


def count_done(daemon: Daemon) -> int:
    """How many runs have come to a good end."""
    view = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
    try:
        (number,) = view.execute("SELECT count(*) FROM runs WHERE status = 'done'").fetchone()
    finally:
        view.close()
    return int(number)


def wait_until_done(daemon: Daemon, expected: int, seconds: float) -> None:
    """Return once that many runs have come to a good end. BenchmarkError where they do not."""
    until = time.monotonic() + seconds
    while (done := count_done(daemon)) < expected:
        if time.monotonic() > until:
            raise BenchmarkError(f"{expected} runs were due, {done} are done")
        time.sleep(0.2)


def read_drain(daemon: Daemon) -> tuple[int, float]:
    """How many runs were done, and in how many seconds from the first start to the last end."""
    view = sqlite3.connect(f"file:{daemon.database}?mode=ro", uri=True)
    try:
        count, millis = view.execute(
            "SELECT count(*), max(finished_at) - min(started_at) FROM runs WHERE status = 'done'"
        ).fetchone()
    finally:
        view.close()
    return count, max(millis, 1) / 1000
