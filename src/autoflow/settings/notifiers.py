"""What may stand under `notifiers:`, by type and transport, and how an entry becomes a `Notifier`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from autoflow.settings.kinds import FILE, HEADERS, HOST, KEYS, LONG_SPAN, PORT, TEXT, URL, Kind, words


class Option(NamedTuple):
    """One option of a notifier."""

    kind: Kind
    doc: str
    required: bool = False
    #: whether it should be a `secret://` reference
    secret: bool = False


class Transport(NamedTuple):
    """One way of sending, with its options by name."""

    doc: str
    options: Mapping[str, Option]
    #: options of which one is enough
    one_of: tuple[str, ...] = ()


_TIMEOUT = Option(kind=LONG_SPAN, doc="How long one attempt may take.")

_SMTP = Transport(
    doc="A mail server.",
    options={
        "host": Option(kind=HOST, doc="The server's name.", required=True),
        "port": Option(kind=PORT, doc="Its port; default 587 with starttls, 465 with tls, 25 with none."),
        "tls": Option(
            kind=words("starttls", "tls", "none"), doc="How the connection is encrypted; default starttls."
        ),
        "username": Option(kind=TEXT, doc="Who logs in."),
        "password": Option(kind=TEXT, doc="With what.", secret=True),
        "from": Option(kind=TEXT, doc="The sender, as `Name <address>`.", required=True),
        "helo": Option(kind=TEXT, doc="The name this machine greets the server with."),
        "ca_file": Option(kind=FILE, doc="Certificates to trust instead of the machine's."),
        "timeout": _TIMEOUT,
    },
)
_TWILIO = Transport(
    doc="Twilio, or what speaks like it.",
    options={
        "base_url": Option(kind=URL, doc="Where the API is; default https://api.twilio.com."),
        "account_sid": Option(kind=TEXT, doc="The account.", required=True),
        "auth_token": Option(kind=TEXT, doc="Its token.", required=True, secret=True),
        "from": Option(kind=TEXT, doc="The sender's number."),
        "messaging_service_sid": Option(kind=TEXT, doc="The messaging service, in place of a number."),
        "timeout": _TIMEOUT,
    },
    one_of=("from", "messaging_service_sid"),
)
_GATEWAY = Transport(
    doc="A gateway that takes each message as JSON.",
    options={
        "url": Option(kind=URL, doc="Where messages are posted.", required=True),
        "token": Option(kind=TEXT, doc="A bearer token.", secret=True),
        "headers": Option(kind=HEADERS, doc="Further headers."),
        "from": Option(kind=TEXT, doc="The sender's number or name."),
        "timeout": _TIMEOUT,
    },
)
_POST = Transport(
    doc="What every webhook of the rules has in common.",
    options={
        "secret": Option(kind=KEYS, doc="The key that signs, or a list of them while keys change.", secret=True),
        "timeout": _TIMEOUT,
    },
)

TRANSPORTS: Mapping[str, Mapping[str, Transport]] = {
    "email": {
        "smtp": _SMTP,
        "outbox": Transport(
            doc="Files in `<state>/outbox`, one a message.",
            options={"from": Option(kind=TEXT, doc="The sender.")},
        ),
    },
    "sms": {
        "twilio": _TWILIO,
        "http": _GATEWAY,
        "outbox": Transport(doc="Files in `<state>/outbox`, one a message.", options={}),
    },
    "webhook": {"http": _POST},
}
"""By type, then by transport. Where there is one transport only, it need not be named."""
