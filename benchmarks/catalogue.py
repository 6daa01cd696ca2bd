"""Every measurement by name, in the order they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.measures.commands import measure_start, measure_validate
from benchmarks.measures.conditions import measure_conditions
from benchmarks.measures.intake import measure_intake, measure_single
from benchmarks.measures.lateness import measure_lateness
from benchmarks.measures.lines import measure_lines
from benchmarks.measures.memory import measure_memory
from benchmarks.measures.peer import measure_peer
from benchmarks.measures.pending import measure_pending
from benchmarks.measures.start_full import measure_start_full
from benchmarks.measures.webhooks import measure_webhooks

Measure = Callable[[Bench], list[Figure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One measurement."""

    name: str
    words: str
    measure: Measure
    #: rounds of both sides together that it tells of, at three rounds
    steps: int


_ALL = (
    Subject(name="intake", words="single events over HTTP", measure=measure_intake, steps=6),
    Subject(name="single", words="one sender, one event at a time", measure=measure_single, steps=6),
    Subject(name="lines", words="JSON lines over HTTP", measure=measure_lines, steps=6),
    Subject(name="conditions", words="events judged by many rules", measure=measure_conditions, steps=72),
    Subject(name="peer", words="the same rules in json-rules-engine, on node", measure=measure_peer, steps=18),
    Subject(name="lateness", words="lateness of due triggers", measure=measure_lateness, steps=12),
    Subject(name="pending", words="waiting work made, and worked off", measure=measure_pending, steps=3),
    Subject(name="webhooks", words="webhooks delivered", measure=measure_webhooks, steps=6),
    Subject(name="memory", words="memory while much waits", measure=measure_memory, steps=1),
    Subject(name="start_full", words="the start where a million wait", measure=measure_start_full, steps=6),
    Subject(name="start", words="how long small commands take", measure=measure_start, steps=18),
    Subject(name="validate", words="checking 1,000 rules", measure=measure_validate, steps=6),
)
SUBJECTS = {subject.name: subject for subject in _ALL}
