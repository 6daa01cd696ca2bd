"""A batch of events: judged by the rulebook, stored, planned and committed in one transaction.

Before it: the gate, and actions that emit. After it: pending triggers, and the alarm that hears of the earliest.
Judging happens before the transaction, so that a hostile event hurts only itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from autoflow.clock import Clock, to_rfc3339
from autoflow.model.event import Event, arrival_facts
from autoflow.model.ids import IdSource
from autoflow.model.pending import Pending
from autoflow.model.rule import OnChange, Rule
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.rules.rulebook import NOTHING, Rulebook, RuleVersion, WaitBook
from autoflow.rules.succession import Successor, find_leaving
from autoflow.rules.versions import VersionBook
from autoflow.runs.express import ExpressRuns
from autoflow.scheduling.planner import Targets, plan_run
from autoflow.scheduling.wakeup import Alarm
from autoflow.store.base import Store, Transaction
from autoflow.store.events import ACCEPTED, StoredEvent, insert_events
from autoflow.store.versions import Generation, last_generation, store_generation, store_versions
from autoflow.store.waiting import NewPending, end_pending, ended_by, insert_pending

log = get_log("autoflow.engine")


class Judged(NamedTuple):
    """An event with everything its rulebook says about it."""

    event: Event
    rulebook: Rulebook
    planned: tuple[NewPending, ...] = ()
    #: (rule version, message) where a condition could not be judged
    errors: tuple[tuple[RuleVersion, str], ...] = ()
    #: (pattern, key) of the waiting work that this event ends
    ends: tuple[tuple[str, str], ...] = ()


class Receipt(NamedTuple):
    """What became of an event: told to its sender after the commit."""

    event: Event
    stored: StoredEvent
    planned: tuple[NewPending, ...] = ()
    #: (rule, run) of the waiting work that it ended
    ended: tuple[tuple[str, str], ...] = ()


_judged, _receipt = partial(tuple.__new__, Judged), partial(tuple.__new__, Receipt)
"""One of each is made for every event: of all values in their order, in half the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How this engine differs from another one."""

    #: every rule is judged and recorded, and none acts
    shadow: bool = False


class Engine:
    """Judges events by the rulebook that is in force, and commits them with what they lead to."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        alarm: Alarm,
        targets: Targets,
        metrics: Metrics,
        options: EngineOptions = EngineOptions(),
    ) -> None:
        self.rulebook = Rulebook(())
        self.ids = IdSource()
        self._waits = WaitBook(())
        self._store = store
        self._clock = clock
        self._alarm = alarm
        self._targets = targets
        self.metrics = metrics
        self._options = options
        self._installing = asyncio.Lock()
        #: is told of what was taken, after its commit
        self.watch: Callable[[Sequence[Receipt]], None] | None = None
        #: where there is one: what can begin as its event is stored does
        self.express: ExpressRuns | None = None

    async def take(self, events: Sequence[Event]) -> list[Receipt]:
        """Store events and what they lead to; return once all of it is on disk."""
        judged = [self.judge(event) for event in events]
        return await self._store.transact(lambda tx: self.record(tx, judged))

    def judge(self, event: Event) -> Judged:
        """What the rulebook says about an event. Changes nothing."""
        rulebook = self.rulebook
        facts = arrival_facts(event)
        matched = rulebook.match(event, facts)
        ends = self._waits.ends(event, facts)
        if matched is NOTHING and not ends:
            return _judged((event, rulebook, (), (), ()))
        return Judged(
            event,
            rulebook,
            planned=tuple(
                plan_run(
                    version, event, facts, run_id="run_" + self.ids.make(event.received_at), targets=self._targets
                )
                for version in matched.hits
            ),
            errors=tuple((version, str(error)) for version, error in matched.errors),
            ends=ends,
        )

    def prepare(self, judged: Judged) -> Judged:
        """The same, with those of its runs made ready that can begin as it is stored.

        It has to come to `record`, or to `give_back`.
        """
        if self.express is None or not judged.planned:
            return judged
        prepare, event, rulebook, planned, errors, ends = self.express.prepare, *judged
        return _judged((event, rulebook, tuple([prepare(new, event) for new in planned]), errors, ends))

    def give_back(self, batch: Sequence[Judged]) -> None:
        """These will not be recorded."""
        if self.express is not None:
            self.express.give_back(_prepared(batch))

    def record(self, tx: Transaction, batch: Sequence[Judged], *, parent_run: str | None = None) -> list[Receipt]:
        """Store judged events and their plans, in order: an event ends older work before it plans its own."""
        rulebook, prepared = self.rulebook, _prepared(batch)
        batch = [one if one.rulebook is rulebook else self.judge(one.event) for one in batch]
        first, stored = insert_events(
            tx,
            [one.event for one in batch],
            [len(one.planned) for one in batch],
            generation=rulebook.generation,
            parent_run=parent_run,
        )
        receipts: list[Receipt] = []
        begun: list[Pending] = []
        waiting: list[tuple[int, NewPending]] = []
        told: list[tuple[Judged, Receipt]] = []
        for seq, (one, became) in enumerate(zip(batch, stored, strict=True), start=first):
            receipt = _receipt((one.event, became, (), ()))
            if became is not ACCEPTED:
                told.append((one, receipt))
            elif one.planned or one.errors or one.ends:
                if one.ends:
                    # What it ends may stand in this very batch.
                    begun += insert_pending(tx, waiting, epoch=self._store.epoch)
                    waiting = []
                ended = self._end(tx, one)
                planned = self._plan(tx, one, seq)
                waiting += [(seq, new) for new in planned]
                receipt = Receipt(one.event, became, planned, ended)
                told.append((one, receipt))
            receipts.append(receipt)
        begun += insert_pending(tx, waiting, epoch=self._store.epoch)
        if told:
            tx.after_commit(lambda: self._tell(told))
        if self.watch is not None:
            tx.after_commit(partial(self.watch, receipts))
        if prepared and self.express is not None:
            tx.after_commit(partial(self.express.settle, prepared, begun))
        return receipts

    async def install(self, rules: Sequence[Rule], versions: VersionBook) -> Rulebook:
        """Put a set of rules in force: all are compiled before any is swapped in. One set at a time."""
        async with self._installing:
            known = {id(version.rule): version for version in self.rulebook.versions}
            while (rulebook := await self._install(rules, versions, known)) is None:
                known = {}
            return rulebook

    async def _install(
        self, rules: Sequence[Rule], versions: VersionBook, known: Mapping[int, RuleVersion]
    ) -> Rulebook | None:
        """None where a version was removed as unused between its storing and the swap: then it is stored again."""
        stored = await self._store.transact(lambda tx: keep_versions(tx, rules, known))
        waiting = await versions.waiting()
        # What is in force now goes on planning until the swap: what ends its work is to be known after it.
        planning = [version.rule for version in self.rulebook.versions]
        rulebook, waits = await asyncio.to_thread(self._compile, stored, [*waiting, *planning])

        def swap(tx: Transaction) -> bool:
            previous = last_generation(tx)
            generation = store_generation(tx, [version.id for version in stored])
            if generation is None:
                return False
            rulebook.generation = generation.id
            if previous is not None:
                cancel_changed(tx, previous, rulebook)
            # From here on, in this very commit, events are judged by the new rules.
            # The waits come first: an event that is judged in between is judged again at its commit.
            before = self._waits, self.rulebook
            tx.after_rollback(lambda: self._use(*before))
            self._use(waits, rulebook)
            return True

        if not await self._store.transact(swap):
            return None
        versions.remember(stored)
        return rulebook

    def _compile(self, versions: Sequence[RuleVersion], others: Sequence[Rule]) -> tuple[Rulebook, WaitBook]:
        """With what is in force now to take over from: of a thousand rules mostly one is new."""
        rules = [version.rule for version in versions]
        return Rulebook(versions, before=self.rulebook), WaitBook([*rules, *others], before=self._waits)

    def _use(self, waits: WaitBook, rulebook: Rulebook) -> None:
        self._waits, self.rulebook = waits, rulebook

    def _end(self, tx: Transaction, one: Judged) -> tuple[tuple[str, str], ...]:
        """End the waiting work that this event is about: (rule, run) of each."""
        ended = []
        for pattern, key in one.ends:
            for found in tx.rows("waiting_for", pattern=pattern, account=one.event.account, key=key):
                row = tx.row("pending_by_id", id=found["id"])
                if row is not None:
                    end_pending(tx, row, ended_by(one.event.id, one.event.type))
                    ended.append((row["rule_id"], row["run_id"]))
                    tx.after_commit(self.metrics.trigger_cancelled)
        return tuple(ended)

    def _plan(self, tx: Transaction, one: Judged, seq: int) -> tuple[NewPending, ...]:
        """What an event leads to; what could not be judged is kept."""
        for version, message in one.errors:
            tx.run("insert_judgement_error", event_seq=seq, version=version.id, message=message)
        if self._options.shadow:
            return tuple(new._replace(shadow=True) for new in one.planned)
        if self.express is not None and not self.express.is_open:
            return tuple(new._replace(first=None) for new in one.planned)
        return one.planned

    def _tell(self, told: Sequence[tuple[Judged, Receipt]]) -> None:
        """After the commit: the alarm, the counters, and a line for what a person should see."""
        for one, receipt in told:
            if receipt.stored is not ACCEPTED:
                if receipt.stored.mismatch:
                    log.warning("event.duplicate_mismatch", event_id=one.event.id, event_source=one.event.source)
                continue
            self.metrics.event_judged(matched=len(one.planned), errors=len(one.errors))
            for version, message in one.errors:
                log.warning(
                    "condition.error", event_id=one.event.id, rule_id=version.rule.id, account=version.rule.account,
                    error=message,
                )  # fmt: skip
            for new in receipt.planned:
                if new.due_at > one.event.received_at:
                    log.info(
                        "run.planned", due_at=to_rfc3339(new.due_at), rule_id=new.rule_id, run_id=new.run_id,
                        event_id=one.event.id, account=new.account,
                    )  # fmt: skip
        due = [new.due_at for _, receipt in told for new in receipt.planned if new.first is None]
        if due:
            self._alarm.arm(min(due))


