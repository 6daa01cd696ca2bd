"""What a sender tells: events of every kind that the rules know, with ids of its own, and some of them twice."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]

KINDS = {
    "ping.sent": 20,
    "later.asked": 15,
    "cart.left": 25,
    "pair.asked": 12,
    "flaky.asked": 12,
    "relay.asked": 6,
    "hopeless.asked": 4,
    "gone.asked": 2,
    "nobody.cares": 4,
}
BOUGHT = 0.6
"""The part of the carts that are bought after all."""
AFTER_SECONDS = (0.0, 0.5, 1.5, 1.9, 2.0, 2.2, 3.0)
"""How long after: the rule waits two seconds."""
AGAIN = 0.1
"""How often something that was answered is offered once more."""
BAD = 0.05
"""How often a batch holds an event that is none."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """What is offered together; where it is bad, everything in it is to be refused."""

    events: list[Event]
    bad: bool = False


@dataclass(slots=True, kw_only=True)
class Story:
    """One sender's events, drawn from its seed."""

    source: str
    seed: str
    most: int
    can_be_bad: bool
    _random: random.Random = field(init=False)
    _count: int = 0
    _answered: deque[Event] = field(default_factory=lambda: deque(maxlen=200))
    _later: list[tuple[float, Event]] = field(default_factory=list)
    _carts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def next_batch(self) -> Batch:
        """Up to `most` events: follow-ups whose time has come, new ones, and now and then one that was answered."""
        if self.can_be_bad and self._random.random() < BAD:
            fresh = [self._draw() for _ in range(2)]
            return Batch(events=[*fresh, self._make("no name")], bad=True)
        room = self._random.randint(1, self.most)
        events: list[Event] = []
        while self._later and self._later[0][0] <= time.monotonic() and len(events) < room:
            events.append(self._later.pop(0)[1])
        if self._answered and len(events) < room and self._random.random() < AGAIN:
            events.append(self._random.choice(self._answered))
        events += [self._draw() for _ in range(room - len(events))]
        return Batch(events=events)

    def note_answer(self, event: Event) -> None:
        """It was answered: it may be offered again, and a cart may now be bought."""
        self._answered.append(event)
        cart = event["data"].get("cart")
        if event["type"] == "cart.left" and cart["id"] not in self._carts:
            self._carts.add(cart["id"])
            if self._random.random() < BOUGHT:
                wait = self._random.choice(AFTER_SECONDS) + self._random.uniform(0, 0.2)
                self._later.append((time.monotonic() + wait, self._make("cart.bought", cart=cart)))
                self._later.sort(key=lambda one: one[0])

    def _draw(self) -> Event:
        [kind] = self._random.choices(list(KINDS), weights=list(KINDS.values()))
        if kind == "later.asked":
            return self._make(kind, wait={"seconds": self._random.choice((3, 5))})
        if kind == "cart.left":
            return self._make(kind, cart={"id": f"{self.source}-cart-{self._count}"})
        return self._make(kind)

    def _make(self, kind: str, **data: Any) -> Event:
        self._count += 1
        n = self._random.randrange(10**9)
        return {"id": f"{self.source}-{self._count}", "type": kind, "source": self.source, "data": {"n": n, **data}}
