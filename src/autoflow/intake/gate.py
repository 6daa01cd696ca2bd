"""The gate: every event passes here, whatever its door. Judged, stored, planned, committed; then answered.

What arrives while a commit is under way goes into the next one together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from autoflow.engine import Engine, Judged, Receipt
from autoflow.errors import IntakeError, StorageError
from autoflow.model.event import Event
from autoflow.observe.metrics import Metrics
from autoflow.store.base import Store
from autoflow.store.events import EventStatus

MOST_IN_FLIGHT = 20_000
"""Events on their way to a commit; past it a door answers 503 and its sender tries again."""

_Group = tuple[list[Judged], "asyncio.Future[list[Receipt]]"]
"""The events of one sender, and where it waits for what became of them."""


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
        self._refuse(len(events))
        judged = [self._engine.judge(event) for event in events]
        future: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()
        self._arrived.append((judged, future))
        self._in_flight += len(judged)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())
        # A sender that goes away cancels its future only: the commit goes on without it.
        receipts = await future
        self._count(receipts, transport)
        return receipts

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
            self._in_flight -= sum(len(group) for group, _ in batch)
            self._freed.set()
            self._freed.clear()

    async def _commit(self, batch: list[_Group]) -> None:
        judged = [one for group, _ in batch for one in group]
        try:
            receipts = await self._store.transact(lambda tx: self._engine.record(tx, judged))
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, StorageError):
                # One of them is to blame, and only that one may fail.
                for one in batch:
                    await self._commit([one])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        begin = 0
        for group, future in batch:
            if not future.done():
                future.set_result(receipts[begin : begin + len(group)])
            begin += len(group)

    def _count(self, receipts: Sequence[Receipt], transport: str) -> None:
        duplicates = mismatches = 0
        for receipt in receipts:
            duplicates += receipt.stored.status is EventStatus.DUPLICATE
            mismatches += receipt.stored.mismatch
        self._metrics.event_received(transport, "accepted", len(receipts) - duplicates)
        if duplicates:
            self._metrics.event_received(transport, "duplicate", duplicates - mismatches)
            self._metrics.event_received(transport, "duplicate_mismatch", mismatches)
