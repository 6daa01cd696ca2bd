"""The http action: a request whose answer later steps use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import urlencode

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
from autoflow.actions.kinds import HTTP_METHODS
from autoflow.actions.responses import Profile, describe_answer, judge_answer
from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Delivered, Outcome, Reject
from autoflow.security.outgoing import DEADLINE_MS, Answer, Outgoing, Send
from autoflow.security.secrets import Secrets
from autoflow.templates.facts import write_value

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_RANGE = re.compile(r"(\d{3})(?:\s*-\s*(\d{3}))?")


class HttpAction:
    """Makes one request."""

    def __init__(self, outgoing: Outgoing, secrets: Secrets, *, version: str, timeout_ms: int = DEADLINE_MS) -> None:
        self._outgoing = outgoing
        self._secrets = secrets
        self._version = version
        self._timeout_ms = timeout_ms

    def target(self, params: JsonObject) -> str | None:
        """The server's scheme, host and port."""
        return name_target(params.get("url"))

    async def perform(self, request: Request) -> Outcome:
        """Ask once."""
        return await settle(self._ask(request), self._secrets)

    async def _ask(self, request: Request) -> Outcome:
        params = request.params
        method = str(params.get("method") or "GET").upper()
        if method not in HTTP_METHODS:
            raise Refused("bad-params", f"{method} is not a method; known are {', '.join(HTTP_METHODS)}")
        expected = read_expected(params.get("expect"))
        ours = metadata_headers(request, self._version)
        if method not in _SAFE:
            ours["Idempotency-Key"] = request.key
        body = write_body(params["payload"]) if params.get("payload") is not None else None
        if body is not None:
            ours["Content-Type"] = "application/json"
        send = Send(
            method=method,
            url=add_query(need_text(params, "url"), params.get("query")),
            headers=build_headers(params, self._secrets, ours),
            body=body,
            timeout_ms=self._timeout_ms,
        )
        answer = await self._outgoing.request(send)
        if any(low <= answer.status <= high for low, high in expected):
            return Delivered(output=_write_output(answer))
        failed = judge_answer(answer, Profile.API, request.now)
        return failed or Reject(code="unexpected-status", detail=describe_answer(answer))


def read_expected(value: Json) -> list[tuple[int, int]]:
    """The statuses that count as success, as ranges: from 200, "200-299", or a list of both."""
    if value is None:
        return [(200, 299)]
    ranges = []
    for part in value if isinstance(value, list | tuple) else [value]:
        match = _RANGE.fullmatch(str(part).strip())
        if match is None or isinstance(part, bool):
            raise Refused("bad-params", f"expect: {part!r} is not a status or a range such as 200-299")
        low = int(match[1])
        ranges.append((low, int(match[2]) if match[2] else low))
    return ranges


def add_query(url: str, query: Json) -> str:
    """The address with further query parameters; a list gives its name several times, null is left out."""
    if not query:
        return url
    if not isinstance(query, Mapping):
        raise Refused("bad-params", "query is not a map")
    pairs = [
        (str(name), write_value(one))
        for name, value in query.items()
        for one in (value if isinstance(value, list | tuple) else [value])
        if one is not None
    ]
    address = url.partition("#")[0]
    return f"{address}{'&' if '?' in address else '?'}{urlencode(pairs)}" if pairs else address


def _write_output(answer: Answer) -> dict[str, Json]:
    text = answer.body.decode("utf-8", "replace")
    body: Json = text
    if "json" in answer.headers.get("content-type", "").lower() and not answer.truncated:
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = text  # it says JSON and is none: later steps get what came
    output: dict[str, Json] = {"status": answer.status, "headers": dict(answer.headers), "body": body}
    if answer.truncated:
        output["truncated"] = True
    return output
