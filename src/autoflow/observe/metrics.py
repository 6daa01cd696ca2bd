"""The counters that Prometheus reads, and every name and label of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
MOST_RULES = 1_000
OTHER = "__other__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is read off the store when somebody looks."""

    pending: int
    #: milliseconds since the oldest pending trigger was due; negative while it is not
    oldest_due_age: int
    dead_letters: int
    database_bytes: int
    wal_bytes: int


_Metric = TypeVar("_Metric", Counter, Histogram)


class Metrics:
    """Every counter, on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._rules: set[str] = set()
        #: by metric and labels; as many as there are lines in the exposition
        self._children: dict[tuple[object, ...], Any] = {}
        #: called before somebody looks, to measure what is not counted as it happens
        self.before: Callable[[], Awaitable[None]] | None = None
        self._make_intake()
        self._make_runs()
        self._make_rules()
        self._make_store()

    def _make_intake(self) -> None:
        self._received = self._counter("autoflow_events_received", "Events offered", "transport", "result")
        self._intake = self._histogram(
            "autoflow_intake_duration_seconds", "From request to answer", FAST, "transport"
        )

    def _make_runs(self) -> None:
        self._late = self._histogram("autoflow_trigger_lateness_seconds", "How late due work began", FAST + SLOW[6:])
        self._cancelled = self._counter("autoflow_triggers_cancelled", "Waiting work ended by an event")
        self._runs = self._counter("autoflow_runs", "Runs ended", "rule", "status")
        self._attempts = self._counter("autoflow_action_attempts", "Attempts at actions", "action", "result")
        self._duration = self._histogram("autoflow_action_duration_seconds", "How long attempts took", SLOW, "action")
        self._dead = self._counter("autoflow_dead_letters", "Actions given up", "action", "reason")

    def _make_rules(self) -> None:
        self._judged = self._counter("autoflow_rule_matches", "Matches of rules by events")
        self._errors = self._counter("autoflow_rule_evaluation_errors", "Conditions that could not be judged")
        self._reloads = self._counter("autoflow_rules_reload", "Reloads of the rules", "result")
        self._loaded = self._gauge("autoflow_rules_loaded", "Rules by status", "status")
        self._reloaded = self._gauge(
            "autoflow_rules_last_reload_timestamp_seconds", "When the rules were last loaded"
        )

    def _make_store(self) -> None:
        self._pending = self._gauge("autoflow_triggers_pending", "Pending triggers")
        self._oldest = self._gauge("autoflow_triggers_oldest_due_age_seconds", "How long the oldest due one is due")
        self._waiting = self._gauge("autoflow_dead_letters_undecided", "Dead letters that nobody decided on")
        self._size = self._gauge("autoflow_db_size_bytes", "The database file")
        self._wal = self._gauge("autoflow_db_wal_bytes", "Its write-ahead log")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def event_received(self, transport: str, result: str, count: int = 1) -> None:
        """Events were offered at a door."""
        if count:
            self._child(self._received, transport, result).inc(count)

    def intake_answered(self, transport: str, seconds: float) -> None:
        """A request at a door was answered."""
        self._child(self._intake, transport).observe(seconds)

    def event_judged(self, *, matched: int, errors: int) -> None:
        """An event was stored with what it led to."""
        if matched:
            self._judged.inc(matched)
        if errors:
            self._errors.inc(errors)

    def trigger_late(self, millis: int) -> None:
        """Due work begins."""
        self._late.observe(max(0, millis) / 1000)

    def trigger_cancelled(self) -> None:
        """An event ended waiting work."""
        self._cancelled.inc()

    def run_ended(self, rule: str, status: str, count: int = 1) -> None:
        """Runs came to their ends."""
        self._child(self._runs, self._rule_label(rule), status).inc(count)

    def attempt_made(self, action: str, result: str, *, seconds: float) -> None:
        """One attempt at an action was made."""
        children = self._children.get((action, result))
        if children is None:
            children = self._attempts.labels(action, result), self._duration.labels(action)
            self._children[action, result] = children
        counter, histogram = children
        counter.inc()
        histogram.observe(seconds)

    def attempts_made(self, action: str, result: str, count: int) -> None:
        """Attempts at actions that take no time of their own were made."""
        self._child(self._attempts, action, result).inc(count)

    def dead_lettered(self, action: str, reason: str) -> None:
        """An action was given up."""
        self._dead.labels(action, reason).inc()

    def rules_loaded(self, *, active: int, disabled: int) -> None:
        """A new set of rules is in force."""
        self._reloads.labels("success").inc()
        self._loaded.labels("active").set(active)
        self._loaded.labels("disabled").set(disabled)
        self._reloaded.set_to_current_time()

    def rules_refused(self) -> None:
        """A new set of rules was refused; the last good one runs on."""
        self._reloads.labels("failure").inc()

    def measure(self, found: Measured) -> None:
        """What the store holds at the moment."""
        self._pending.set(found.pending)
        self._oldest.set(max(0, found.oldest_due_age) / 1000)
        self._waiting.set(found.dead_letters)
        self._size.set(found.database_bytes)
        self._wal.set(found.wal_bytes)

    async def expose(self, accept: str) -> tuple[bytes, str]:
        """Everything as it is now, in the format asked for, with its media type."""
        if self.before is not None:
            await self.before()
        return await asyncio.to_thread(self._write, accept)

    def _write(self, accept: str) -> tuple[bytes, str]:
        if "application/openmetrics-text" in accept:
            return generate_openmetrics(self.registry), OPENMETRICS
        return generate_latest(self.registry), PLAIN

    def _child(self, metric: _Metric, *labels: str) -> _Metric:
        """One line of a metric; looking it up by its labels costs more than counting."""
        key = (id(metric), *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def _rule_label(self, rule: str) -> str:
        """The rule, or one label for all once there are too many."""
        if rule not in self._rules:
            if len(self._rules) >= MOST_RULES:
                return OTHER
            self._rules.add(rule)
        return rule
