"""What every action has in common: its parameters, what it is handed, and what it answers.

The executor renders the parameters before it and records the outcome after it. An action sends once;
it never retries, never reads the store, and ends: `bounded` sees to that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Outcome


class ParamKind(StrEnum):
    """What may stand at a parameter, and how it is rendered."""

    #: text with templates; renders to text
    TEXT = "text"
    #: text with templates, `{ fact: ref }`, or a list of them; renders to text or a list of texts
    RECIPIENT = "recipient"
    #: any JSON: texts inside are templates, `{ fact: ref }` keeps the type, `{ literal: ... }` is sent as is
    VALUE = "value"
    #: text with templates in the path and the query only
    URL = "url"
    #: a map of text: header names to texts with templates or secret references
    HEADERS = "headers"
    #: a word as it stands, one of `choices` where there are any; never a template
    WORD = "word"
    #: the name of a file in templates/, without its ending
    TEMPLATE = "template"
    #: the name of a notifier in the config
    NOTIFIER = "notifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter of an action: for the validator, the JSON Schema and the docs page."""

    name: str
    kind: ParamKind
    doc: str
    required: bool = False
    choices: tuple[str, ...] = ()
    #: spellings of the seeds that are accepted and written as `name`
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionType:
    """An action as rules know it: its name, its parameters and what it does, without any connection."""

    name: str
    doc: str
    params: tuple[Param, ...]
    #: names of the seeds and peers that are accepted and written as `name`
    aliases: tuple[str, ...] = ()
    #: sets of parameters of which exactly one must be given
    one_of: tuple[tuple[str, ...], ...] = ()
    #: whether it tells a person through a notifier of the config
    notifies: bool = False

    def param(self, name: str) -> Param | None:
        """The parameter of this name or alias."""
        return next((p for p in self.params if name == p.name or name in p.aliases), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One attempt at one action: the rendered parameters and who asks.

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
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}
    | {"idempotency-key", "accept-encoding", "proxy-authorization", "proxy-connection", "keep-alive"}
)
_OUR_PREFIXES = ("webhook-", "x-autoflow-")


def is_reserved_header(name: str) -> bool:
    """Whether a header is set by autoflow itself, and never by a rule."""
    low = name.lower()
    return low in _OURS or low.startswith(_OUR_PREFIXES)
