"""Counts what some of the events show of the rules in force: which comparisons ever hold, and which ever fail.

Beside the engine, which tells it of events after their commit; after it: `autoflow stats`. Nobody waits for it: at
most some events a second are looked at, later, and what they show is written now and then. A type of event that is
rare is looked at each time, whatever else floods in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from autoflow.clock import Clock, Millis
from autoflow.engine import Receipt
from autoflow.errors import StorageError
from autoflow.model.event import Event, arrival_facts
from autoflow.model.json import Json
from autoflow.observe.log import get_log
from autoflow.rules.coverage import CounterBook, RuleCounter
from autoflow.rules.rulebook import Rulebook
from autoflow.store.base import Store
from autoflow.store.counts import VersionCounts, add_counts
from autoflow.store.events import ACCEPTED

log = get_log("autoflow.rules")

LOOK_SECONDS = 1.0
FLUSH_EVERY = 30_000
"""Milliseconds between two times that counts are written."""
MOST_EVENTS, MOST_OF_A_TYPE = 200, 10
"""Of each second."""
MOST_TYPES = 1_000
"""Event types that are told apart in one second; senders can make them up."""
MOST_COMPARISONS = 5_000
"""Judged in one look: some milliseconds in all."""
TURN = 500
"""Comparisons that are judged without anybody else having a turn."""


class Sampler:
    """Takes events from the engine, judges some of them, and keeps what it counts."""

    def __init__(self, rulebook: Callable[[], Rulebook], store: Store, clock: Clock) -> None:
        self._rulebook = rulebook
        self._store = store
        self._clock = clock
        #: what the counters are for
        self._known: Rulebook | None = None
        self._book: CounterBook[int] = CounterBook({})
        self._waiting: list[Event] = []
        #: counted and not written yet, by version
        self._unwritten: dict[int, VersionCounts] = {}
        self._second = 0
        #: how many more events of each account and type are wanted in this second
        self._wanted: dict[tuple[str, str], int] = {}
        #: which rule of many is looked at next
        self._turn = 0
        self._begun_at = self._flushed_at = clock.now()

    def offer(self, receipts: Sequence[Receipt]) -> None:
        """Take some of these events, which are on disk now."""
        second = self._clock.now() // 1000
        if second != self._second:
            self._second = second
            self._wanted.clear()
        waiting, wanted = self._waiting, self._wanted
        if len(waiting) >= MOST_EVENTS:
            return
        for event, stored, _, _ in receipts:
            key = (event.account, event.type)
            left = wanted.get(key)
            if left == 0 or stored is not ACCEPTED:
                continue  # in a flood nearly all
            if left is None:
                left = self._want(key)
            if left:
                wanted[key] = left - 1
                waiting.append(event)
                if len(waiting) >= MOST_EVENTS:
                    return

    def _want(self, key: tuple[str, str]) -> int:
        """How many events of an account's type are wanted in this second."""
        if len(self._wanted) >= MOST_TYPES:
            return 0
        self._follow_rules()
        number = self._wanted[key] = MOST_OF_A_TYPE if self._book.listeners(*key) else 0
        return number

    async def run(self) -> None:
        """Look and write, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)  # what is looked at together costs less
            await self._go_on(FLUSH_EVERY)

    async def finish(self) -> None:
        """Look and write for the last time."""
        await self._go_on(0)

    async def _go_on(self, flush_after: Millis) -> None:
        try:
            await self.look()
            if abs(self._clock.now() - self._flushed_at) >= flush_after:
                await self.flush()
        except Exception as error:  # nothing depends on it
            log.error("stats.defect", exception=error)

    async def look(self) -> None:
        """Judge what was taken, as far as the comparisons that are allowed at once reach."""
        events, self._waiting = self._waiting, []
        left, turn = MOST_COMPARISONS, TURN
        for event, facts, counter in self._in_turn(events):
            cost = 1 + len(counter.counts)
            left, turn = left - cost, turn - cost
            counter.observe(event, facts)
            if left <= 0:
                return
            if turn <= 0:
                turn = TURN
                await asyncio.sleep(0)  # others have their turn

    def _in_turn(self, events: Sequence[Event]) -> Iterator[tuple[Event, Mapping[str, Json], RuleCounter]]:
        """Each event with the counters it concerns; where they are many, each time another one is the first."""
        for event in events:
            book, keys, facts = self._book, self._book.listeners(event.account, event.type), arrival_facts(event)
            first = self._turn % max(1, len(keys))
            for key in (*keys[first:], *keys[:first]):
                self._turn += 1
                yield event, facts, book.counter(key)

    def _follow_rules(self) -> None:
        """Count for the rules in force."""
        rulebook = self._rulebook()
        if rulebook is not self._known:
            self._known = rulebook
            self._book = CounterBook({version.id: version.rule for version in rulebook.versions}, self._book)

    def _gather(self) -> None:
        """Take what was counted since the last time."""
        for version, counter in self._book.take().items():
            leaves = tuple((one.true, one.false, one.failed) for one in counter.counts)
            counts = VersionCounts(version, self._begun_at, counter.judged, counter.woken, leaves)
            known = self._unwritten.get(version)
            self._unwritten[version] = counts if known is None else known.plus(counts)
        self._begun_at = self._clock.now()

    async def flush(self) -> None:
        """Write what was counted; where that fails it is tried again the next time."""
        self._gather()
        self._flushed_at = self._clock.now()
        counts, self._unwritten = self._unwritten, {}
        if not counts:
            return
        try:
            await self._store.transact(lambda tx: add_counts(tx, list(counts.values())))
        except StorageError as error:
            self._unwritten = counts  # nothing was gathered meanwhile
            log.warning("stats.storage", error=str(error))
