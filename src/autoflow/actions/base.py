"""What every action has in common: what it is handed, and what it answers.

The executor renders the parameters before it and records the outcome after it. An action sends once;
it never retries, never reads the store, and ends: `bounded` sees to that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Outcome


class Request(NamedTuple):
    """One attempt at one action: the rendered parameters and who asks. A named tuple: it is made for each attempt.

    Secret references stand in `params` as written; an action resolves them as it sends.
    """

    params: JsonObject
    #: the idempotency key, the same on every attempt
    key: str
    #: 1 for the first
    attempt: int
    account: str
    rule_id: str
    run_id: str
    event_id: str
    event_type: str
    #: UTC milliseconds
    now: int

    def metadata(self) -> dict[str, Json]:
        """Who sends this, in the CRM seed's names."""
        return {
            "source": "autoflow",
            "ruleId": self.rule_id,
            "triggerId": self.run_id,
            "accountId": self.account,
        }


class Action(Protocol):
    """A notifier or another action, ready to send."""

    def target(self, params: JsonObject) -> str | None:
        """What it sends to (`smtp:mail.example.com:587`, `https://hooks.example.com:443`), before rendering.

        Slots are shared out by it. None for an action that sends nothing out.
        """
        ...

    async def perform(self, request: Request) -> Outcome:
        """Send once. Whatever goes wrong is an outcome; raising is a defect."""
        ...


class InnerAction(Action, Protocol):
    """An action that sends nothing out: what it does is a line of our own log, or stands in its outcome."""

    def act(self, request: Request) -> Outcome:
        """Do it at once. Where it answers anything but Delivered it has done nothing, and may be asked again."""
        ...


Actions = Mapping[str, Action]
"""By action type, or by `type:notifier` where the config names several of one type."""


def header_safe(value: str) -> bool:
    """Whether a text may stand in a header: no control characters."""
    return _CONTROL.search(value) is None


def recipients_of(value: Json) -> Sequence[str]:
    """A rendered recipient as a list of addresses without empty ones."""
    values = value if isinstance(value, list) else [value]
    return [text for v in values if v is not None and (text := str(v).strip())]


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
