"""A pending trigger: what waits until it is due. The only thing in autoflow that waits."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class PendingKind(StrEnum):
    """Why it waits."""

    #: a rule's delay; its run has not begun
    START = "start"
    #: a run that goes on at a later step
    RESUME = "resume"
    #: a step whose last attempt failed
    RETRY = "retry"


class Pending(NamedTuple):
    """One row of `pending_triggers`.

    A named tuple, as an event is: it is made for each run.
    """

    id: int
    kind: PendingKind
    account: str
    run_id: str
    version_id: int
    rule_id: str
    event_seq: int
    due_at: int
    #: the step to go on with, by its position in the rule, from 0
    step: int
    #: what the next step sends to; None for a step that sends nothing out
    target: str | None
    shadow: bool
    #: why it is to end at its next step; None where it is not
    cancelled: str | None
    created_at: int
    #: how often the daemon ended while it was under way
    lost: int
