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
        return self.act(request)

    def act(self, request: Request) -> Outcome:
        """Write it, at once."""
        message = self._secrets.mask(str(request.params.get("message", "")))
        who = {
            "event_id": request.event_id,
            "rule_id": request.rule_id,
            "run_id": request.run_id,
            "account": request.account,
        }
        self._write(message, who)
        return Delivered(output={})
