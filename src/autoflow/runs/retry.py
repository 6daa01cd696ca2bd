"""What follows a failed attempt: another one at a time, or none. A pure function; the executor records it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autoflow.model.run import DeadLetterReason, Retry
from autoflow.model.span import UNITS
from autoflow.model.step import RetryPolicy

LONGEST_WAIT = 24 * UNITS["h"]
JITTER = 0.1
"""Upward only: an attempt is never made earlier than its schedule says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TryAgain:
    """The next attempt is made at this moment (UTC milliseconds)."""

    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """There is no further attempt."""

    reason: DeadLetterReason


def decide_retry(
    policy: RetryPolicy, failure: Retry, *, attempt: int, now: int, random: Callable[[], float]
) -> TryAgain | GiveUp:
    """What follows attempt number `attempt` (1 for the first of its series) that failed with `failure`.

    `random` gives 0.0 to 1.0; tests give a constant.
    """
    if attempt >= policy.max_attempts:
        return GiveUp(reason=DeadLetterReason.MAX_ATTEMPTS)
    scheduled = policy.schedule[attempt]
    asked = failure.after or 0
    budget = sum(policy.schedule[attempt:])
    if asked > max(budget, scheduled):
        return GiveUp(reason=DeadLetterReason.RETRY_AFTER_TOO_LONG)
    wait = min(max(scheduled, asked), LONGEST_WAIT)
    return TryAgain(at=now + wait + round(wait * JITTER * random()))
