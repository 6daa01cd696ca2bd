"""The HTTP door, in plain ASGI: who asks, how much, which events; 202 only after the commit.

Every request passes here. `POST /v1/events` is answered here, everything else is handed on.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec

from autoflow.clock import Clock
from autoflow.errors import AutoflowError, IntakeError, StorageError
from autoflow.intake.decode import Decoder
from autoflow.intake.gate import Gate
from autoflow.intake.receipts import answer_of, note_of
from autoflow.model.json import Json
from autoflow.model.problem_details import MEDIA_TYPE, problem_details
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.rules.rulebook import Rulebook
from autoflow.security.auth import TokenCheck

log = get_log("autoflow.intake")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

EVENTS = "/v1/events"
OPEN_PATHS = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
"""What a probe or Prometheus reads; nothing of an event is there."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorOptions:
    """Who may come in here, and with how much."""

    #: None: whoever reaches this socket may act (the unix socket, or `auth: none` on loopback)
    token: TokenCheck | None
    body_bytes: int
    #: names that a Host header may carry; None on the unix socket, which no browser reaches
    hosts: frozenset[str] | None

    @property
    def is_local(self) -> bool:
        """Whether only the daemon's own user comes in here."""
        return self.hosts is None


class HttpDoor:
    """One listener's view of the daemon."""

    def __init__(
        self,
        gate: Gate,
        decoder: Decoder,
        *,
        clock: Clock,
        metrics: Metrics,
        options: DoorOptions,
        rulebook: Callable[[], Rulebook],
        rest: AsgiApp,
    ) -> None:
        self._gate = gate
        self._decoder = decoder
        self._clock = clock
        self._metrics = metrics
        self._options = options
        self._rulebook = rulebook
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = _request_id(headers)
        try:
            self._admit(scope["path"], headers)
            if scope["path"] != EVENTS or scope["method"] != "POST":
                scope["autoflow.request_id"] = request_id
                await self._rest(scope, receive, send)
                return
            await self._take(headers, receive, send, request_id)
        except AutoflowError as error:
            await self._refuse(send, error, request_id)

    def _admit(self, path: str, headers: dict[str, str]) -> None:
        """Let in whom the options let in; a browser that was lured here is not among them."""
        options = self._options
        if options.hosts is not None:
            host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
            if host.lower() not in options.hosts:
                raise IntakeError(
                    f"the Host header says {host!r}",
                    status=403,
                    hint="list the name under http.allowed_hosts in the config",
                    code="AF403",
                )
            if "origin" in headers:
                raise IntakeError("requests of web pages are not taken", status=403, code="AF403")
        if options.token is None or path in OPEN_PATHS:
            return
        options.token.check(headers.get("authorization"))

    async def _take(self, headers: dict[str, str], receive: Receive, send: Send, request_id: str) -> None:
        begun = time.perf_counter()
        if "content-encoding" in headers:
            raise IntakeError(
                f"bodies encoded as {headers['content-encoding']} are not taken",
                status=415,
                headers=[("Accept-Encoding", "identity")],
                code="AF415",
            )
        body = await self._read(headers, receive)
        events = self._decoder.decode_body(
            body,
            headers.get("content-type", ""),
            now=self._clock.now(),
            default_id=headers.get("idempotency-key"),
        )
        receipts = await self._gate.take(events, transport="http")
        answer = answer_of(receipts)
        if self._options.is_local:
            for told, receipt in zip(answer["events"], receipts, strict=True):
                if note := note_of(receipt, self._rulebook()):
                    told["note"] = note
        await _answer(send, 202, answer, request_id)
        seconds = time.perf_counter() - begun
        self._metrics.intake_answered("http", seconds)
        log.info(
            "intake.request", request_id=request_id, status_code=202, accepted=answer["accepted"],
            duplicates=answer["duplicates"], bytes=len(body), duration_ms=round(seconds * 1000, 2),
            event_id=events[0].id if len(events) == 1 else None,
            event_type=events[0].type if len(events) == 1 else None,
        )  # fmt: skip

    async def _read(self, headers: dict[str, str], receive: Receive) -> bytes:
        limit = self._options.body_bytes
        told = headers.get("content-length", "0")
        if told.isdigit() and int(told) > limit:
            raise _too_large(limit)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise IntakeError("the sender hung up before the body was whole", code="AF400")
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _refuse(self, send: Send, error: AutoflowError, request_id: str) -> None:
        status, problems, extra = 500, (), ()  # type: tuple[int, Iterable[tuple[str, str]], Iterable[tuple[str, str]]]
        if isinstance(error, IntakeError):
            status, problems, extra = error.status, error.problems, error.headers
        elif isinstance(error, StorageError):
            status, extra = 503, [("Retry-After", "5")]
        body = problem_details(
            status, error.message, code=error.code, hint=error.hint, errors=tuple(problems), request_id=request_id
        )
        self._metrics.event_received("http", _result_of(status))
        log.warning("intake.refused", request_id=request_id, status_code=status, code=error.code, error=error.message)
        await _answer(send, status, body, request_id, media_type=MEDIA_TYPE, extra=extra)


async def _answer(
    send: Send,
    status: int,
    body: Json,
    request_id: str,
    *,
    media_type: str = "application/json",
    extra: Iterable[tuple[str, str]] = (),
) -> None:
    raw = msgspec.json.encode(body)
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(raw)).encode()),
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    headers += [(name.lower().encode(), value.encode()) for name, value in extra]
    if status in (413, 431):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


def _request_id(headers: dict[str, str]) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _too_large(limit: int) -> IntakeError:
    return IntakeError(f"the body is larger than {limit} bytes", status=413, code="AF413")


def _result_of(status: int) -> str:
    if status in (401, 403):
        return "unauthorized"
    return "rejected" if status in (429, 503) else "invalid"
