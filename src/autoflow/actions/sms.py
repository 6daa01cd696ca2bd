"""The sms action: through Twilio, or through any gateway that takes JSON over HTTP."""

from __future__ import annotations

import base64
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from autoflow.actions.base import Request, recipients_of
from autoflow.actions.exchange import Refused, build_headers, metadata_headers, name_target, settle, write_body
from autoflow.actions.responses import Profile, judge_answer
from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Delivered, Outcome, Reject, Retry
from autoflow.security.outgoing import DEADLINE_MS, Answer, Outgoing, Send
from autoflow.security.secrets import Secrets

MESSAGE_CAP = 1_600
"""Characters of one message; Twilio's limit, ten segments of plain text."""

_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]")
_NUMBER = re.compile(r"\+?[0-9]{3,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text message, checked."""

    recipient: str
    message: str


class SmsAction(ABC):
    """What both ways of sending share."""

    def __init__(
        self,
        outgoing: Outgoing,
        secrets: Secrets,
        *,
        options: Mapping[str, Json],
        version: str,
        timeout_ms: int = DEADLINE_MS,
    ) -> None:
        self._outgoing = outgoing
        self._secrets = secrets
        self._options = options
        self._version = version
        self._timeout_ms = timeout_ms

    def target(self, params: JsonObject) -> str | None:
        """The gateway's scheme, host and port."""
        return name_target(self._url())

    async def perform(self, request: Request) -> Outcome:
        """Send once."""
        return await settle(self._send(request), self._secrets)

    async def _send(self, request: Request) -> Outcome:
        headers, body = self._write(request, read_text(request.params))
        answer = await self._outgoing.request(
            Send(
                method="POST",
                url=self._url(),
                headers=headers,
                body=body,
                timeout_ms=self._timeout_ms,
                own=True,
            )
        )
        return self._judge(answer, request)

    @abstractmethod
    def _url(self) -> str:
        """Where to."""

    @abstractmethod
    def _write(self, request: Request, text: Text) -> tuple[dict[str, str], bytes]:
        """Headers and body."""

    def _judge(self, answer: Answer, request: Request) -> Outcome:
        failed = judge_answer(answer, Profile.API, request.now)
        return failed or Delivered(output={"message_id": read_message_id(answer), "status": answer.status})


class TwilioSms(SmsAction):
    """Twilio's Messages resource. It knows no idempotency key: a timeout can mean a second message."""

    def _url(self) -> str:
        base = str(self._options.get("base_url") or "https://api.twilio.com").rstrip("/")
        return f"{base}/2010-04-01/Accounts/{quote(str(self._options['account_sid']), safe='')}/Messages.json"

    def _write(self, request: Request, text: Text) -> tuple[dict[str, str], bytes]:
        sid = str(self._options["account_sid"])
        token = self._secrets.resolve(str(self._options["auth_token"]))
        headers = {
            "Authorization": "Basic " + base64.b64encode(f"{sid}:{token}".encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
            "Idempotency-Key": request.key,
            **metadata_headers(request, self._version),
        }
        form = {"To": text.recipient, "Body": text.message}
        if service := self._options.get("messaging_service_sid"):
            form["MessagingServiceSid"] = str(service)
        else:
            form["From"] = str(self._options["from"])
        return headers, urlencode(form).encode()

    def _judge(self, answer: Answer, request: Request) -> Outcome:
        outcome = super()._judge(answer, request)
        code = _read_object(answer).get("code")
        if not isinstance(code, int) or isinstance(outcome, Delivered):
            return outcome
        if isinstance(outcome, Retry):
            return Retry(code=f"twilio-{code}", detail=outcome.detail, after=outcome.after)
        return Reject(code=f"twilio-{code}", detail=outcome.detail)


class GatewaySms(SmsAction):
    """Any gateway that takes `{recipient, message, metadata}` as JSON and honours an idempotency key."""

    def _url(self) -> str:
        return str(self._options["url"])

    def _write(self, request: Request, text: Text) -> tuple[dict[str, str], bytes]:
        ours = {
            "Content-Type": "application/json",
            "Idempotency-Key": request.key,
            **metadata_headers(request, self._version),
        }
        if token := self._options.get("token"):
            ours["Authorization"] = f"Bearer {self._secrets.resolve(str(token))}"
        body = {"recipient": text.recipient, "message": text.message, "metadata": request.metadata()}
        if sender := self._options.get("from"):
            body["from"] = sender
        headers = build_headers({"headers": self._options.get("headers")}, self._secrets, ours)
        return headers, write_body(body)


def read_text(params: JsonObject) -> Text:
    """The text message of these parameters. Refused when nobody would get it or it says nothing."""
    recipients = recipients_of(params.get("recipient"))
    if not recipients:
        raise Refused("empty-recipient", "there is no recipient")
    if len(recipients) > 1:
        raise Refused("too-many-recipients", "an sms goes to one number; use a step for each")
    template = params.get("template")
    message = params.get("message")
    if message is None and isinstance(template, Mapping):
        message = template.get("text")
    cleaned = clean_message(str(message or ""))
    if not cleaned:
        raise Refused("empty-message", "the message is empty")
    if len(cleaned) > MESSAGE_CAP:
        raise Refused("message-too-long", f"the message has {len(cleaned)} characters; at most {MESSAGE_CAP}")
    return Text(recipient=normalise_number(recipients[0]), message=cleaned)


def normalise_number(text: str) -> str:
    """A phone number without spaces, brackets and dashes; 00 becomes +."""
    number = _SEPARATORS.sub("", text.removeprefix("tel:"))
    if number.startswith("00"):
        number = "+" + number[2:]
    if not number.isascii() or not _NUMBER.fullmatch(number):
        raise Refused("bad-recipient", f"{text!r} is not a phone number")
    return number


def clean_message(text: str) -> str:
    """The text without control characters; line breaks stay."""
    text = text.replace("\r\n", "\n").replace("\t", " ")
    return "".join(c for c in text if c == "\n" or not (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0)).strip()


def read_message_id(answer: Answer) -> Json:
    """The gateway's own id of the message, under any of the usual names; None where it gives none."""
    found = _read_object(answer)
    return next((found[name] for name in ("sid", "message_id", "messageId", "id") if name in found), None)


def _read_object(answer: Answer) -> Mapping[str, Json]:
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
