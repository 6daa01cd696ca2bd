"""A step of a rule, and how often an attempt at it is repeated."""

from __future__ import annotations

from dataclasses import dataclass

from autoflow.model.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When the next attempt is made. `schedule[n]` is the wait before attempt n+1, in milliseconds.

    A policy with a formula is written out into its schedule on load, so that one shape remains.
    """

    schedule: tuple[int, ...]

    @property
    def max_attempts(self) -> int:
        """The first attempt counts."""
        return len(self.schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One acting step: an action's type, its parameters as written, and where it stands (`1`, `2`)."""

    path: str
    id: str | None = None
    #: the action's type, for example `sms`
    type: str
    #: as written: templates not rendered, secrets as references
    params: JsonObject
    retry: RetryPolicy | None = None
