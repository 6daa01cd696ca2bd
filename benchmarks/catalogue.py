"""Every measurement by name, in the order they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.measures.backtest import measure_backtest
from benchmarks.measures.commands import measure_start, measure_validate
from benchmarks.measures.conditions import measure_conditions
from benchmarks.measures.growth import measure_events, measure_waiting
from benchmarks.measures.intake import measure_intake, measure_single
from benchmarks.measures.lateness import measure_lateness
from benchmarks.measures.lines import measure_lines
from benchmarks.measures.loading import measure_loading
from benchmarks.measures.memory import measure_memory
from benchmarks.measures.peer import measure_peer
from benchmarks.measures.pending import measure_pending
from benchmarks.measures.start_full import measure_start_full
from benchmarks.measures.webhooks import measure_webhooks
from benchmarks.measures.whole import measure_whole

Measure = Callable[[Bench], list[Figure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One measurement."""

    name: str
    words: str
    measure: Measure
    #: how often it tells of its progress, a round
    steps: int = 2
    #: what it answers, by key
    goals: tuple[str, ...] = ()


_ALL = (
    Subject(name="intake", words="single events over HTTP", measure=measure_intake, goals=("intake", "intake-p99")),
    Subject(name="single", words="one sender, one event at a time", measure=measure_single, goals=("single",)),
    Subject(name="lines", words="JSON lines over HTTP", measure=measure_lines, goals=("lines",)),
    Subject(
        name="whole",
        words="POST, two conditions, webhook out, beside Node-RED",
        measure=measure_whole,
        goals=("job",),
    ),
    Subject(
        name="conditions",
        words="events judged by many rules",
        measure=measure_conditions,
        steps=30,
        goals=("growth", "unfiled"),
    ),
    Subject(
        name="peer",
        words="the same rules in json-rules-engine, on node",
        measure=measure_peer,
        steps=6,
        goals=("rules-1", "rules-100", "rules-1000"),
    ),
    Subject(
        name="pending",
        words="waiting work made, and worked off, beside APScheduler",
        measure=measure_pending,
        goals=("made", "drained"),
    ),
    Subject(
        name="lateness",
        words="lateness of due triggers",
        measure=measure_lateness,
        steps=6,
        goals=("late-2000", "late-10000"),
    ),
    Subject(
        name="webhooks",
        words="webhooks delivered, and the client by itself",
        measure=measure_webhooks,
        steps=3,
        goals=("webhooks",),
    ),
    Subject(name="memory", words="memory while much waits", measure=measure_memory, steps=1, goals=("memory",)),
    Subject(
        name="start_full", words="the start where a million wait", measure=measure_start_full, goals=("start-full",)
    ),
    Subject(
        name="loading",
        words="1,000 rule files loaded, and loaded again after a change",
        measure=measure_loading,
        goals=("load", "reload"),
    ),
    Subject(
        name="start",
        words="how long small commands take",
        measure=measure_start,
        steps=6,
        goals=("version", "validate"),
    ),
    Subject(name="validate", words="checking 1,000 rules", measure=measure_validate),
    Subject(
        name="backtest",
        words="recorded events replayed through two versions of 100 rules",
        measure=measure_backtest,
        steps=1,
        goals=("backtest",),
    ),
    Subject(name="events", words="intake while many events are stored", measure=measure_events, steps=3),
    Subject(name="waiting", words="waiting work while much more waits", measure=measure_waiting, steps=3),
)
SUBJECTS = {subject.name: subject for subject in _ALL}
