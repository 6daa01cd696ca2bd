"""How many sends may be under way, in all and to one target: a dead host must not hold every slot.

Before it: the dispatcher, which claims for twice as many. After it: the executor. What is claimed ahead is made ready
while others are being sent, so that a slot that becomes free is taken at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable

AHEAD = 2
"""Claims for each slot: one is being sent, the others are ready."""
EXPRESS = 4
"""Claims for each slot from which on nothing begins with its event any more: those who hear at once that theirs is
stored send the next one while it is under way."""
INNER = 16
"""Claims for each slot of what sends nothing out: one half is performed while the store works on the other."""
MOST_INNER = 4_096
"""Of those at once, however many slots there are: all of them are in memory."""


class Slots:
    """Counts what is claimed and what is being sent. `share` is the most that one target may have of `total`."""

    def __init__(self, total: int, *, share: float) -> None:
        self.total = total
        self._most = max(1, int(total * share))
        self._claims = _Count()
        #: how many of them began with their events
        self._express = 0
        #: claims of what sends nothing
        self._inner = 0
        self._sends = _Count()
        #: those that are ready, longest first; and whether their attempt is counted already
        self._ready: deque[tuple[str | None, asyncio.Future[bool], bool]] = deque()
        #: how many of them were let in and have not gone on yet
        self._resuming = 0
        self._closed = False
        #: called when something more may be claimed
        self.freed: Callable[[], None] = _ignore

    @property
    def free(self) -> int:
        """How much more may be claimed. What began with its event takes no room here: its targets may all hang."""
        return AHEAD * self.total - (self._claims.total - self._express)

    @property
    def inner_room(self) -> int:
        """How much more may be claimed at once of what sends nothing out."""
        return min(INNER // 2 * self.total, MOST_INNER, INNER * self.total - self._inner)

    def room(self, target: str) -> int:
        """How much more may be claimed for this target."""
        return AHEAD * self._most - self._claims.of[target]

    def full(self) -> frozenset[str]:
        """The targets for which nothing more may be claimed."""
        return frozenset(target for target in self._claims.of if target is not None and self.room(target) <= 0)

    def claim(self, target: str | None) -> Slot:
        """Something for this target is claimed."""
        self._claims.add(target)
        return Slot(self, target)

    def reserve(self, target: str) -> Slot | None:
        """Something for this target begins with its event, where there is room: what is counted is sent."""
        claims = self._claims
        if self._closed or claims.total >= EXPRESS * self.total or claims.of[target] >= EXPRESS * self._most:
            return None
        claims.add(target)
        self._express += 1
        return Slot(self, target, is_counted=True)

    def hold(self, number: int) -> None:
        """So many are claimed that send nothing. They take no room from those that do."""
        self._inner += number

    def release(self, number: int) -> None:
        """So many of them have come to their ends."""
        self._inner -= number
        self.freed()

    def close(self) -> None:
        """Let nothing begin any more, but what is counted already."""
        self._closed = True
        ready, self._ready = self._ready, deque()
        for one in ready:
            if one[2]:
                self._ready.append(one)
            elif not one[1].done():
                one[1].set_result(False)

    def may_send(self, target: str | None) -> bool:
        """Whether a send to this target may begin now."""
        has_room = target is None or self._sends.of[target] < self._most
        return has_room and self._sends.total < self.total

    async def _begin(self, target: str | None, *, is_counted: bool) -> bool:
        """Wait for a send to this target to be possible, and count it; False where nothing begins any more."""
        if self._closed and not is_counted:
            return False
        may_send = self.may_send(target)
        if may_send and not self._resuming:
            self._sends.add(target)
            return True
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if may_send:  # an older one was let in, and goes on with the loop's next turn: this one behind it
            self._let_in(target, waiting)
        else:
            self._ready.append((target, waiting, is_counted))
        try:
            is_let_in = await _in_turn(waiting)
        except asyncio.CancelledError:
            if _is_let_in(waiting):  # just as it was cut off
                self._resuming -= 1
                self._end(target)
            raise
        self._resuming -= is_let_in
        return is_let_in

    def _let_in(self, target: str | None, waiting: asyncio.Future[bool]) -> None:
        self._sends.add(target)
        self._resuming += 1
        waiting.set_result(True)

    def _end(self, target: str | None) -> None:
        """A send has ended: of those that are ready, the first that has room begins."""
        self._sends.remove(target)
        while self._ready and self._ready[0][1].done():
            self._ready.popleft()
        for place, (following, waiting, _) in enumerate(self._ready):
            if not waiting.done() and self.may_send(following):
                self._let_in(following, waiting)
                del self._ready[place]
                return

    def _release(self, target: str | None, *, is_express: bool) -> None:
        self._claims.remove(target)
        self._express -= is_express
        self.freed()


class Slot:
    """The right to send, held by one run from its claim on."""

    def __init__(self, slots: Slots, target: str | None, *, is_counted: bool = False) -> None:
        self._slots = slots
        #: whether its attempt is counted already, so that it is sent whatever ends
        self._is_counted = is_counted
        self._is_held = True
        self._is_sending = False
        self.target = target

    async def begin(self) -> bool:
        """Wait until the send may begin; False where nothing begins any more. Nothing to wait for once it has."""
        if not self._is_sending:
            self._is_sending = await self._slots._begin(self.target, is_counted=self._is_counted)
        return self._is_sending

    def move(self, target: str | None) -> bool:
        """Go on with another target; False, and nothing changed, where that one has its share or nothing begins."""
        slots = self._slots
        if slots._closed or (target != self.target and not self._can_move(target)):
            return False
        if target != self.target:
            slots._claims.remove(self.target)
            slots._claims.add(target)
            slots._sends.add(target)
            slots._end(self.target)
            self.target = target
            slots.freed()  # the target that was left has room for one more claim
        return True

    def _can_move(self, target: str | None) -> bool:
        slots = self._slots
        return target is None or (slots.room(target) > 0 and slots._sends.of[target] < slots._most)

    def leave(self) -> None:
        """The send has ended; a second time changes nothing."""
        if not self._is_held:
            return
        self._is_held = False
        if self._is_sending:
            self._slots._end(self.target)
        self._slots._release(self.target, is_express=self._is_counted)


class _Count:
    """A number for each target, and of all."""

    def __init__(self) -> None:
        self.of: Counter[str | None] = Counter()
        self.total = 0

    def add(self, target: str | None) -> None:
        self.of[target] += 1
        self.total += 1

    def remove(self, target: str | None) -> None:
        self.total -= 1
        self.of[target] -= 1
        if self.of[target] <= 0:
            del self.of[target]


async def _in_turn(waiting: asyncio.Future[bool]) -> bool:
    """What it came to, with the loop's next turn at the soonest."""
    if waiting.done():
        await asyncio.sleep(0)  # awaiting what is done gives no turn away
    return await waiting


def _is_let_in(waiting: asyncio.Future[bool]) -> bool:
    return waiting.done() and not waiting.cancelled() and waiting.result()


def _ignore() -> None:
    """Nobody waits for a slot."""
