"""Claims what is due and hands it to the executor, within the slots there are.

Before it: pending triggers, and the alarm. After it: the executor. Oldest first; a target that has its share of
the slots keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio

from autoflow.clock import Clock
from autoflow.errors import FencedError, StorageError
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.runs.executor import Executor
from autoflow.runs.slots import Slot, Slots
from autoflow.scheduling.wakeup import Alarm
from autoflow.store import waiting
from autoflow.store.base import Reading, Store, Transaction
from autoflow.store.waiting import Claimed

log = get_log("autoflow.runs")

SWEEP_EVERY = 10_000
"""Milliseconds between two looks for claims that nobody works on."""


class Dispatcher:
    """Keeps the slots filled with what is due."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        *,
        alarm: Alarm,
        clock: Clock,
        slots: Slots,
        metrics: Metrics,
        only_shadow: bool = False,
    ) -> None:
        self._store = store
        self._executor = executor
        self._alarm = alarm
        self._clock = clock
        self._slots = slots
        self._metrics = metrics
        #: where this daemon must send nothing, what was planned to be sent goes on waiting
        self._only_shadow = only_shadow
        #: from the claim until it is in `_busy`: whoever looks in between would take it for lost
        self._claiming = asyncio.Lock()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._stopping = False
        self._swept_at = clock.now()

    @property
    def busy(self) -> int:
        """How many runs are being performed."""
        return len(self._busy)

    def is_stopping(self) -> bool:
        """Whether nothing more is claimed."""
        return self._stopping

    async def run(self) -> None:
        """Dispatch until stopped."""
        while not self._stopping:
            await self._pass()
            await self._alarm.wait()

    async def run_due(self) -> None:
        """Perform everything that is due now, and what follows from it at once; for `--once` and virtual time."""
        while True:
            async with self._claiming:
                # Only a claim that was made while nothing else held a slot tells that nothing is left.
                idle = not self._busy
                claimed = await self._claim()
            if idle and not claimed:
                return
            if self._busy:
                await asyncio.wait(self._busy.values(), return_when=asyncio.FIRST_COMPLETED)

    async def stop(self, grace: float) -> None:
        """Claim nothing more; wait this many seconds for what is under way. The rest runs at the next start."""
        self._stopping = True
        self._alarm.ring()
        async with self._claiming:
            pass  # a claim that was on its way has come back, and was not begun
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=grace)
        for task in tuple(self._busy.values()):
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy.values())

    async def _pass(self) -> None:
        try:
            async with self._claiming:
                if abs(self._clock.now() - self._swept_at) >= SWEEP_EVERY:  # the clock may have been set back
                    await self._sweep()
                while await self._claim():
                    pass
                due = await self._store.read(self._next_due)
        except StorageError as error:
            log.error("dispatch.storage", error=str(error))
            return
        except Exception as error:  # it looks again in a second; without it nothing would ever go out
            log.error("dispatch.defect", exception=error)
            return
        if due is not None and self._slots.free > 0 and due > self._clock.now():
            self._alarm.arm(due)

    async def _claim(self) -> int:
        """Claim as much as there are free slots, and start it; how much it was."""
        limit = self._slots.free
        if limit <= 0 or self.is_stopping():
            return 0
        due = await self._store.read(self._next_due)
        if due is None or due > self._clock.now():
            return 0
        epoch, full = self._store.epoch, self._slots.full()

        def change(tx: Transaction) -> list[Claimed]:
            return waiting.claim_due(
                tx, epoch=epoch, limit=limit, room=self._slots.room, full=full, only_shadow=self._only_shadow
            )

        claimed = await self._store.transact(change)
        if self.is_stopping():
            return 0  # the next start finds it due again
        for one in claimed:
            self._start(one)
        return len(claimed)

    def _next_due(self, view: Reading) -> int | None:
        return waiting.next_due(view, only_shadow=self._only_shadow)

    def _start(self, claimed: Claimed) -> None:
        slot = self._slots.take(claimed.pending.target)
        task = asyncio.ensure_future(self._perform(claimed, slot))
        self._busy[claimed.pending.id] = task
        task.add_done_callback(lambda _task: self._end(claimed.pending.id))

    def _end(self, pending_id: int) -> None:
        del self._busy[pending_id]
        self._alarm.ring()

    async def _perform(self, claimed: Claimed, slot: Slot) -> None:
        """One run. What could not be kept of it is found again by the sweep."""
        pending = claimed.pending
        try:
            await self._executor.perform(claimed, slot)
        except FencedError as error:
            log.error("run.fenced", run_id=pending.run_id, error=str(error))
        except StorageError as error:
            log.error("run.storage", run_id=pending.run_id, error=str(error))
        except Exception as error:  # one faulty run must not stop the others
            log.error("run.defect", exception=error, run_id=pending.run_id, rule_id=pending.rule_id)
        finally:
            slot.leave()

    async def _sweep(self) -> None:
        """Make due again what was claimed and is not being worked on. Nobody may be claiming meanwhile."""
        self._swept_at = self._clock.now()
        busy, epoch = frozenset(self._busy), self._store.epoch
        lost = await self._store.transact(lambda tx: waiting.release_claims(tx, epoch=epoch, busy=busy))
        if lost:
            log.warning("dispatch.swept", count=lost)
