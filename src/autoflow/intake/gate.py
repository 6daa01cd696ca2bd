"""The gate: every event passes here, whatever its door. Judged, stored, planned, committed; then answered.

What arrives while a commit is under way goes into the next one together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from autoflow.engine import Engine, Judged, Receipt
from autoflow.errors import IntakeError, StorageError
from autoflow.model.event import Event
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.store.base import Store
from autoflow.store.events import EventStatus

log = get_log("autoflow.intake")

MOST_IN_FLIGHT = 20_000
"""Events on their way to a commit; past it a door answers 503 and its sender tries again."""

Answer = Callable[[Sequence[Receipt], Exception | None], None]
"""Is told what became of a sender's events: the receipts, or why there are none."""

_Group = tuple[list[Judged], str, Answer]
"""The events of one sender, the door they came in by, and who is told what became of them."""


class Gate:
    """Takes decoded events; returns once they are on disk."""

    def __init__(self, engine: Engine, store: Store, metrics: Metrics) -> None:
        self._engine = engine
        self._store = store
        self._metrics = metrics
        self._arrived: list[_Group] = []
        self._in_flight = 0
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
        self._refuse(len(events))
        judged = [self._engine.judge(event) for event in events]
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

    def _refuse(self, number: int) -> None:
        if self._closed or self._in_flight + number > MOST_IN_FLIGHT:
            reason = "the daemon is shutting down" if self._closed else "too much is on its way already"
            raise IntakeError(
                reason, status=503, hint="try again shortly", code="AF503", headers=[("Retry-After", "1")]
            )

    async def _write(self) -> None:
        """Commit what has arrived, as one change, until nothing is left."""
        while self._arrived:
            batch, self._arrived = self._arrived, []
            await self._commit(batch)
            self._in_flight -= sum(len(group) for group, _, _ in batch)
            self._freed.set()
            self._freed.clear()

    async def _commit(self, batch: list[_Group]) -> None:
        judged = [one for group, _, _ in batch for one in group]
        try:
            receipts = await self._store.transact(lambda tx: self._engine.record(tx, judged))
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, StorageError):
                # One of them is to blame, and only that one may fail.
                for one in batch:
                    await self._commit([one])
                return
            for _, _, answer in batch:
                _tell(answer, (), error)
            return
        begin = 0
        for group, transport, answer in batch:
            own = receipts[begin : begin + len(group)]
            begin += len(group)
            self._count(own, transport)
            _tell(answer, own, None)

    def _count(self, receipts: Sequence[Receipt], transport: str) -> None:
        duplicates = mismatches = 0
        for receipt in receipts:
            duplicates += receipt.stored.status is EventStatus.DUPLICATE
            mismatches += receipt.stored.mismatch
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
