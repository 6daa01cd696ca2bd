"""The webhook action: a signed POST of JSON, after Standard Webhooks, with one key on every attempt."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence

from autoflow.actions.base import Request
from autoflow.actions.exchange import (
    Refused,
    build_headers,
    metadata_headers,
    name_target,
    need_text,
    settle,
    write_body,
)
from autoflow.actions.responses import Profile, judge_answer
from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Delivered, Outcome
from autoflow.security.outgoing import DEADLINE_MS, Outgoing, Send
from autoflow.security.secrets import Secrets


class WebhookAction:
    """Posts a payload. `secret` (a reference, or a list while keys change) signs what the rule does not sign."""

    def __init__(
        self,
        outgoing: Outgoing,
        secrets: Secrets,
        *,
        version: str,
        secret: Json = None,
        timeout_ms: int = DEADLINE_MS,
    ) -> None:
        self._outgoing = outgoing
        self._secrets = secrets
        self._version = version
        self._secret = secret
        self._timeout_ms = timeout_ms

    def target(self, params: JsonObject) -> str | None:
        """The receiver's scheme, host and port."""
        return name_target(params.get("url"))

    async def perform(self, request: Request) -> Outcome:
        """Post once."""
        return await settle(self._post(request), self._secrets)

    async def _post(self, request: Request) -> Outcome:
        params = request.params
        if "payload" not in params:
            raise Refused("bad-params", "payload is missing")
        body = write_body(params["payload"])
        moment = request.now // 1000
        ours = {
            "Content-Type": "application/json",
            "Idempotency-Key": request.key,
            "webhook-id": request.key,
            "webhook-timestamp": str(moment),
            **metadata_headers(request, self._version),
        }
        keys = self._read_keys(params.get("secret") or self._secret)
        if keys:
            ours["webhook-signature"] = sign(keys, request.key, moment, body)
        headers = build_headers(params, self._secrets, ours)
        url = need_text(params, "url")
        answer = await self._outgoing.request(
            Send(method="POST", url=url, headers=headers, body=body, timeout_ms=self._timeout_ms)
        )
        failed = judge_answer(answer, Profile.DELIVERY, request.now)
        return failed or Delivered(output={"status": answer.status})

    def _read_keys(self, secret: Json) -> list[bytes]:
        written = secret if isinstance(secret, list | tuple) else [secret] if secret else []
        return [read_key(self._secrets.resolve(str(one))) for one in written]


def read_key(secret: str) -> bytes:
    """The key's bytes: base64 after `whsec_`, else the text itself."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise Refused("secret", "the webhook's secret is not base64 after whsec_") from None


def sign(keys: Sequence[bytes], key: str, moment: int, body: bytes) -> str:
    """The webhook-signature header: one `v1,<base64>` for each key, over id, time and the exact body."""
    signed = f"{key}.{moment}.".encode() + body
    digests = [hmac.digest(secret, signed, "sha256") for secret in keys]
    return " ".join(["v1," + binascii.b2a_base64(digest, newline=False).decode() for digest in digests])
