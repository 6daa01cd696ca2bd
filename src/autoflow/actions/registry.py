"""The actions that the config makes ready to send; what rules know of them is the table in `kinds`.

A new action is one file of its own, one entry in `kinds.py` and one line here. The modules that open
connections are imported by `build_actions`: checking rules needs the table only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from autoflow.actions.base import Action, Actions
from autoflow.actions.kinds import SMTP_PORTS
from autoflow.errors import ConfigError
from autoflow.model.json import Json
from autoflow.model.notifier import Notifier
from autoflow.observe.log import get_log
from autoflow.security.egress import join_host, read_url
from autoflow.security.outgoing import DEADLINE_MS, Outgoing
from autoflow.security.secrets import Secrets
from autoflow.templates import TemplateLibrary

TRANSPORTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "email": ("smtp", "outbox"),
        "sms": ("twilio", "http", "outbox"),
        "webhook": ("http", "outbox"),
    }
)
"""Which action types notifiers are for, and how each can send; the first is the default."""

_REQUIRED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("email", "smtp"): ("host", "from"),
    ("sms", "twilio"): ("account_sid", "auth_token"),
    ("sms", "http"): ("url",),
}

_log = get_log("autoflow.actions")


def _log_line(message: str, who: dict[str, Json]) -> None:
    _log.info("action.message", message=message, **who)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """What actions need of the process around them."""

    state_dir: Path
    #: the templates as they were last loaded
    library: Callable[[], TemplateLibrary]
    #: shows a message of the outbox on the terminal
    show: Callable[[str], None]
    version: str
    #: takes the lines of `log` actions
    write_log: Callable[[str, dict[str, Json]], None] = _log_line
    #: the longest one attempt may take
    timeout_ms: int = DEADLINE_MS


def build_actions(
    notifiers: Mapping[str, Notifier], outgoing: Outgoing, secrets: Secrets, context: ActionContext
) -> Actions:
    """All actions that this config can perform: by type, and by `type:notifier` for each notifier.

    The notifier that is called like its type is the default one, else the first of that type.
    """
    builder = _Builder(outgoing=outgoing, secrets=secrets, context=context)
    made = builder.build_own()
    named: set[str] = set()
    for notifier in notifiers.values():
        action = builder.build(notifier)
        made[f"{notifier.type}:{notifier.name}"] = action
        if notifier.name == notifier.type or notifier.type not in named:
            made[notifier.type] = action
        named.add(notifier.type)
    return MappingProxyType(made)


def trusted_hosts(notifiers: Mapping[str, Notifier]) -> tuple[str, ...]:
    """`host:port` of each notifier's own server, for the guard: it is allowed by standing in the config."""
    hosts = []
    for notifier in notifiers.values():
        options = notifier.options
        transport = notifier.transport or TRANSPORTS.get(notifier.type, ("",))[0]
        if transport == "smtp" and options.get("host"):
            port = options.get("port") or SMTP_PORTS.get(str(options.get("tls", "starttls")), 0)
            hosts.append(join_host(str(options["host"]), int(port)))
        url = options.get({"twilio": "base_url", "http": "url"}.get(transport, ""))
        if url:
            origin = read_url(str(url)).origin
            hosts.append(join_host(origin.host, origin.port))
    return tuple(dict.fromkeys(hosts))


def check_notifier(notifier: Notifier) -> None:
    """ConfigError unless an action can be built from it."""
    place = f"notifiers.{notifier.name}"
    known = TRANSPORTS.get(notifier.type)
    if known is None:
        raise ConfigError(f"{place}: there is no notifier type {notifier.type!r}", hint=_say(TRANSPORTS))
    if (notifier.transport or known[0]) not in known:
        raise ConfigError(f"{place}: {notifier.transport!r} is not a transport", hint=_say(known))
    options = notifier.options
    for name in _REQUIRED.get((notifier.type, notifier.transport or known[0]), ()):
        if not options.get(name):
            raise ConfigError(f"{place}: {name} is missing")
    if notifier.type == "email" and options.get("tls", "starttls") not in ("none", "starttls", "tls"):
        raise ConfigError(f"{place}: tls is {options['tls']!r}", hint="known are none, starttls, tls")
    if notifier.transport == "twilio" and not (options.get("from") or options.get("messaging_service_sid")):
        raise ConfigError(f"{place}: from or messaging_service_sid is missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """Makes actions; imports what each needs when it is wanted."""

    outgoing: Outgoing
    secrets: Secrets
    context: ActionContext

    def build_own(self) -> dict[str, Action]:
        """The actions that need no notifier."""
        from autoflow.actions.bounded import BoundedAction
        from autoflow.actions.emit import EmitAction
        from autoflow.actions.http import HttpAction
        from autoflow.actions.log import LogAction

        version, timeout_ms = self.context.version, self.context.timeout_ms
        outer: dict[str, Action] = {
            "webhook": self._build_webhook(None, timeout_ms),
            "http": HttpAction(self.outgoing, self.secrets, version=version, timeout_ms=timeout_ms),
        }
        # What sends nothing out waits for nothing, and needs no bound.
        return {
            "emit": EmitAction(),
            "log": LogAction(self.context.write_log, self.secrets),
            **{name: BoundedAction(action, timeout_ms=timeout_ms) for name, action in outer.items()},
        }

    def build(self, notifier: Notifier) -> Action:
        """The action of one notifier."""
        from autoflow.actions.bounded import BoundedAction

        check_notifier(notifier)
        return BoundedAction(self._build(notifier), timeout_ms=self._timeout_of(notifier))

    def _build(self, notifier: Notifier) -> Action:
        transport = notifier.transport or TRANSPORTS[notifier.type][0]
        if transport == "outbox":
            return self._build_outbox(notifier)
        match notifier.type:
            case "email":
                return self._build_email(notifier)
            case "sms":
                return self._build_sms(notifier, transport)
            case _:
                return self._build_webhook(notifier.options.get("secret"), self._timeout_of(notifier))

    def _timeout_of(self, notifier: Notifier) -> int:
        return int(notifier.options.get("timeout_ms") or self.context.timeout_ms)

    def _build_webhook(self, secret: Json, timeout_ms: int) -> Action:
        from autoflow.actions.webhook import WebhookAction

        return WebhookAction(
            self.outgoing,
            self.secrets,
            version=self.context.version,
            secret=secret,
            timeout_ms=timeout_ms,
        )

    def _build_email(self, notifier: Notifier) -> Action:
        from autoflow.actions.email import EmailAction

        try:
            return EmailAction(
                self.outgoing, self.secrets, options=notifier.options, timeout_ms=self._timeout_of(notifier)
            )
        except (OSError, ValueError) as error:
            raise ConfigError(f"notifiers.{notifier.name}: {error}") from error

    def _build_sms(self, notifier: Notifier, transport: str) -> Action:
        from autoflow.actions.sms import GatewaySms, TwilioSms

        kind = TwilioSms if transport == "twilio" else GatewaySms
        return kind(
            self.outgoing,
            self.secrets,
            options=notifier.options,
            version=self.context.version,
            timeout_ms=self._timeout_of(notifier),
        )

    def _build_outbox(self, notifier: Notifier) -> Action:
        from autoflow.actions.outbox import OutboxAction

        return OutboxAction(
            notifier.type,
            self.context.state_dir / "outbox",
            self.context.show,
            self.secrets,
            options=notifier.options,
        )


def _say(names: Mapping[str, object] | tuple[str, ...]) -> str:
    return f"known are {', '.join(names)}"
