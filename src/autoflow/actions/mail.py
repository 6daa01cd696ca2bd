"""A mail as it is sent: addresses checked, headers free of line breaks, the Message-ID made from the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from autoflow.actions.base import Request, header_safe, recipients_of
from autoflow.actions.exchange import Refused
from autoflow.model.json import Json, JsonObject

MAX_RECIPIENTS = 50
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_MAILBOX = re.compile(r'(?P<name>"(?:[^"\\]|\\.)*"|[^<>",;:@]*)\s*<(?P<spec>[^<>\s]+)>|(?P<bare>[^<>\s]+)')
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=78)
"""7bit, so that no server needs to know 8BITMIME."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A composed mail and the addresses on its envelope."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    message_id: str
    content: bytes


def compose_mail(request: Request, sender: str) -> Mail:
    """The mail of a request. Refused when nobody would get it or a header is not safe."""
    params = request.params
    author = read_address(sender)
    to, cc = _read_addresses(params.get("recipient")), _read_addresses(params.get("cc"))
    if not to:
        raise Refused("empty-recipient", "there is no recipient")
    if len(to) + len(cc) > MAX_RECIPIENTS:
        raise Refused("too-many-recipients", f"{len(to) + len(cc)} recipients; at most {MAX_RECIPIENTS}")
    subject, text, html = _read_parts(params)
    message_id = f"<{request.key}@{author.domain}>"
    message = EmailMessage(policy=_POLICY)
    message["From"], message["To"] = author, to
    if cc:
        message["Cc"] = cc
    if reply_to := _read_addresses(params.get("reply_to")):
        message["Reply-To"] = reply_to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(request.now / 1000, UTC))
    message["Message-ID"] = message_id
    _add_metadata(message, request)
    _add_body(message, text, html)
    return Mail(
        sender=author.addr_spec,
        recipients=tuple(dict.fromkeys(address.addr_spec for address in (*to, *cc))),
        subject=subject,
        text=text or html or "",
        message_id=message_id,
        content=message.as_bytes(),
    )


def read_address(text: str) -> Address:
    """One address, `a@b.example` or `Name <a@b.example>`. A text with several is refused, not split."""
    if not header_safe(text):
        raise Refused("header-injection", "an address cannot hold line breaks or control characters")
    match = _MAILBOX.fullmatch(text.strip())
    if match is None:
        raise Refused("bad-recipient", f"{text!r} is not one mail address")
    name, spec = (match["name"] or "").strip(), match["spec"] or match["bare"]
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    user, _, domain = spec.rpartition("@")
    try:
        spec = f"{user}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise Refused("bad-recipient", f"{text!r} has no valid domain") from None
    if not _ADDRESS.fullmatch(spec):
        raise Refused("bad-recipient", f"{text!r} is not a mail address")
    return Address(display_name=name, addr_spec=spec)


def _read_addresses(value: Json) -> tuple[Address, ...]:
    return tuple(read_address(text) for text in recipients_of(value))


def _read_parts(params: JsonObject) -> tuple[str, str | None, str | None]:
    """Subject, text and HTML, from the template where there is one; the rule's own subject wins."""
    template = params.get("template")
    parts: Mapping[str, Json] = template if isinstance(template, Mapping) else {}
    text, html = params.get("message"), parts.get("html")
    text = parts.get("text") if text is None else str(text)
    if text is None and html is None:
        raise Refused("bad-params", "there is neither a message nor a template")
    subject = params.get("subject")
    subject = str(parts.get("subject") or "" if subject is None else subject).strip()
    if not header_safe(subject):
        raise Refused("header-injection", "the subject holds a line break or a control character")
    return subject, text, html


def _add_body(message: EmailMessage, text: str | None, html: str | None) -> None:
    if text is not None:
        message.set_content(text)
        if html is not None:
            message.add_alternative(html, subtype="html")
    elif html is not None:
        message.set_content(html, subtype="html")


def _add_metadata(message: EmailMessage, request: Request) -> None:
    message["Auto-Submitted"] = "auto-generated"
    for name, value in (
        ("X-Autoflow-Source", "autoflow"),
        ("X-Autoflow-Rule", request.rule_id),
        ("X-Autoflow-Run", request.run_id),
        ("X-Autoflow-Account", request.account),
    ):
        if not header_safe(value):
            raise Refused("header-injection", f"{name} holds a line break or a control character")
        message[name] = value
