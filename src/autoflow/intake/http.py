"""The HTTP door, in plain ASGI: who asks, how much, which events; 202 only after the commit.

Every request passes here. `POST /v1/events` is answered here, everything else is handed on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from autoflow.clock import Clock
from autoflow.engine import Receipt
from autoflow.errors import AutoflowError, IntakeError, StorageError
from autoflow.intake.cloudevents import MARK, read_attributes
from autoflow.intake.decode import Decoder
from autoflow.intake.envelope import Mistakes
from autoflow.intake.express import Admission, Headers, Reply
from autoflow.intake.gate import Gate
from autoflow.intake.receipts import answer_of, note_of
from autoflow.intake.request_id import HEADER as REQUEST_ID
from autoflow.intake.request_id import given_id, make_id
from autoflow.intake.room import Share, busy
from autoflow.model.event import Event
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
PROBES = frozenset({"/livez", "/readyz", "/healthz"})
"""Asked under whatever name the prober knows; they tell nothing to a web page that is not supposed to know."""

_READ = frozenset({
    b"host", b"origin", b"authorization", b"content-type", b"content-length", b"content-encoding",
    b"idempotency-key", REQUEST_ID, MARK,
})  # fmt: skip
"""The headers that are read here; each may stand in a request once."""
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorOptions:
    """Who may come in here, and with how much."""

    #: None: whoever reaches this socket may act (the unix socket, or `auth: none` on loopback)
    token: TokenCheck | None
    body_bytes: int
    header_bytes: int = 32 * 1024
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
        #: asked by the connections
        self.header_bytes = options.header_bytes
        self._rulebook = rulebook
        self._rest = rest
        self._hosts = None if options.hosts is None else frozenset(host_name(name) for name in options.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        admission = self._judge(scope["path"], scope["http_version"], scope["headers"])
        request_id = admission.request_id or make_id()
        path: str = scope["path"]
        try:
            if admission.refusal is not None:
                raise admission.refusal
            if path != EVENTS or scope["method"] in ("GET", "HEAD"):
                scope["autoflow.request_id"] = request_id
                await self._rest(scope, receive, send)
                return
            await self._take(scope["method"], admission, receive, send, request_id)
        except AutoflowError as error:
            if path == EVENTS:
                self._metrics.event_received("http", _result_of(_status_of(error)))
            await _send(send, _refusal(error, request_id))

    def _judge(self, path: str, http_version: str, raw: Headers) -> Admission:
        headers, twice = _pick_headers(raw)
        refusal = None
        try:
            if twice is not None:
                raise IntakeError(f"the header {twice} stands there twice")
            self._admit(path, http_version, headers)
        except AutoflowError as error:
            refusal = error
        return Admission(raw=raw, headers=headers, request_id=given_id(raw), refusal=refusal)

    def _admit(self, path: str, http_version: str, headers: Mapping[bytes, str]) -> None:
        """Let in whom the options let in; a browser that was lured here is not among them."""
        if self._hosts is not None:
            if path not in PROBES:
                _check_host(headers.get(b"host"), self._hosts, http_version)
            if b"origin" in headers:
                raise IntakeError("requests of web pages are not taken", status=403, code="AF403")
        token = self._options.token
        if token is not None and path not in OPEN_PATHS:
            token.check(headers.get(b"authorization"))

    async def _take(self, method: str, admission: Admission, receive: Receive, send: Send, request_id: str) -> None:
        if method != "POST":
            allowed = [("Allow", "GET, HEAD, POST")]
            raise IntakeError(f"{method} is not for {EVENTS}", status=405, code="AF405", headers=allowed)
        self._gate.refuse_past(1)
        with Share(self._gate.room) as share:
            body = await self._read(admission.headers, receive, share)
            reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

            def respond(answer: Reply) -> None:
                if not reply.done():  # else the sender went away
                    reply.set_result(answer)

            self._offer(admission, body, request_id, respond)
            answer = await reply
        await _send(send, answer)

    def admit(self, headers: Headers) -> Admission:
        """Judge the head of a request on the short way."""
        return self._judge(EVENTS, "1.1", headers)

    def express(self, admission: Admission, body: bytes, respond: Callable[[Reply], None]) -> None:
        """Take the events of one whole request; `respond` is called once, now or after the commit."""
        request_id = admission.request_id or make_id()
        refusal, size, room = admission.refusal, len(body), self._gate.room
        if refusal is None and size > self._options.body_bytes:
            refusal = _too_large(self._options.body_bytes)
        if refusal is None and not room.has_room(size, whole=True):
            refusal = busy()
        if refusal is None:

            def give_back(reply: Reply) -> None:
                room.give_back(size)
                respond(reply)

            room.take(size)
            self._offer(admission, body, request_id, give_back)
            return
        self._metrics.event_received("http", _result_of(_status_of(refusal)))
        respond(_refusal(refusal, request_id))

    def count_refusal(self, status: int) -> None:
        """A connection refused what was not, or not yet, a request."""
        self._metrics.event_received("http", _result_of(status))

    def _offer(self, admission: Admission, body: bytes, request_id: str, respond: Callable[[Reply], None]) -> None:
        """Hand the events of an admitted request to the gate; answer when it knows, or at once when it refuses."""
        begun = time.perf_counter()

        def settle(receipts: Sequence[Receipt], error: Exception | None) -> None:
            if error is None:
                respond(self._accept(receipts, request_id, len(body), begun))
            else:
                respond(self._refuse(error, request_id))

        try:
            self._gate.refuse_past(1)  # before it costs what reading an event costs
            events = self._decode(admission, body)
            self._gate.offer(events, settle, transport="http")
        except Exception as error:
            respond(self._refuse(error, request_id))

    def _accept(self, receipts: Sequence[Receipt], request_id: str, size: int, begun: float) -> Reply:
        answer = answer_of(receipts)
        if self._options.is_local:
            for told, receipt in zip(answer["events"], receipts, strict=True):
                if note := note_of(receipt, self._rulebook()):
                    told["note"] = note
        seconds = time.perf_counter() - begun
        self._metrics.intake_answered("http", seconds)
        only = receipts[0].event if len(receipts) == 1 else None
        log.info(
            "intake.request", request_id=request_id, status_code=202, accepted=answer["accepted"],
            duplicates=answer["duplicates"], bytes=size, duration_ms=round(seconds * 1000, 2),
            event_id=only and only.id, event_type=only and only.type,
        )  # fmt: skip
        return Reply(status=202, body=msgspec.json.encode(answer), request_id=request_id)

    def _refuse(self, error: Exception, request_id: str) -> Reply:
        if not isinstance(error, AutoflowError):
            log.error("api.defect", exception=error, path=EVENTS)
            error = AutoflowError("this is a defect of autoflow; the log says more", code="AF500")
        self._metrics.event_received("http", _result_of(_status_of(error)))
        return _refusal(error, request_id)

    def _decode(self, admission: Admission, body: bytes) -> list[Event]:
        headers = admission.headers
        if b"content-encoding" in headers:
            raise IntakeError(
                f"bodies encoded as {headers[b'content-encoding']} are not taken",
                status=415,
                headers=[("Accept-Encoding", "identity")],
                code="AF415",
            )
        media_type = headers.get(b"content-type", "")
        now = self._clock.now()
        if MARK in headers and not media_type.lower().startswith("application/cloudevents"):
            mistakes: Mistakes = []
            attributes = read_attributes(admission.raw, mistakes)
            return self._decoder.decode_binary(attributes, body, media_type, mistakes=mistakes, now=now)
        key = headers.get(b"idempotency-key")
        if key is not None and len(key) > 1 and key[0] == key[-1] == '"':
            key = key[1:-1]  # a structured header, as the draft of that header has it
        return self._decoder.decode_body(body, media_type, now=now, default_id=key)

    async def _read(self, headers: Mapping[bytes, str], receive: Receive, share: Share) -> bytes:
        limit = self._options.body_bytes
        told = headers.get(b"content-length", "0")
        if told.isdigit():
            if int(told) > limit:
                raise _too_large(limit)
            share.expect(int(told))
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
            share.grow(len(part))
            parts.append(part)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)


def _refusal(error: AutoflowError, request_id: str) -> Reply:
    """What a refused request is answered; it is logged here."""
    problems: Sequence[tuple[str, str]] = ()
    extra: Sequence[tuple[str, str]] = ()
    status = _status_of(error)
    if isinstance(error, IntakeError):
        problems, extra = error.problems, error.headers
    elif isinstance(error, StorageError):
        extra = [("Retry-After", "5")]
    body = problem_details(
        status, error.message, code=error.code, hint=error.hint, errors=problems, request_id=request_id
    )
    log.warning("intake.refused", request_id=request_id, status_code=status, code=error.code, error=error.message)
    return Reply(
        status=status,
        body=msgspec.json.encode(body),
        request_id=request_id,
        media_type=MEDIA_TYPE,
        extra=tuple(extra),
    )


async def _send(send: Send, reply: Reply) -> None:
    """The answer on the long way."""
    headers = [
        (b"content-type", reply.media_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-request-id", reply.request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in reply.extra]
    if reply.closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _pick_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[dict[bytes, str], str | None]:
    """The headers that are read here, and the name of one that stands there twice."""
    picked: dict[bytes, str] = {}
    twice = None
    for name, value in headers:
        if name in _READ:
            if name in picked:
                twice = name.decode()
            picked[name] = value.decode("latin-1")
    return picked, twice


def host_name(header: str) -> str:
    """The name in a Host header, without its port and brackets; empty where there is none."""
    name = header.strip().lower()
    if name.startswith("["):
        inside, _, rest = name[1:].partition("]")
        return inside if not rest or rest.startswith(":") else ""
    return name if name.count(":") > 1 else name.partition(":")[0].removesuffix(".")


def _check_host(header: str | None, hosts: frozenset[str], http_version: str) -> None:
    if header is None:
        if http_version == "1.0":
            return  # it need not have one, and no browser speaks it
        raise IntakeError("a Host header is needed")
    if host_name(header) not in hosts:
        raise IntakeError(
            f"the Host header says {header!r}",
            status=403,
            hint="list the name under http.allowed_hosts in the config",
            code="AF403",
        )


def _too_large(limit: int) -> IntakeError:
    return IntakeError(f"the body is larger than {limit} bytes", status=413, code="AF413")


def _status_of(error: AutoflowError) -> int:
    if isinstance(error, IntakeError):
        return error.status
    return 503 if isinstance(error, StorageError) else 500


def _result_of(status: int) -> str:
    if status in (401, 403):
        return "unauthorized"
    return "invalid" if 400 <= status < 500 and status != 429 else "rejected"
