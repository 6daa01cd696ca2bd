"""What the figures are to come to: the least that is held, where they are to end, and what limits them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from benchmarks.figures import Figure

RATIO = "ratio"
VALUE = "value"


class Verdict(StrEnum):
    """How a figure stands to its goal."""

    #: where it was to end, or beyond
    REACHED = "reached"
    #: at least what is held
    HELD = "held"
    #: less than that
    SHORT = "short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One thing that is asked of one figure."""

    what: str
    beside: str
    hold: float
    reach: float
    #: what keeps it from being better
    limit: str
    #: what of the figure counts: its ratio, its value, or one of what was also seen
    of: str = RATIO
    unit: str = "times"
    #: whether less is better
    less: bool = False

    def read(self, figure: Figure) -> float | None:
        """What the figure says about this goal."""
        if self.of == RATIO:
            return figure.ratio
        return figure.value if self.of == VALUE else figure.also.get(self.of)

    def judge(self, value: float) -> Verdict:
        """How a value stands to this goal."""
        if value <= self.reach if self.less else value >= self.reach:
            return Verdict.REACHED
        held = value <= self.hold if self.less else value >= self.hold
        return Verdict.HELD if held else Verdict.SHORT


_PEER = "json-rules-engine on node"
_APS = "APScheduler, its SQLAlchemyJobStore on SQLite"

GOALS = {
    "intake": Goal(
        what="durable intake, single events, 64 connections",
        beside="uvicorn with httptools and uvloop, which stores nothing",
        hold=0.4,
        reach=1.0,
        limit="Python on the event loop: HTTP, decoding, judging, the answer; then the writer's inserts, which take "
        "turns with it at the interpreter's lock. Not the disk: many events share a flush.",
    ),
    "intake-p99": Goal(
        what="the same: p99 of an answer",
        beside="",
        hold=20.0,
        reach=15.0,
        limit="the queue of 64 senders before one core: 64 by the rate, plus a checkpoint now and then.",
        of="p99_ms",
        unit="ms",
        less=True,
    ),
    "single": Goal(
        what="one sender, one event at a time",
        beside="fdatasync of a growing file",
        hold=0.4,
        reach=0.55,
        limit="the disk: a flush an event. The rest is the way to the writer's thread and back.",
    ),
    "lines": Goal(
        what="durable JSON lines",
        beside="SQLite alone inserting the same rows",
        hold=0.5,
        reach=0.9,
        limit="decoding and judging on the event loop, inserting on the writer's thread: both want the "
        "interpreter's lock.",
    ),
    "job": Goal(
        what="the whole job: POST, two conditions, webhook out, durable",
        beside="Node-RED, not durable",
        hold=4.0,
        reach=10.0,
        limit="one event loop for intake and sending, and a flush of the disk before each answer.",
    ),
    "rules-1": Goal(
        what="conditions, 1 rule",
        beside=_PEER,
        hold=15.0,
        reach=25.0,
        limit="calls of Python functions: finding the candidates and making the answer.",
    ),
    "rules-100": Goal(
        what="conditions, 100 rules",
        beside=_PEER,
        hold=200.0,
        reach=500.0,
        limit="how many of the rules are met: each of them is told.",
    ),
    "rules-1000": Goal(
        what="conditions, 1,000 rules",
        beside=_PEER,
        hold=500.0,
        reach=900.0,
        limit="how many of the rules are met: each of them is told.",
    ),
    "growth": Goal(
        what="events/s at 10,000 rules with an equality each, over 1 rule",
        beside="itself",
        hold=0.3,
        reach=0.6,
        limit="memory that no longer fits the processor's caches; the index itself is one look-up.",
        unit="of it",
    ),
    "unfiled": Goal(
        what="ranges, expressions, `not` and `any` only, 1,000 rules",
        beside="a plain scan of closures",
        hold=5.0,
        reach=20.0,
        limit="what no bisection and no common search takes: those conditions are asked one by one.",
    ),
    "made": Goal(
        what="pending triggers made",
        beside=_APS,
        hold=20.0,
        reach=80.0,
        limit="intake of JSON lines, and two more rows an event.",
    ),
    "drained": Goal(
        what="pending triggers worked off, all due at once",
        beside=_APS,
        hold=20.0,
        reach=80.0,
        limit="the rows of run, step and attempt, in two commits a run, which many runs share.",
    ),
    "late-2000": Goal(
        what="lateness p99, 2,000 due a second",
        beside="",
        hold=50.0,
        reach=5.0,
        limit="the alarm, a read, and the commit of the claim.",
        of=VALUE,
        unit="ms",
        less=True,
    ),
    "late-10000": Goal(
        what="lateness p99, 10,000 due a second",
        beside="",
        hold=100.0,
        reach=20.0,
        limit="the rate at which runs are worked off: above it work waits in line, oldest first.",
        of=VALUE,
        unit="ms",
        less=True,
    ),
    "webhooks": Goal(
        what="webhooks out, 32 in flight, guarded",
        beside="a bare aiohttp session",
        hold=0.6,
        reach=0.9,
        limit="writing a request and reading an answer in Python, and the guard before it.",
    ),
    "memory": Goal(
        what="memory for 1,000,000 pending, over an empty daemon",
        beside="",
        hold=150.0,
        reach=30.0,
        limit="nothing that waits is kept in memory: what is left is SQLite's page cache.",
        of=VALUE,
        unit="MiB",
        less=True,
    ),
    "start-full": Goal(
        what="start with 1,000,000 pending",
        beside="",
        hold=2.0,
        reach=1.0,
        limit="imports and the rules; the table is not read through.",
        of=VALUE,
        unit="s",
        less=True,
    ),
    "load": Goal(
        what="load of 1,000 rule files",
        beside="`yaml.CSafeLoader` on the same files",
        hold=4.0,
        reach=2.0,
        limit="each value keeps its place in the file, and each rule is checked and built, in Python.",
        less=True,
    ),
    "reload": Goal(
        what="reload after one change",
        beside="a full load",
        hold=0.1,
        reach=0.02,
        limit="looking at every file, and putting the whole set together again.",
        less=True,
    ),
    "version": Goal(
        what="`autoflow --version`, processor time",
        beside="`python -c pass`",
        hold=8.0,
        reach=6.0,
        limit="imports of the command line.",
        less=True,
    ),
    "validate": Goal(
        what="`autoflow validate` of one rule, processor time",
        beside="`python -c pass`",
        hold=20.0,
        reach=12.0,
        limit="imports: typer a third, PyYAML a sixth; compiling our own sources, where no bytecode is kept.",
        less=True,
    ),
    "backtest": Goal(
        what="`autoflow backtest`, 100 rules on each side, every event meets one",
        beside="",
        hold=1_700.0,
        reach=5_000.0,
        limit="the daemon's own engine and store, a core for each side: inserts, rendering, rows of runs and steps.",
        of=VALUE,
        unit="events/s",
    ),
}
