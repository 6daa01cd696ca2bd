"""The log action: a line in autoflow's own log."""

from __future__ import annotations

from collections.abc import Callable

from autoflow.actions.base import Request
from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Delivered, Outcome
from autoflow.security.secrets import Secrets

WriteLine = Callable[[str, dict[str, Json]], None]
"""Takes the message and who wrote it."""


class LogAction:
    """Writes one line; sends nothing out."""

    def __init__(self, write: WriteLine, secrets: Secrets) -> None:
        self._write = write
        self._secrets = secrets

    def target(self, params: JsonObject) -> str | None:
        """Nothing is sent out."""
        return None

    async def perform(self, request: Request) -> Outcome:
        """Write it."""
        message = self._secrets.mask(str(request.params.get("message", "")))
        self._write(message, {**request.metadata(), "eventId": request.event_id})
        return Delivered(output={})
