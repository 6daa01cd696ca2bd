"""The routes that look and act. Before it: the HTTP door, which has checked who asks. After it: the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from autoflow.errors import StorageError
from autoflow.model.json import Json
from autoflow.model.problem_details import MEDIA_TYPE, problem_details
from autoflow.observe.health import Health
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.store.base import Reading, Store, Transaction
from autoflow.web import acts, views

log = get_log("autoflow.web")

Page = Callable[[Reading, Mapping[str, str], int], tuple[list[dict[str, Json]], str | None]]
Detail = Callable[[Reading, str], list[dict[str, Json]]]
Act = Callable[[Transaction, str], dict[str, Json] | None]

MOST = 200
SAFE_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}

COLLECTIONS: Mapping[str, tuple[Page, Detail]] = {
    "events": (views.event_page, views.event_detail),
    "rules": (views.rule_page, views.rule_detail),
    "pending": (views.pending_page, views.pending_detail),
    "runs": (views.run_page, views.run_detail),
    "dead-letters": (views.dead_letter_page, views.dead_letter_detail),
}
ACTS: Mapping[tuple[str, str], Act] = {
    ("pending", "cancel"): acts.cancel_pending,
    ("pending", "run-now"): acts.run_pending_now,
    ("runs", "cancel"): acts.cancel_run,
    ("dead-letters", "replay"): acts.replay_dead_letter,
    ("dead-letters", "discard"): acts.discard_dead_letter,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What the routes stand on."""

    store: Store
    health: Health = field(default_factory=Health)
    metrics: Metrics | None = None
    #: wakes the dispatcher after something became due
    ring: Callable[[], None] = lambda: None


def make_api(backend: Backend) -> Starlette:
    """The application: every route of the contract that this release has, but the events' own door."""
    routes = [
        Route("/livez", _livez),
        Route("/healthz", _livez),
        Route("/readyz", _readyz(backend)),
        Route("/metrics", _metrics(backend)),
        Route("/v1/health", _health(backend)),
    ]
    for name, (page, detail) in COLLECTIONS.items():
        routes.append(Route(f"/v1/{name}", _collection(backend, page)))
        routes.append(Route(f"/v1/{name}/{{id}}", _item(backend, name, detail)))
    for (name, verb), act in ACTS.items():
        routes.append(Route(f"/v1/{name}/{{id}}/{verb}", _verb(backend, name, act), methods=["POST"]))
    handlers = {404: _not_found, 405: _wrong_method, StorageError: _failed, 500: _failed}
    return Starlette(routes=routes, exception_handlers=handlers)


def answer(body: Json, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, SAFE_HEADERS, "application/json")


def problem(request: Request, status: int, detail: str, *, code: str, hint: str | None = None) -> Response:
    """A refusal."""
    request_id = request.scope.get("autoflow.request_id")
    body = problem_details(status, detail, code=code, hint=hint, request_id=request_id)
    return Response(msgspec.json.encode(body), status, SAFE_HEADERS, MEDIA_TYPE)


Endpoint = Callable[[Request], Awaitable[Response]]


async def _livez(_request: Request) -> Response:
    return PlainTextResponse("ok")


def _readyz(backend: Backend) -> Endpoint:
    async def answer_ready(request: Request) -> Response:
        status = 200 if backend.health.is_ready() else 503
        verbose = "verbose" in request.query_params
        text = backend.health.as_text() if verbose else ("ok" if status == 200 else "not ready")
        return PlainTextResponse(text + "\n", status)

    return answer_ready


def _health(backend: Backend) -> Endpoint:
    async def answer_health(_request: Request) -> Response:
        return answer(backend.health.as_json())

    return answer_health


def _metrics(backend: Backend) -> Endpoint:
    async def answer_metrics(request: Request) -> Response:
        if backend.metrics is None:
            return problem(request, 503, "no daemon runs here", code="AF404")
        body, media_type = await asyncio.to_thread(backend.metrics.expose, request.headers.get("accept", ""))
        return Response(body, media_type=media_type)

    return answer_metrics


def _collection(backend: Backend, page: Page) -> Endpoint:
    async def answer_page(request: Request) -> Response:
        query = dict(request.query_params)
        text = query.pop("limit", "50")
        if not text.isdigit() or not 1 <= int(text) <= MOST:
            return problem(request, 400, f"limit is a number from 1 to {MOST}", code="AF400")
        try:
            items, cursor = await backend.store.read(lambda view: page(view, query, int(text)))
        except ValueError:
            return problem(request, 400, "cursor is not one of ours", code="AF400", hint="start without a cursor")
        return answer({"schema_version": 1, "items": items, "next_cursor": cursor})

    return answer_page


def _item(backend: Backend, name: str, detail: Detail) -> Endpoint:
    async def answer_item(request: Request) -> Response:
        wanted = request.path_params["id"]
        found = await backend.store.read(lambda view: detail(view, wanted))
        if not found:
            return problem(request, 404, f"{name} has no {wanted}", code="AF404", hint=f"see `autoflow {name} list`")
        if len(found) == 1:
            return answer({"schema_version": 1, **found[0]})
        return answer({"schema_version": 1, "items": found, "next_cursor": None})

    return answer_item


def _verb(backend: Backend, name: str, act: Act) -> Endpoint:
    async def answer_act(request: Request) -> Response:
        wanted = request.path_params["id"]
        done = await backend.store.transact(lambda tx: act(tx, wanted))
        if done is None:
            detail = f"{name} has no {wanted} that this could be done to"
            return problem(request, 409, detail, code="AF409", hint=f"see `autoflow {name} list`")
        backend.ring()
        return answer({"schema_version": 1, **done})

    return answer_act


async def _not_found(request: Request, _error: Exception) -> Response:
    return problem(request, 404, f"there is nothing at {request.url.path}", code="AF404")


async def _wrong_method(request: Request, error: Exception) -> Response:
    refused = problem(request, 405, f"{request.method} is not for {request.url.path}", code="AF405")
    refused.headers.update(getattr(error, "headers", None) or {})
    return refused


async def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, StorageError):
        return problem(request, 503, error.message, code=error.code, hint=error.hint)
    log.error("api.defect", exception=error, path=request.url.path)
    return problem(request, 500, "this is a defect of autoflow; the log says more", code="AF500")
