"""The emit action: a new event in the same account, stored in the transaction that records this step."""

from __future__ import annotations

import re
from collections.abc import Mapping

from autoflow.actions.base import Request
from autoflow.model.event import ENGINE_PREFIX, is_engine_type
from autoflow.model.json import JsonObject
from autoflow.model.run import Delivered, EmittedEvent, Outcome, Reject

_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,254}")


class EmitAction:
    """Makes one event; sends nothing out."""

    def target(self, params: JsonObject) -> str | None:
        """Nothing is sent out."""
        return None

    async def perform(self, request: Request) -> Outcome:
        """The event, for the executor to store."""
        return self.act(request)

    def act(self, request: Request) -> Outcome:
        """The event, at once."""
        params = request.params
        event_type, data, subject = params.get("type"), params.get("data"), params.get("subject")
        if not isinstance(event_type, str) or not _TYPE.fullmatch(event_type):
            return Reject(code="bad-event-type", detail=f"{event_type!r} cannot be an event's type")
        if is_engine_type(event_type):
            return Reject(code="bad-event-type", detail=f"types beginning with {ENGINE_PREFIX} are autoflow's own")
        if data is not None and not isinstance(data, Mapping):
            return Reject(code="bad-params", detail="data is not a map")
        event = EmittedEvent(
            type=event_type, data=dict(data or {}), subject=str(subject) if subject not in (None, "") else None
        )
        return Delivered(output={"type": event_type}, events=(event,))
