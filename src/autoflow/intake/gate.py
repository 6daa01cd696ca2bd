"""The gate: every event passes here, whatever its door. Judged, stored, planned, committed; then answered.

What arrives while a commit is under way goes into the next one together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from autoflow.engine import Engine, Judged, Receipt
from autoflow.errors import IntakeError
from autoflow.model.event import Event, is_engine_type
from autoflow.observe.metrics import Metrics
from autoflow.store.base import Store
from autoflow.store.events import EventStatus

MOST_IN_FLIGHT = 20_000
"""Events on their way to a commit; past it a door answers 503 and its sender tries again."""


class Gate:
    """Takes decoded events; returns once they are on disk."""

    def __init__(self, engine: Engine, store: Store, metrics: Metrics) -> None:
        self._engine = engine
        self._store = store
        self._metrics = metrics
        self._arrived: list[tuple[list[Judged], asyncio.Future[list[Receipt]]]] = []
        self._in_flight = 0
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self, events: Sequence[Event], *, transport: str) -> list[Receipt]:
        """Store events and what they lead to. IntakeError where one may not come from outside."""
        self._refuse(events)
        judged = [self._engine.judge(event) for event in events]
        future: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()
        self._arrived.append((judged, future))
        self._in_flight += len(judged)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())
        try:
            # A sender that goes away takes nothing with it: the commit goes on without it.
            receipts = await asyncio.shield(future)
        finally:
            self._in_flight -= len(judged)
        self._count(receipts, transport)
        return receipts

    async def close(self) -> None:
        """Take nothing more; return once what came before is on disk."""
        self._closed = True
        if self._writing is not None:
            await self._writing

    def _refuse(self, events: Sequence[Event]) -> None:
        if self._closed or self._in_flight + len(events) > MOST_IN_FLIGHT:
            reason = "the daemon is shutting down" if self._closed else "too much is on its way already"
            raise IntakeError(
                reason, status=503, hint="try again shortly", code="AF503", headers=[("Retry-After", "1")]
            )
        own = [(n, event.type) for n, event in enumerate(events) if is_engine_type(event.type)]
        if own:
            raise IntakeError(
                f"{own[0][1]}: types that begin with autoflow. are the engine's own",
                problems=[(f"/{n}/type", "is one of the engine's own") for n, _ in own],
            )

    async def _write(self) -> None:
        """Commit what has arrived, as one change, until nothing is left."""
        while self._arrived:
            batch, self._arrived = self._arrived, []
            judged = [one for group, _ in batch for one in group]
            try:
                receipts = await self._store.transact(lambda tx, judged=judged: self._engine.record(tx, judged))  # type: ignore[misc]  # the loop's own list is bound on purpose
            except Exception as error:  # every sender hears of it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
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
        self._metrics.event_received(transport, "duplicate", duplicates - mismatches)
        self._metrics.event_received(transport, "duplicate_mismatch", mismatches)
