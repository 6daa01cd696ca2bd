"""What the crash loop's rules are to do, written down a second time: the checker does not ask the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PATIENT = (0, 200, 400, 800)
DEAD_LETTERED = "autoflow.action.dead_lettered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One rule: milliseconds of its delay, its steps by kind, and the milliseconds before each attempt."""

    event: str
    delay: int = 0
    steps: tuple[str, ...] = ("webhook",)
    schedule: tuple[int, ...] = PATIENT
    #: the event that ends it while it waits, by cart.id
    ended_by: str | None = None
    #: it acts only where data.wait.seconds is this
    seconds: int | None = None


RULES = {
    "at-once": Expected(event="ping.sent"),
    "ping-after": Expected(event="ping.sent", delay=1_000),
    "later-3s": Expected(event="later.asked", delay=3_000, seconds=3),
    "later-5s": Expected(event="later.asked", delay=5_000, seconds=5),
    "unless-bought": Expected(event="cart.left", delay=2_000, schedule=(0, 300, 600, 900), ended_by="cart.bought"),
    "two-steps": Expected(event="pair.asked", steps=("webhook", "webhook")),
    "flaky": Expected(event="flaky.asked", schedule=(0, 300, 600, 900)),
    "relay": Expected(event="relay.asked", steps=("emit",)),
    "relayed": Expected(event="relay.made"),
    "hopeless": Expected(event="hopeless.asked", schedule=(0, 200, 300)),
    "gone": Expected(event="gone.asked"),
    "tell-dead": Expected(event=DEAD_LETTERED),
}


def rules_for(event_type: str, data: dict[str, Any]) -> list[str]:
    """The rules that are to act on an event, each once."""
    return sorted(
        name
        for name, rule in RULES.items()
        if rule.event == event_type and (rule.seconds is None or data["wait"]["seconds"] == rule.seconds)
    )