def _prepared(batch: Sequence[Judged]) -> list[str]:
    """The runs among these that are ready to begin."""
    return [new.run_id for one in batch for new in one.planned if new.first is not None]


def keep_versions(
    tx: Transaction, rules: Sequence[Rule], known: Mapping[int, RuleVersion]
) -> tuple[RuleVersion, ...]:
    """The rules as kept versions; those that are known by the rule's identity are taken as they are."""
    new = [rule for rule in rules if id(rule) not in known]
    made = {
        id(rule): RuleVersion(id=number, rule=rule) for rule, number in zip(new, store_versions(tx, new), strict=True)
    }
    return tuple(known.get(id(rule)) or made[id(rule)] for rule in rules)


def cancel_changed(tx: Transaction, previous: Generation, rulebook: Rulebook) -> int:
    """End what waits under versions that are no longer in force, where the rule says so; how much it was."""
    following = {key: Successor(version.id, version.rule.on_change) for key, version in rulebook.by_key.items()}
    cancelled = 0
    for leaving in find_leaving(tx, previous, following):
        if leaving.policy is not OnChange.CANCEL:
            continue
        for row in tx.rows("pending_of_rule", account=leaving.account, rule_id=leaving.rule_id):
            if row["version"] != leaving.successor:
                end_pending(tx, row, "its rule was changed (on_change: cancel)")
                cancelled += 1
    return cancelled
