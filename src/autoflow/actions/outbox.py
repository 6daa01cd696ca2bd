"""The outbox transport: messages as files instead of sent ones, for trying rules out. One file a message.

A file is named after the idempotency key, so that a repeated attempt leaves one file, not two.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from autoflow.actions.base import Request
from autoflow.actions.exchange import Refused, need_text, settle
from autoflow.actions.mail import compose_mail
from autoflow.actions.sms import read_text
from autoflow.clock import to_rfc3339
from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Delivered, Outcome, Retry
from autoflow.security.secrets import Secrets

Show = Callable[[str], None]
_SENDER = "Autoflow <autoflow@localhost.localdomain>"


class OutboxAction:
    """Writes what an action of this type would send."""

    def __init__(
        self, kind: str, directory: Path, show: Show, secrets: Secrets, *, options: Mapping[str, Json]
    ) -> None:
        self._kind = kind
        self._directory = directory
        self._show = show
        self._secrets = secrets
        self._sender = str(options.get("from") or _SENDER)

    def target(self, params: JsonObject) -> str | None:
        """Nothing is sent out."""
        return None

    async def perform(self, request: Request) -> Outcome:
        """Write the file, then show it."""
        return await settle(self._keep(request), self._secrets)

    async def _keep(self, request: Request) -> Outcome:
        ending, content, shown = self._compose(request)
        path = self._directory / f"{request.key}{ending}"
        try:
            await asyncio.to_thread(_write_file, path, content)
        except OSError as error:
            return Retry(code="outbox", detail=f"{path.name} cannot be written: {error.strerror}")
        self._show(f"{shown}\n  {path}")
        return Delivered(output={"message_id": request.key, "file": path.name})

    def _compose(self, request: Request) -> tuple[str, bytes, str]:
        """The file's ending, its content, and what is shown."""
        if self._kind == "email":
            mail = compose_mail(request, self._sender)
            shown = f"email to {', '.join(mail.recipients)}: {mail.subject}\n{_indent(mail.text)}"
            return ".eml", mail.content, shown
        if self._kind == "sms":
            text = read_text(request.params)
            fields: dict[str, Json] = {"recipient": text.recipient, "message": text.message}
            return ".json", self._write(request, fields), f"sms to {text.recipient}:\n{_indent(text.message)}"
        url = need_text(request.params, "url")
        posted: dict[str, Json] = {"url": url, "payload": request.params.get("payload")}
        return ".json", self._write(request, posted), f"{self._kind} to {url}"

    def _write(self, request: Request, fields: dict[str, Json]) -> bytes:
        document = {
            "type": self._kind,
            **fields,
            "metadata": request.metadata(),
            "idempotency_key": request.key,
            "attempt": request.attempt,
            "sent_at": to_rfc3339(request.now),
        }
        try:
            return (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()
        except (TypeError, ValueError) as error:
            raise Refused("bad-payload", f"the payload is not JSON: {error}") from error


def _write_file(path: Path, content: bytes) -> None:
    """All of it or nothing: a reader of the directory never sees half a message."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.strip().splitlines())
