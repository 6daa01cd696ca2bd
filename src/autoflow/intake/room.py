"""How much of what senders offer is held at once, over all doors: bytes, until they are answered.

Before it: a request's head. After it: the gate, which counts events. Past the mark a sender is told to try again,
before its body is read where that is possible: what is not held cannot grow. Only what has arrived is counted, and
bodies that come in parts never take all of the room: a slow sender keeps no other from it.
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

    def has_room(self, number: int, *, whole: bool) -> bool:
        """Whether so many more bytes can be held; a quarter is for bodies that are there as a whole."""
        return self.taken + number <= (self.most if whole else self.most - self.most // 4)

    def take(self, number: int) -> None:
        """Hold so many more bytes."""
        self.taken += number

    def give_back(self, number: int) -> None:
        """So many are not held any more."""
        self.taken -= number


class Share:
    """What one request holds of the room, until its block ends."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0

    def expect(self, size: int) -> None:
        """IntakeError where a body of this size would find no room now. Nothing is held before it comes."""
        if not self._room.has_room(size, whole=False):
            raise busy()  # held by no name: with its traceback it would hold the body until garbage is looked for

    def grow(self, number: int) -> None:
        """Hold so many more bytes. IntakeError where there is no room for them."""
        self.expect(number)
        self._room.take(number)
        self._held += number

    def __enter__(self) -> Share:
        """Nothing is held yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All of it is given back."""
        self._room.give_back(self._held)
        self._held = 0
