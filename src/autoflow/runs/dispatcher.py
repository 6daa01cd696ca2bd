"""Claims what is due and hands it to the executor, within the slots there are.

Before it: pending triggers, and the alarm. After it: the executor. Oldest first; a target that has its share of
the slots keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from autoflow import failpoints
from autoflow.clock import Clock
from autoflow.errors import FencedError, StorageError
from autoflow.failpoints import Failpoint
from autoflow.model.pending import Pending
from autoflow.observe.log import get_log
from autoflow.runs.executor import Executor
from autoflow.runs.express import Express, ExpressRuns
from autoflow.runs.inner import Inner, InnerRuns
from autoflow.runs.ledger import Taken
from autoflow.runs.slots import Slot, Slots
from autoflow.scheduling.wakeup import Alarm
from autoflow.store import waiting
from autoflow.store.base import Reading, Store, Transaction
from autoflow.store.waiting import Choice, Claimed

log = get_log("autoflow.runs")

SWEEP_EVERY = 10_000
"""Milliseconds between two looks for claims that nobody works on."""
ALONE_SECONDS = 1.0
"""How long what may have ended the daemon is tried with nothing beside it."""
THOROUGH_SHARE = 20.0
"""Looking at everything that is due takes at most one part in so many of the time."""
NEVER = 1 << 62
"""UTC milliseconds; no clock comes there."""


class Dispatcher:
    """Keeps the slots filled with what is due."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        *,
        inner: InnerRuns,
        express: ExpressRuns,
        alarm: Alarm,
        clock: Clock,
        slots: Slots,
        only_shadow: bool = False,
    ) -> None:
        self._store = store
        self._executor = executor
        self._alarm = alarm
        self._clock = clock
        self._slots = slots
        #: where this daemon must send nothing, what was planned to be sent goes on waiting
        self._only_shadow = only_shadow
        #: from the claim until it is in `_busy`: whoever looks in between would take it for lost
        self._claiming = asyncio.Lock()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._stopping = False
        #: nothing is begun any more, not even what was stored as begun
        self._has_ended = False
        self._inner = inner
        #: whether all that was claimed last sent nothing out
        self._only_inner = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._swept_at = clock.now()
        self._tried_suspects = False
        #: by the monotonic clock: when it may be looked behind a queue for a full target again
        self._thorough_at = 0.0
        #: nothing waits that is due before this moment, as far as is known
        self._clear_until = 0
        #: how often something was said to be due
        self._times_told = 0
        self._express = express
        express.is_clear, express.begin = self._is_clear, self._begin
        alarm.told, executor.told = self._hear, alarm.arm
        slots.freed = self._wake

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
                claimed = await self._claim(thorough=True)
            if idle and not claimed and not self._busy:  # a suspect is begun without being claimed here
                return
            if self._busy and not claimed:
                await asyncio.wait(self._busy.values(), return_when=asyncio.FIRST_COMPLETED)

    async def stop(self, grace: float) -> None:
        """Claim nothing more; wait this many seconds for what is under way. The rest runs at the next start."""
        self._stopping = True
        self._slots.close()
        self._alarm.ring()
        until = time.monotonic() + grace
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace), self._claiming:
                # A claim that was on its way has come back, and was not begun.
                await self._express.rest()
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=max(0.0, until - time.monotonic()))
        self._has_ended = True
        for task in tuple(self._busy.values()):
            task.cancel()
        if self._busy:
            await asyncio.wait(self._busy.values())
        await self._executor.ledger.settle()  # a result behind the release would find its claim gone
        await self._release()

    async def _release(self) -> None:
        """Nothing is under way any more: what was cut off here did not end the daemon, and is not held against it."""

        def release(tx: Transaction) -> None:
            self._express.is_open = False  # what comes behind this waits for the next start
            waiting.release_claims(tx, epoch=self._store.epoch)

        try:
            await self._store.transact(release)
        except StorageError as error:
            log.error("dispatch.storage", error=str(error))

    async def _pass(self) -> None:
        try:
            async with self._claiming:
                if abs(self._clock.now() - self._swept_at) >= SWEEP_EVERY:  # the clock may have been set back
                    await self._sweep()
                while await self._claim():
                    pass
        except StorageError as error:
            log.error("dispatch.storage", error=str(error))
        except Exception as error:  # it looks again in a second; without it nothing would ever go out
            log.error("dispatch.defect", exception=error)

    async def _claim(self, *, thorough: bool = False) -> int:
        """Claim as much as there are free slots, and start it; how much it was."""
        if not self._tried_suspects:
            await self._try_suspects()
        if self._most() <= 0 or self.is_stopping():
            return 0
        told = self._times_told
        taken = await self._take(thorough=thorough)
        self._note(taken.choice, is_known=told == self._times_told)
        if not taken.claimed:
            self._only_inner = False
            if taken.choice.next_due is not None:
                self._alarm.arm(taken.choice.next_due)
            return len(taken.choice.ids)  # chosen, and gone before the claim: there may be others
        if failpoints.armed:
            await failpoints.reach_in_turn(Failpoint.AFTER_CLAIM)
        if self.is_stopping():
            return 0  # the next start finds it due again
        self._start_all(taken.claimed)
        return len(taken.claimed)

    def _note(self, choice: Choice, *, is_known: bool) -> None:
        """Whether something that is due was found, so that nothing may begin before it."""
        if not choice.is_clear:
            self._clear_until = 0
        elif is_known:  # else something has come since it was looked for
            self._clear_until = NEVER if choice.next_due is None else choice.next_due

    def _is_clear(self) -> bool:
        """Whether nothing that is due waits for its turn, and something may begin that is not claimed."""
        return self._clock.now() < self._clear_until and not self._stopping

    def _hear(self, due_at: int) -> None:
        """Something is due then, as somebody says."""
        self._times_told += 1
        self._clear_until = min(self._clear_until, due_at)

    def _wake(self) -> None:
        """There is room: for what is due, if anything is."""
        if not self._is_clear():
            self._alarm.wake()

    async def _take(self, *, thorough: bool) -> Taken:
        """Claim the oldest that could begin. Behind those whose targets have no room it looks now and then."""
        taken = await self._executor.ledger.claim(self._chooser(thorough=False))
        if taken.choice.ids or taken.choice.is_all:
            return taken
        begun = time.monotonic()
        if not thorough and begun < self._thorough_at:
            asyncio.get_running_loop().call_later(self._thorough_at - begun, self._alarm.ring)
            return taken
        # It takes as long as there is much due, so beside the writer.
        choice = await self._store.read(self._chooser(thorough=True))
        ended = time.monotonic()
        self._thorough_at = ended + (ended - begun) * THOROUGH_SHARE
        if not choice.ids or self.is_stopping():
            return Taken(choice=choice, claimed=[])
        return await self._executor.ledger.claim(lambda _view: choice)

    def _most(self) -> int:
        """How much is claimed at once: where all of it stayed inside the last time, more."""
        room = self._slots.inner_room
        if room <= 0:
            return 0  # they come to their ends with the next commit
        return max(self._slots.free, room) if self._only_inner else self._slots.free

    def _chooser(self, *, thorough: bool) -> Callable[[Reading], Choice]:
        """Tells what could begin, with the slots there are now."""
        limit, outer = max(0, self._most()), self._slots.free  # below 0 it would be no limit at all
        full = tuple(self._slots.full()) if thorough else None

        def look(view: Reading) -> Choice:
            return waiting.choose_due(
                view, limit=limit, room=self._slots.room, outer=outer, full=full, only_shadow=self._only_shadow
            )

        return look

    async def _try_suspects(self) -> None:
        """What was under way each time when the daemon ended is tried before all else, one after the other."""

        def claim(tx: Transaction) -> Claimed | None:
            is_alone = not self._express.ready and not self._busy
            suspect = waiting.claim_suspect(
                tx, epoch=self._store.epoch, is_alone=is_alone, only_shadow=self._only_shadow
            )
            if suspect is not None:
                self._express.is_open = False
            return suspect

        while not self.is_stopping():
            suspect = await self._store.transact(claim)
            if suspect is None:
                break
            pending = suspect.pending
            log.warning("dispatch.suspect", run_id=pending.run_id, rule_id=pending.rule_id, count=pending.lost)
            await asyncio.wait([self._start(suspect)], timeout=ALONE_SECONDS)
        self._express.is_open = True  # the last look has noted that others are under way from here on
        self._tried_suspects = True

    def _start(self, claimed: Claimed) -> asyncio.Task[None]:
        slot = self._slots.claim(claimed.pending.target)
        return self._perform(claimed.pending, self._executor.perform(claimed, slot), slot)

    def _begin(self, one: Express, pending: Pending) -> None:
        """It was stored as begun. What was too late for a stop is due again: nobody would keep what came of it."""
        if self._has_ended:
            one.slot.leave()
            return
        self._perform(pending, self._executor.perform_begun(one.work(pending), one.slot), one.slot)

    def _perform(self, pending: Pending, performing: Awaitable[None], slot: Slot) -> asyncio.Task[None]:
        self._loop = self._loop or asyncio.get_running_loop()  # asking for it each time costs a call of the system
        task = self._loop.create_task(self._see_through(pending, performing, slot))
        self._watch(task, (pending.id,))
        return task

    def _start_all(self, claimed: Sequence[Claimed]) -> None:
        inner, others = self._inner.sort(claimed)
        self._only_inner = not others
        if inner:
            self._slots.hold(len(inner))
            self._watch(asyncio.ensure_future(self._perform_inner(inner)), [one.claimed.pending.id for one in inner])
        for one in others:
            self._start(one)

    async def _perform_inner(self, inner: Sequence[Inner]) -> None:
        """Many runs at once; those that turn out to be others go the long way, each for itself."""
        try:
            await asyncio.sleep(0)  # the next claim is handed to the store first, which then works beside this
            performed, others = await self._inner.perform(inner, self.is_stopping)
            for one in others:
                self._start(one)
            await self._inner.keep(performed)
        except StorageError as error:
            log.error("run.storage", error=str(error))
        except Exception as error:  # what could not be kept is found again by the sweep
            log.error("run.defect", exception=error)
        finally:
            self._slots.release(len(inner))

    def _watch(self, task: asyncio.Task[None], ids: Sequence[int]) -> None:
        """These are performed by this task now."""
        self._busy.update(dict.fromkeys(ids, task))
        task.add_done_callback(lambda task: self._end(task, ids))

    def _end(self, task: asyncio.Task[None], ids: Sequence[int]) -> None:
        for number in ids:
            if self._busy.get(number) is task:  # else another one goes on with it
                del self._busy[number]
                self._store.flagged.discard(number)
        self._wake()

    async def _see_through(self, pending: Pending, performing: Awaitable[None], slot: Slot) -> None:
        """One run. What could not be kept of it is found again by the sweep."""
        try:
            await performing
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
        epoch, busy, ready = self._store.epoch, self._busy, self._express.ready
        lost = await self._store.transact(lambda tx: waiting.release_claims(tx, epoch=epoch, busy=busy, ready=ready))
        self._tried_suspects = False  # one of them may be free again, or due only now
        if lost:
            self._clear_until = 0
            log.warning("dispatch.swept", count=lost)
