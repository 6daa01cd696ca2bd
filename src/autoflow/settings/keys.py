"""Every key of the config but the notifiers': where it stands, what it takes and what it is for.

The reader, the JSON Schema and the tests of example and docs all read this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from autoflow.settings.kinds import (
    FLAG,
    HOST,
    LISTEN,
    LONG_SPAN,
    PATH,
    REDACTED,
    RETRY,
    SHARE,
    SIZE,
    SPAN,
    TARGET,
    ZONE,
    Kind,
    lists,
    numbers,
    words,
)

NOTIFIERS = "notifiers"
EVENTS = "events"
SECTIONS_SAID = {
    "http": "The HTTP door.",
    "egress": "What rules may reach.",
    "retention": "How long what has been is kept.",
    "record": "What stands in scenarios that are written from stored events.",
    "limits": "How much of anything is taken at once.",
    NOTIFIERS: "Who sends messages, by name; the type is the name, or written as `type`.",
    EVENTS: "What the events of each name look like: `autoflow validate` reviews rules against it.",
}
SECTIONS = tuple(SECTIONS_SAID)


class Key(NamedTuple):
    """One key: `http.listen`."""

    name: str
    kind: Kind
    #: as it would be written
    default: str
    doc: str


_ALL = (
    Key(name="rules", kind=PATH, default="rules/", doc="The directory of rule files, read recursively."),
    Key(name="templates", kind=PATH, default="templates/", doc="The directory of message templates."),
    Key(name="state", kind=PATH, default="state/", doc="Where database, socket, lock, token and outbox are kept."),
    Key(
        name="http.listen",
        kind=LISTEN,
        default="127.0.0.1:8787",
        doc="The address and port of the HTTP door, or `none`. Port 0 takes a free one.",
    ),
    Key(
        name="http.auth",
        kind=words("token", "none"),
        default="token",
        doc="Whether a request must carry the token in `<state>/token`; `none` only where nobody else can reach it.",
    ),
    Key(
        name="http.allowed_hosts",
        kind=lists(HOST),
        default="[]",
        doc="Names a request's Host header may carry, beside the address listened on and localhost.",
    ),
    Key(
        name="egress.allow",
        kind=lists(TARGET),
        default="[]",
        doc="Inside targets that rules may reach: host, host:port, address or network.",
    ),
    Key(
        name="egress.require_https",
        kind=FLAG,
        default="false",
        doc="Whether targets must be https.",
    ),
    Key(name="retry", kind=RETRY, default="standard", doc="How often and when a failed action is tried again."),
    Key(name="timezone", kind=ZONE, default="UTC", doc="The zone of event times that are written without one."),
    Key(name="retention.events", kind=LONG_SPAN, default="30d", doc="How long events are kept."),
    Key(
        name="retention.unmatched_events",
        kind=LONG_SPAN,
        default="7d",
        doc="How long events that no rule wanted are kept.",
    ),
    Key(
        name="retention.duplicates",
        kind=LONG_SPAN,
        default="7d",
        doc="How long an event that comes again is known as a duplicate.",
    ),
    Key(name="retention.runs", kind=LONG_SPAN, default="90d", doc="How long finished runs are kept."),
    Key(name="retention.dead_letters", kind=LONG_SPAN, default="30d", doc="How long dead letters are kept."),
    Key(name="retention.max_size", kind=SIZE, default="10GiB", doc="How large the database may grow."),
    Key(
        name="record.redact",
        kind=lists(REDACTED),
        default="[email, phone]",
        doc="What `autoflow test record` makes up: email, phone, and references to values (job.client.name).",
    ),
    Key(name="limits.body", kind=SIZE, default="1MiB", doc="The largest HTTP request."),
    Key(name="limits.event_bytes", kind=SIZE, default="1MiB", doc="The largest single event."),
    Key(name="limits.depth", kind=numbers(1, 500), default="64", doc="How deep an event may be nested."),
    Key(name="limits.batch", kind=numbers(1, 100_000), default="1000", doc="How many events one request may hold."),
    Key(name="limits.header_bytes", kind=SIZE, default="32KiB", doc="The largest head of an HTTP request."),
    Key(
        name="limits.chain_depth",
        kind=numbers(1, 1_000),
        default="16",
        doc="How long a chain of events that lead to events may grow.",
    ),
    Key(name="limits.slots", kind=numbers(1, 10_000), default="64", doc="How many actions are sent at once."),
    Key(
        name="limits.target_share",
        kind=SHARE,
        default="0.25",
        doc="The part of the slots that one target may hold.",
    ),
    Key(
        name="limits.shutdown_grace",
        kind=SPAN,
        default="25s",
        doc="How long what is under way may take to finish when the daemon is told to stop.",
    ),
)
KEYS: Mapping[str, Key] = {key.name: key for key in _ALL}
