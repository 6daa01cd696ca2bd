"""The gate: every event passes here, whatever its door. Judged, stored, planned, committed; then answered.

What arrives while a commit is under way goes into the next one together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from autoflow import failpoints
from autoflow.engine import Engine, Judged, Receipt
from autoflow.errors import StorageError
from autoflow.failpoints import Failpoint
from autoflow.intake.room import Room, busy
from autoflow.model.event import Event
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.store.base import Store, Transaction
from autoflow.store.events import ACCEPTED

log = get_log("autoflow.intake")

MOST_IN_FLIGHT = 20_000
"""Events on their way to a commit; past it a door answers 503 and its sender tries again."""

Answer = Callable[[Sequence[Receipt], Exception | None], None]
"""Is told what became of a sender's events: the receipts, or why there are none."""

_Group = tuple[list[Judged], str, Answer]
"""The events of one sender, the door they came in by, and who is told what became of them."""


class Gate:
    """Takes decoded events; returns once they are on disk."""

    def __init__(self, engine: Engine, store: Store, metrics: Metrics, room: Room | None = None) -> None:
        self._engine = engine
        self._store = store
        self._metrics = metrics
        #: filled on the event loop, emptied on the store's thread
        self._arrived: deque[_Group] = deque()
        self._in_flight = 0
        #: of the bytes that the doors hold
        self.room = room or Room()
        self._freed = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self, events: Sequence[Event], *, transport: str) -> list[Receipt]:
        """Store events and what they lead to. IntakeError where they cannot be taken now."""
        future: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()

        def settle(receipts: Sequence[Receipt], error: Exception | None) -> None:
            if future.done():
                return  # the sender went away and cancelled its future: the commit went on without it
            if error is None:
                future.set_result(list(receipts))
            else:
                future.set_exception(error)

        self.offer(events, settle, transport=transport)
        return await future

    def offer(self, events: Sequence[Event], answer: Answer, *, transport: str) -> None:
        """Take events without waiting; `answer` is called once they are on disk, or could not be kept.

        IntakeError where they cannot be taken now; `answer` is not called then.
        """
        self.refuse_past(len(events))
        if failpoints.armed:
            failpoints.reach(Failpoint.RECEIVED)
        judged = [self._engine.judge(event) for event in events]
        judged = [self._engine.prepare(one) for one in judged]  # from here on nothing may fail before it is handed in
        self._arrived.append((judged, transport, answer))
        self._in_flight += len(judged)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    async def wait_for_room(self, number: int) -> None:
        """Return once so many events would be taken, for a door that can let its sender wait."""
        while self._in_flight + number > MOST_IN_FLIGHT and not self._closed:
            await self._freed.wait()

    async def close(self) -> None:
        """Take nothing more; return once what came before is on disk."""
        self._closed = True
        self._freed.set()
        if self._writing is not None:
            await self._writing

    def refuse_past(self, number: int) -> None:
        """IntakeError where so many events would not be taken now."""
        if self._closed:
            raise busy("the daemon is shutting down")
        if self._in_flight + number > MOST_IN_FLIGHT:
            raise busy()

    async def _write(self) -> None:
        """Commit what has arrived, as one change after the other, until nothing is left."""
        while self._arrived:
            batch: list[_Group] = []
            await self._commit(batch)
            self._in_flight -= sum(len(judged) for judged, _, _ in batch)
            self._freed.set()
            self._freed.clear()

    async def _commit(self, batch: list[_Group]) -> None:
        """Commit all that has arrived when the store comes to it, and tell the senders."""

        def record(tx: Transaction) -> list[Receipt]:
            self._take_arrived(batch)
            return self._engine.record(tx, [one for judged, _, _ in batch for one in judged])

        try:
            receipts = await self._store.transact(record)
        except Exception as error:
            if not batch:  # the store did not even begin
                self._take_arrived(batch)
            await self._refuse_batch(batch, error)
        else:
            self._answer(batch, receipts)

    def _take_arrived(self, batch: list[_Group]) -> None:
        while self._arrived:
            batch.append(self._arrived.popleft())

    async def _refuse_batch(self, batch: list[_Group], error: Exception) -> None:
        """Nothing of a batch was kept: where one sender's events are to blame, only that one may fail."""
        if len(batch) < 2 or isinstance(error, StorageError):
            for judged, _, answer in batch:
                self._engine.give_back(judged)
                _tell(answer, (), error)
            return
        for judged, transport, answer in batch:
            try:
                receipts = await self._store.transact(partial(self._engine.record, batch=judged))
            except Exception as fault:
                self._engine.give_back(judged)
                _tell(answer, (), fault)
            else:
                self._answer([(judged, transport, answer)], receipts)

    def _answer(self, batch: Sequence[_Group], receipts: Sequence[Receipt]) -> None:
        """Count a commit's events by their doors, then tell each sender of its own."""
        told: list[tuple[Answer, Sequence[Receipt]]] = []
        by_door: dict[str, list[Receipt]] = {}
        begin = 0
        for judged, transport, answer in batch:
            own = receipts[begin : begin + len(judged)]
            begin += len(judged)
            by_door.setdefault(transport, []).extend(own)
            told.append((answer, own))
        for transport, taken in by_door.items():
            self._count(taken, transport)
        for answer, own in told:
            _tell(answer, own, None)

    def _count(self, receipts: Sequence[Receipt], transport: str) -> None:
        seen = [receipt.stored for receipt in receipts if receipt.stored is not ACCEPTED]
        duplicates, mismatches = len(seen), sum(one.mismatch for one in seen)
        self._metrics.event_received(transport, "accepted", len(receipts) - duplicates)
        if duplicates:
            self._metrics.event_received(transport, "duplicate", duplicates - mismatches)
            self._metrics.event_received(transport, "duplicate_mismatch", mismatches)


def _tell(answer: Answer, receipts: Sequence[Receipt], error: Exception | None) -> None:
    """Tell one sender; what goes wrong with one keeps nobody else waiting."""
    try:
        answer(receipts, error)
    except Exception as fault:
        log.error("api.defect", exception=fault, path="gate")
