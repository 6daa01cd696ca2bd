"""How many sends may be under way, in all and to one target: a dead host must not hold every slot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Slots:
    """Counts what is under way. `share` is the most that one target may have of `total`."""

    def __init__(self, total: int, *, share: float) -> None:
        self.total = total
        self._most = max(1, int(total * share))
        self._taken: Counter[str | None] = Counter()
        #: called when a send has ended
        self.freed: Callable[[], None] = _ignore

    @property
    def free(self) -> int:
        """How many more sends may begin."""
        return self.total - self._taken.total()

    def room(self, target: str) -> int:
        """How many more sends to this target may begin."""
        return self._most - self._taken[target]

    def full(self) -> frozenset[str]:
        """The targets that have their share."""
        return frozenset(target for target in self._taken if target is not None and self.room(target) <= 0)

    def take(self, target: str | None) -> Slot:
        """A send to this target begins."""
        self._taken[target] += 1
        return Slot(self, target)

    def _give_back(self, target: str | None) -> None:
        self._taken[target] -= 1
        if self._taken[target] <= 0:
            del self._taken[target]
        self.freed()


class Slot:
    """The right to send, held by one run."""

    def __init__(self, slots: Slots, target: str | None) -> None:
        self._slots = slots
        self._is_held = True
        self.target = target

    def move(self, target: str | None) -> bool:
        """Go on with another target; False, and nothing changed, where that one has its share."""
        if target is not None and target != self.target and self._slots.room(target) <= 0:
            return False
        self.leave()
        self.target = self._slots.take(target).target
        self._is_held = True
        return True

    def leave(self) -> None:
        """The send has ended; a second time changes nothing."""
        if self._is_held:
            self._is_held = False
            self._slots._give_back(self.target)


def _ignore() -> None:
    """Nobody waits for a slot."""
