"""How much of what senders offer is held at once, over all doors: bytes from their head on until they are answered.

Before it: a request's head. After it: the gate, which counts events. Past the mark a sender is told to try again,
before its body is read where that is possible: what is not held cannot grow.
"""

from __future__ import annotations

from types import TracebackType

from autoflow.errors import IntakeError

MOST_BYTES = 32 << 20
"""Bytes of bodies; what is made of them takes a few times that."""
LEAST_BODIES = 4
"""So many of the largest that are allowed have room beside each other."""


def busy(reason: str = "too much is on its way already") -> IntakeError:
    """What a sender is told for whom there is no room now."""
    return IntakeError(
        reason,
        status=503,
        hint="try again shortly",
        code="AF503",
        headers=[("Retry-After", "1")],
    )


class Room:
    """Bytes that are held. `largest_body` is the most that one request may bring."""

    def __init__(self, largest_body: int = 0) -> None:
        self.most = max(MOST_BYTES, LEAST_BODIES * largest_body)
        self.taken = 0

    def lack_of(self, number: int) -> IntakeError | None:
        """What a sender of so many more bytes is told; None where there is room."""
        return busy() if self.taken + number > self.most else None

    def take(self, number: int) -> None:
        """Hold so many more bytes. IntakeError where there is no room for them now."""
        if self.taken + number > self.most:
            raise busy()  # held by no name: with its traceback it would hold the body until garbage is looked for
        self.taken += number

    def give_back(self, number: int) -> None:
        """So many are not held any more."""
        self.taken -= number


class Share:
    """What one request holds of the room, until its block ends."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes in all, if it were not as many already. IntakeError where there is no room for them."""
        if size > self._held:
            self._room.take(size - self._held)
            self._held = size

    def __enter__(self) -> Share:
        """Nothing is held yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All of it is given back."""
        self._room.give_back(self._held)
        self._held = 0
