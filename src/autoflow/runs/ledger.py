"""The ledger: claims, beginnings and ends of attempts of all runs, written together.

Before it: the dispatcher, which claims, and the executor, which begins and ends. After it: the store. What arrives
while a commit is under way goes into the next one, with a few statements for all of it instead of a few for each.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from autoflow.errors import FencedError, StorageError
from autoflow.model.json import JsonObject
from autoflow.model.pending import Pending
from autoflow.model.run import RunStatus
from autoflow.observe.metrics import Metrics
from autoflow.runs.dead_letters import EventSink
from autoflow.store import history, waiting
from autoflow.store.base import Reading, Store, Transaction
from autoflow.store.history import AttemptEnd, AttemptNumber, DoneRun, RunEnd, StepEnd, StepRecord
from autoflow.store.waiting import Choice, Claimed, Move


class Claiming(NamedTuple):
    """Pending triggers to be taken, as far as they still wait."""

    #: which; asked in the transaction that takes them, behind what ends in it
    choose: Callable[[Reading], Choice]


class Taken(NamedTuple):
    """What a claim came to."""

    choice: Choice
    #: oldest first
    claimed: list[Claimed]


class Beginning(NamedTuple):
    """An attempt that is about to be made."""

    pending: Pending
    record: StepRecord
    #: whether this is the first attempt at the first step of a run that never began before
    is_first: bool


class Ending(NamedTuple):
    """What an attempt came to, and what follows."""

    pending: Pending
    attempt: AttemptEnd
    #: what the step gave, where it is done
    output: JsonObject | None = None
    #: judged events that the action made
    events: Sequence[Any] = ()
    #: what waits or goes on; None where the run is done
    following: Move | None = None


class Keeping(NamedTuple):
    """Whole runs that are done, where nothing of them was written down before."""

    runs: Sequence[DoneRun]
    #: judged events that their actions made, by pending trigger
    events: Mapping[int, Sequence[Any]]


Entry = Claiming | Beginning | Ending | Keeping
_Waiting = tuple[Entry, asyncio.Future[Any]]
_Cancelled = dict[int, str | None]
"""By pending trigger that is still claimed: why it is to end, or None."""


class Ledger:
    """Writes what becomes of runs."""

    sink: EventSink

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        self._entries: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def claim(self, choose: Callable[[Reading], Choice]) -> Taken:
        """Take what is chosen and still waits."""
        taken: Taken = await self._enter(Claiming(choose=choose))
        return taken

    async def begin(self, beginning: Beginning) -> AttemptNumber | None:
        """Count an attempt before it is made; None where the run was cancelled, and has ended now."""
        number: AttemptNumber | None = await self._enter(beginning)
        return number

    async def end(self, ending: Ending) -> bool:
        """Keep what an attempt came to; whether the run goes on."""
        goes_on: bool = await self._enter(ending)
        return goes_on

    async def keep(self, keeping: Keeping) -> Container[int]:
        """Keep whole runs; the pending triggers of those that are ours, and are kept."""
        kept: Container[int] = await self._enter(keeping)
        return kept

    async def settle(self) -> None:
        """Return once all that was entered is on disk, or could not be kept."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    def _enter(self, entry: Entry) -> asyncio.Future[Any]:
        """Answered once it is on disk. StorageError where it could not be kept, FencedError where it is not ours."""
        self._loop = self._loop or asyncio.get_running_loop()  # asking for it each time costs a call of the system
        future: asyncio.Future[Any] = self._loop.create_future()
        self._entries.append((entry, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())
        return future

    async def _write(self) -> None:
        while self._entries:
            batch, self._entries = self._entries, []
            await self._commit(batch)

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        results: Iterable[Any]
        try:
            results = await self._store.transact(lambda tx: self._record(tx, [entry for entry, _ in batch]))
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, StorageError):
                # One of them is to blame, and only that one may fail.
                for one in batch:
                    await self._commit([one])
                return
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue  # whoever asked was cut off; what was committed stays committed
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _record(self, tx: Transaction, entries: Sequence[Entry]) -> list[Any]:
        """Write all entries; what each came to, in their order."""
        beginnings = [entry for entry in entries if isinstance(entry, Beginning)]
        endings = [entry for entry in entries if isinstance(entry, Ending)]
        keepings = [entry for entry in entries if isinstance(entry, Keeping)]
        asked = [entry.pending for entry in entries if isinstance(entry, Beginning | Ending)]
        asked += [run.pending for one in keepings for run in one.runs if run.pending.id in one.events]
        states = waiting.claimed_states(tx, asked, epoch=self._store.epoch) if asked else {}
        telling = [(one.pending, one.events) for one in endings if one.events]
        telling += [
            (run.pending, one.events[run.pending.id])
            for one in keepings
            for run in one.runs
            if run.pending.id in one.events
        ]
        if self._record_events(tx, telling, states):  # what they tell may have ended one of these very runs
            states = waiting.claimed_states(tx, asked, epoch=self._store.epoch)
        results = self._end(tx, endings, states) | self._begin(tx, beginnings, states)
        return [
            self._claim(tx, entry)
            if isinstance(entry, Claiming)
            else self._keep(tx, entry)
            if isinstance(entry, Keeping)
            else results[entry.pending.id]
            for entry in entries
        ]

    def _claim(self, tx: Transaction, claiming: Claiming) -> Taken:
        choice = claiming.choose(tx)
        claimed = waiting.claim(tx, choice.ids, epoch=self._store.epoch) if choice.ids else []
        return Taken(choice=choice, claimed=claimed)

    def _record_events(
        self, tx: Transaction, telling: Sequence[tuple[Pending, Sequence[Any]]], states: _Cancelled
    ) -> bool:
        """Store what actions made; whether that was anything."""
        standing = [(pending, events) for pending, events in telling if pending.id in states]
        for pending, events in standing:
            self.sink.record(tx, events, parent_run=pending.run_id)
        return bool(standing)

    def _begin(self, tx: Transaction, beginnings: Sequence[Beginning], states: _Cancelled) -> dict[int, Any]:
        results: dict[int, Any] = {}
        going: list[Beginning] = []
        cancelled: list[RunEnd] = []
        for one in beginnings:
            if one.pending.id not in states:
                results[one.pending.id] = waiting.fenced(one.pending)
            elif (reason := states[one.pending.id]) is not None:
                cancelled.append(RunEnd(pending=one.pending, status=RunStatus.CANCELLED, error=reason))
                results[one.pending.id] = None
            else:
                going.append(one)
        history.open_runs(tx, [one.pending for one in going] + [one.pending for one in cancelled])
        self._end_runs(tx, cancelled)
        first = [one for one in going if one.is_first]
        history.begin_first_attempts(tx, [one.record for one in first])
        results |= {one.pending.id: AttemptNumber(number=1, in_series=1) for one in first}
        others = [one for one in going if not one.is_first]
        if others:
            numbers = history.begin_attempts(tx, [one.record for one in others])
            results |= {one.pending.id: number for one, number in zip(others, numbers, strict=True)}
        return results

    def _keep(self, tx: Transaction, keeping: Keeping) -> Container[int]:
        kept = history.keep_runs(tx, keeping.runs, epoch=self._store.epoch)
        tx.after_commit(self._count(Counter((one.pending.rule_id, RunStatus.DONE) for one in kept)))
        return frozenset(one.pending.id for one in kept)

    def _end(self, tx: Transaction, endings: Sequence[Ending], states: _Cancelled) -> dict[int, Any]:
        results: dict[int, bool | FencedError] = {
            one.pending.id: waiting.fenced(one.pending) for one in endings if one.pending.id not in states
        }
        standing = [one for one in endings if one.pending.id in states]
        history.end_attempts(tx, [one.attempt for one in standing])
        history.end_steps(tx, [_step_end(one) for one in standing if one.output is not None])
        moves: list[Move] = []
        ended: list[RunEnd] = []
        for one in standing:
            reason = states[one.pending.id]
            goes_on = one.following is not None and reason is None
            results[one.pending.id] = goes_on
            if one.following is None:
                ended.append(RunEnd(pending=one.pending, status=RunStatus.DONE))
            elif reason is None:
                moves.append(one.following)
            else:
                ended.append(RunEnd(pending=one.pending, status=RunStatus.CANCELLED, error=reason))
        waiting.move_pendings(tx, moves, epoch=self._store.epoch)
        self._end_runs(tx, ended)
        return results

    def _end_runs(self, tx: Transaction, ended: Sequence[RunEnd]) -> None:
        if ended:
            history.end_runs(tx, ended)
            tx.after_commit(self._count(Counter((one.pending.rule_id, one.status) for one in ended)))

    def _count(self, numbers: Counter[tuple[str, RunStatus]]) -> Callable[[], None]:
        def count() -> None:
            for (rule_id, status), number in numbers.items():
                self._metrics.run_ended(rule_id, status, number)

        return count


def _step_end(ending: Ending) -> StepEnd:
    return StepEnd(run_id=ending.attempt.run_id, step=ending.attempt.step, status="done", output=ending.output)
