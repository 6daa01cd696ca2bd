"""The table of actions as rules know them: what the validator, the JSON Schema and the docs page read.

It names parameters only and opens no connection, so that checking rules imports no network library.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from autoflow.actions.types import ActionType, Param, ParamKind

SMTP_PORTS = {"none": 25, "starttls": 587, "tls": 465}
"""How a mail connection can be secured, and the port that goes with it."""

HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_TEMPLATE = Param(
    name="template",
    kind=ParamKind.TEMPLATE,
    doc="A message kept in the templates directory, by its name without the ending.",
    aliases=("templateId", "template_id"),
)
_NOTIFIER = Param(
    name="notifier",
    kind=ParamKind.NOTIFIER,
    doc="Which notifier of the config sends it, where there are several of this type.",
    aliases=("via",),
)
_URL = Param(
    name="url",
    kind=ParamKind.URL,
    doc="Where to send it. Templates may stand in path and query; what they insert is percent-encoded.",
    required=True,
)
_HEADERS = Param(
    name="headers",
    kind=ParamKind.HEADERS,
    doc="Further headers, as a map of names to texts or `secret://` references.",
)

SMS = ActionType(
    name="sms",
    doc="Sends a text message to one phone number.",
    params=(
        Param(
            name="recipient",
            kind=ParamKind.RECIPIENT,
            doc="The phone number, best in international form (+15557654321).",
            required=True,
            aliases=("to",),
        ),
        Param(
            name="message",
            kind=ParamKind.TEXT,
            doc="The text. Control characters but line breaks are taken out.",
            aliases=("body", "text"),
        ),
        _TEMPLATE,
        _NOTIFIER,
    ),
    aliases=("send_sms",),
    one_of=(("message", "template"),),
    notifies=True,
)

EMAIL = ActionType(
    name="email",
    doc="Sends an email to up to 50 addresses.",
    params=(
        Param(
            name="recipient",
            kind=ParamKind.RECIPIENT,
            doc="The address, or a list of them.",
            required=True,
            aliases=("to", "recipients"),
        ),
        Param(
            name="subject",
            kind=ParamKind.TEXT,
            doc="The subject line. A template may bring its own as NAME.subject.txt; this one wins.",
        ),
        Param(name="message", kind=ParamKind.TEXT, doc="The plain text.", aliases=("body", "text")),
        _TEMPLATE,
        Param(name="cc", kind=ParamKind.RECIPIENT, doc="Addresses that get a copy, seen by all."),
        Param(
            name="reply_to",
            kind=ParamKind.RECIPIENT,
            doc="Where answers go, if not to the sender.",
            aliases=("replyTo",),
        ),
        _NOTIFIER,
    ),
    aliases=("send_email", "mail"),
    one_of=(("message", "template"),),
    notifies=True,
)

WEBHOOK = ActionType(
    name="webhook",
    doc="Posts JSON to another system, with an idempotency key and, where a secret is set, a signature.",
    params=(
        _URL,
        Param(
            name="payload",
            kind=ParamKind.VALUE,
            doc="What is posted, as JSON.",
            required=True,
            aliases=("json", "body", "data"),
        ),
        _HEADERS,
        Param(
            name="secret",
            kind=ParamKind.WORD,
            doc="A `secret://` reference to the key that signs it, if not the notifier's.",
        ),
        _NOTIFIER,
    ),
    aliases=("webhook_call", "send_webhook", "call_webhook"),
)

HTTP = ActionType(
    name="http",
    doc="Makes an HTTP request and keeps its answer with the run.",
    params=(
        _URL,
        Param(name="method", kind=ParamKind.WORD, doc="The method; GET if not given.", choices=HTTP_METHODS),
        _HEADERS,
        Param(name="query", kind=ParamKind.VALUE, doc="A map of query parameters, added to the address."),
        Param(
            name="payload",
            kind=ParamKind.VALUE,
            doc="The body, as JSON.",
            aliases=("json", "body", "data"),
        ),
        Param(
            name="expect",
            kind=ParamKind.VALUE,
            doc='Which statuses are fine: a number, a range ("200-299", the default) or a list of both.',
        ),
    ),
    aliases=("http_request", "api_call"),
)

EMIT = ActionType(
    name="emit",
    doc="Makes a new event in the same account, in the transaction that records the step.",
    params=(
        Param(
            name="type",
            kind=ParamKind.WORD,
            doc="The new event's type, for example `job.escalated`.",
            required=True,
            aliases=("event", "event_type"),
        ),
        Param(name="data", kind=ParamKind.VALUE, doc="The new event's data, a map.", aliases=("payload",)),
        Param(name="subject", kind=ParamKind.TEXT, doc="What the new event is about."),
    ),
    aliases=("emit_event", "trigger_event"),
)

LOG = ActionType(
    name="log",
    doc="Writes a line to autoflow's own log, at level info.",
    params=(Param(name="message", kind=ParamKind.TEXT, doc="The line.", required=True, aliases=("text", "msg")),),
    aliases=("log_message",),
)

ALL_TYPES = (SMS, EMAIL, WEBHOOK, HTTP, EMIT, LOG)

ACTION_TYPES: Mapping[str, ActionType] = MappingProxyType(
    {name: kind for kind in ALL_TYPES for name in (kind.name, *kind.aliases)}
)
"""Every action by its name and by each accepted spelling of it; `.name` is the one to write."""
