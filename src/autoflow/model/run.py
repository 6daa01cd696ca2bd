"""A run: one rule acting on one event, and what each of its steps came to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from autoflow.model.json import JsonObject


class RunStatus(StrEnum):
    """Where a run stands."""

    #: its steps are being performed, or one of them waits for its next attempt
    RUNNING = "running"
    #: every step was performed
    DONE = "done"
    #: a step failed for good; its dead letter says why
    FAILED = "failed"
    #: a cancel_on event, an edit with on_change: cancel, or a person ended it
    CANCELLED = "cancelled"
    #: judged and recorded; nothing was sent
    SHADOW = "shadow"


class AttemptResult(StrEnum):
    """How one attempt ended."""

    #: the receiver took it
    DELIVERED = "delivered"
    #: it may work later
    RETRY = "retry"
    #: it will never work
    REJECTED = "rejected"
    #: the process ended before the result was known
    UNKNOWN = "unknown"


class DeadLetterReason(StrEnum):
    """Why an action was given up."""

    #: the retry policy has no attempt left
    MAX_ATTEMPTS = "max_attempts"
    #: the receiver or a check of ours said never
    PERMANENT = "permanent"
    #: the receiver asked to wait longer than the policy allows
    RETRY_AFTER_TOO_LONG = "retry-after-too-long"
    #: the daemon ended each time it was attempted
    POISON = "poison"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The action was performed."""

    output: JsonObject
    #: events it made, stored in the transaction that records the result
    events: tuple[EmittedEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """It failed in a way that may pass."""

    #: short and stable, for example `timeout`, `connect`, `http-503`
    code: str
    detail: str
    #: the least wait the receiver asked for, in milliseconds
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """It will never work as it is."""

    code: str
    detail: str


Outcome = Delivered | Retry | Reject


def result_of(outcome: Outcome) -> AttemptResult:
    """How an attempt ended that came to this."""
    match outcome:
        case Delivered():
            return AttemptResult.DELIVERED
        case Retry():
            return AttemptResult.RETRY
        case Reject():
            return AttemptResult.REJECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class EmittedEvent:
    """An event that an action makes."""

    type: str
    data: JsonObject
    subject: str | None = None


def action_key(run_id: str, step_path: str, loop_index: int = 0) -> str:
    """The idempotency key of one action: the same on every attempt and on replay."""
    digest = hashlib.sha256(f"{run_id}\0{step_path}\0{loop_index}".encode()).digest()
    bits = int.from_bytes(digest[:17]) >> 6
    return "act_" + "".join([_PAIRS[bits >> shift & 1023] for shift in range(120, -1, -10)])


# What base64.b32encode does, in lower case and for the 130 bits that a key has: it is made for each run.
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]
