"""What the daemon is told by its config, its environment and its flags, as values ready to use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from autoflow.model.notifier import Notifier
from autoflow.model.problem import Problem
from autoflow.model.retry import PRESETS
from autoflow.model.span import UNITS
from autoflow.model.step import RetryPolicy

PREFIX = "AUTOFLOW_"
"""What the environment's variables for settings begin with."""

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_OUTBOXES = MappingProxyType({name: Notifier(name=name, type=name, transport="outbox") for name in ("email", "sms")})


class HttpSettings(NamedTuple):
    """Where and for whom the daemon listens; without a host it does not."""

    host: str | None = "127.0.0.1"
    port: int | None = 8787
    auth: Literal["token", "none"] = "token"
    #: further names that a request's Host header may carry, beside the address listened on and localhost
    allowed_hosts: tuple[str, ...] = ()


class EgressSettings(NamedTuple):
    """Which inside targets rules may reach, as host or host:port."""

    allow: tuple[str, ...] = ()
    #: refuse http:// targets that are not inside
    require_https: bool = False


class Retention(NamedTuple):
    """How long what is done with is kept, in milliseconds, and how large the database may grow, in bytes."""

    events: int = 30 * UNITS["d"]
    #: events that no rule wanted
    unmatched_events: int = 7 * UNITS["d"]
    #: how long a repeated event is known as a duplicate
    duplicates: int = 7 * UNITS["d"]
    runs: int = 90 * UNITS["d"]
    dead_letters: int = 30 * UNITS["d"]
    max_size: int = 10 * GIB


class RecordSettings(NamedTuple):
    """What stands in scenarios that are written from stored events."""

    #: `email`, `phone`, or references to values: what is made up
    redact: tuple[str, ...] = ("email", "phone")


class Limits(NamedTuple):
    """How much of anything is taken at once; sizes in bytes, times in milliseconds."""

    #: one HTTP request
    body: int = MIB
    event_bytes: int = MIB
    #: levels of nesting in one event
    depth: int = 64
    #: events in one request
    batch: int = 1_000
    header_bytes: int = 32 * KIB
    #: events that lead to events that lead to events
    chain_depth: int = 16
    #: sends at once
    slots: int = 64
    #: the part of the slots that one target may hold
    target_share: float = 0.25
    shutdown_grace: int = 25 * UNITS["s"]


class EventFiles(NamedTuple):
    """What an event of one name looks like: files with its data, and a JSON Schema of it."""

    examples: tuple[Path, ...] = ()
    schema: Path | None = None


class Settings(NamedTuple):
    """Everything the config says, checked; paths are absolute, secrets are still references."""

    #: the config file, or None where there is none
    path: Path | None = None
    rules: Path = Path("rules")
    templates: Path = Path("templates")
    state: Path = Path("state")
    http: HttpSettings = HttpSettings()
    egress: EgressSettings = EgressSettings()
    notifiers: Mapping[str, Notifier] = _OUTBOXES
    retry: RetryPolicy = PRESETS["standard"]
    timezone: str = "UTC"
    retention: Retention = Retention()
    limits: Limits = Limits()
    record: RecordSettings = RecordSettings()
    #: the catalogue of events, by name: what rules are reviewed against
    events: Mapping[str, EventFiles] = MappingProxyType({})
    #: what can be used and is probably not meant
    warnings: tuple[Problem, ...] = ()
