"""A notifier: a named way to tell a person or another system, as the config sets it up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autoflow.model.json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """One entry under `notifiers:`. Secrets in `options` are references, never values."""

    name: str
    #: the action that uses it, for example `sms`
    type: str
    #: how it sends, for example `smtp`, `twilio`, `http` or `outbox`
    transport: str
    options: Mapping[str, Json] = field(default_factory=dict)
