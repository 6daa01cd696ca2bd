"""The routes that look and act. Before it: the HTTP door, which has checked who asks. After it: the store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from autoflow.errors import AutoflowError, IntakeError, StorageError, UnreachableError, UsageError
from autoflow.model.json import Json
from autoflow.model.problem_details import MEDIA_TYPE, problem_details
from autoflow.model.run import RunStatus
from autoflow.observe.health import Health
from autoflow.observe.log import get_log
from autoflow.observe.metrics import Metrics
from autoflow.store.base import Reading, Store, Transaction
from autoflow.web import acts, views
from autoflow.web.evidence import Missing, Wanted, gather
from autoflow.web.paging import Asked, read_filters, read_question
from autoflow.web.rule_views import rule_detail, rule_page
from autoflow.web.stats import stats_view
from autoflow.web.trial import RuleTrial
from autoflow.web.why import tell_why

log = get_log("autoflow.web")

Detail = Callable[[Reading, str], list[dict[str, Json]]]
Act = Callable[[Transaction, str], dict[str, Json] | None]

SAFE_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
LARGEST_TRIAL = 1 << 20
WHY_FILTERS: Mapping[str, tuple[str, ...]] = {"rule": (), "source": (), "account": (), "all": ("true", "false")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What can be looked at under one name."""

    #: what one of them is called
    one: str
    page: Callable[[Reading, Asked], views.Page]
    detail: Detail
    #: filter -> the words it may be; empty: any
    filters: Mapping[str, tuple[str, ...]]
    acts: Mapping[str, Act] = field(default_factory=dict)
    #: how an id stands in a path
    item: str = "{id}"


class WholeId(Convertor[str]):
    """An id that a sender made: it may hold slashes."""

    regex = ".+"

    def convert(self, value: str) -> str:
        """As it stands."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands."""
        return value


register_url_convertor("whole", WholeId())

COLLECTIONS: Mapping[str, Collection] = {
    "events": Collection(
        one="event",
        page=views.event_page,
        detail=views.event_detail,
        filters={"type": (), "account": (), "after": ()},
        item="{id:whole}",
    ),
    "rules": Collection(one="rule", page=rule_page, detail=rule_detail, filters={"label": (), "account": ()}),
    "pending": Collection(
        one="pending trigger",
        page=views.pending_page,
        detail=views.pending_detail,
        filters={"rule": (), "account": ()},
        acts={"cancel": acts.cancel_pending, "run-now": acts.run_pending_now},
    ),
    "runs": Collection(
        one="run",
        page=views.run_page,
        detail=views.run_detail,
        filters={"status": tuple(RunStatus), "rule": (), "account": ()},
        acts={"cancel": acts.cancel_run, "retry": acts.retry_run},
    ),
    "dead-letters": Collection(
        one="dead letter",
        page=views.dead_letter_page,
        detail=views.dead_letter_detail,
        filters={"status": ("dead", "replayed", "discarded", "all"), "rule": (), "account": ()},
        acts={"replay": acts.replay_dead_letter, "discard": acts.discard_dead_letter},
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What the routes stand on."""

    store: Store
    health: Health = field(default_factory=Health)
    metrics: Metrics | None = None
    #: wakes the dispatcher after something became due
    ring: Callable[[], None] = lambda: None
    #: None where no daemon runs
    trial: RuleTrial | None = None
    #: removes what is old; None where no daemon runs
    prune: Callable[[], Awaitable[int]] | None = None


def make_api(backend: Backend) -> Starlette:
    """The application: every route of the contract that this release has, but the events' own door."""
    routes = [
        Route("/livez", _livez),
        Route("/healthz", _livez),
        Route("/readyz", _readyz(backend)),
        Route("/metrics", _metrics(backend)),
        Route("/v1/health", _health(backend)),
    ]
    if backend.prune is not None:
        routes.append(Route("/v1/db/prune", _prune(backend.prune), methods=["POST"]))
    routes.append(Route("/v1/stats", _stats(backend)))
    # Before the collections: `test` is no rule, and `why` no part of an id.
    routes.append(Route("/v1/events/{id:whole}/why", _why(backend)))
    routes.append(Route("/v1/rules/test", _trial(backend), methods=["POST"]))
    routes.append(Route("/v1/templates", _templates(backend)))
    for name, collection in COLLECTIONS.items():
        routes.append(Route(f"/v1/{name}", _collection(backend, collection)))
        routes.append(Route(f"/v1/{name}/{collection.item}", _item(backend, name)))
        for verb, act in collection.acts.items():
            endpoint = _verb(backend, name, verb, act)
            routes.append(Route(f"/v1/{name}/{{id}}/{verb}", endpoint, methods=["POST"]))
    handlers = {404: _not_found, 405: _wrong_method, AutoflowError: _refuse, 500: _failed}
    api = Starlette(routes=routes, exception_handlers=handlers)
    api.router.redirect_slashes = False  # a sender that follows no redirect would take one for an answer
    return api


def answer(body: Json, status: int = 200) -> Response:
    """A JSON answer, with `?` for half a letter: a reference into a text (`h.name[1]`) can find one."""
    try:
        content = msgspec.json.encode(body)
    except UnicodeEncodeError:
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, status, SAFE_HEADERS, "application/json")


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    code: str,
    hint: str | None = None,
    errors: Sequence[tuple[str, str]] = (),
) -> Response:
    """A refusal."""
    request_id = request.scope.get("autoflow.request_id")
    body = problem_details(status, detail, code=code, hint=hint, errors=errors, request_id=request_id)
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


def _prune(prune: Callable[[], Awaitable[int]]) -> Endpoint:
    async def answer_prune(_request: Request) -> Response:
        return answer({"schema_version": 1, "removed": await prune()})

    return answer_prune


def _health(backend: Backend) -> Endpoint:
    async def answer_health(_request: Request) -> Response:
        return answer(backend.health.as_json())

    return answer_health


def _metrics(backend: Backend) -> Endpoint:
    async def answer_metrics(request: Request) -> Response:
        if backend.metrics is None:
            return problem(request, 503, "no daemon runs here", code="AF404")
        body, media_type = await backend.metrics.expose(request.headers.get("accept", ""))
        return Response(body, media_type=media_type)

    return answer_metrics


def _stats(backend: Backend) -> Endpoint:
    async def answer_stats(request: Request) -> Response:
        asked = read_filters(request.query_params, {"since": (), "rule": (), "account": ()})
        return answer(await backend.store.read(lambda view: stats_view(view, asked)))

    return answer_stats


def _collection(backend: Backend, collection: Collection) -> Endpoint:
    async def answer_page(request: Request) -> Response:
        asked = read_question(request.query_params, collection.filters)
        items, cursor = await backend.store.read(lambda view: collection.page(view, asked))
        page = answer({"schema_version": 1, "items": items, "next_cursor": cursor})
        if cursor is not None:
            query = urlencode({**request.query_params, "cursor": cursor})
            page.headers["link"] = f'<{request.url.path}?{query}>; rel="next"'
        return page

    return answer_page


def _item(backend: Backend, name: str) -> Endpoint:
    detail = COLLECTIONS[name].detail

    async def answer_item(request: Request) -> Response:
        wanted = request.path_params["id"]
        found = await backend.store.read(lambda view: detail(view, wanted))
        if not found:
            return _unknown(request, name, wanted)
        if len(found) == 1:
            return answer({"schema_version": 1, **found[0]})
        return answer({"schema_version": 1, "items": found, "next_cursor": None})

    return answer_item


def _verb(backend: Backend, name: str, verb: str, act: Act) -> Endpoint:
    detail, one = COLLECTIONS[name].detail, COLLECTIONS[name].one

    async def answer_act(request: Request) -> Response:
        wanted = request.path_params["id"]
        done = await backend.store.transact(lambda tx: act(tx, wanted))
        if done is not None:
            backend.ring()
            return answer({"schema_version": 1, **done})
        found = await backend.store.read(lambda view: detail(view, wanted))
        if not found:
            return _unknown(request, name, wanted)
        told = f"{verb} is not possible: {one} {wanted} is {found[0].get('status', 'in progress')}"
        return problem(request, 409, told, code="AF409", hint=f"see `autoflow {name} list`")

    return answer_act


def _trial(backend: Backend) -> Endpoint:
    async def answer_trial(request: Request) -> Response:
        if backend.trial is None:
            return problem(request, 503, "no daemon runs here", code="AF004")
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_TRIAL:
                return problem(request, 413, f"the body is larger than {LARGEST_TRIAL} bytes", code="AF413")
        return answer(backend.trial.answer(body))

    return answer_trial


def _why(backend: Backend) -> Endpoint:
    async def answer_why(request: Request) -> Response:
        asked = read_question(request.query_params, WHY_FILTERS).filters
        wanted = Wanted(
            event=request.path_params["id"],
            **{name: asked.get(name) for name in ("source", "account", "rule")},
        )
        everything = asked.get("all") == "true"
        found = await backend.store.read(lambda view: gather(view, wanted))
        if isinstance(found, Missing):
            return _tell_missing(request, found)
        told = await asyncio.to_thread(tell_why, found, wanted, everything=everything)
        return _tell_missing(request, told) if isinstance(told, Missing) else answer(told)

    return answer_why


def _tell_missing(request: Request, missing: Missing) -> Response:
    return problem(request, 404, missing.detail, code="AF404", hint=missing.hint)


def _templates(backend: Backend) -> Endpoint:
    async def answer_templates(request: Request) -> Response:
        if backend.trial is None:
            return problem(request, 503, "no daemon runs here", code="AF004")
        items = [{"file": file, "text": text} for file, text in backend.trial.library().sources.items()]
        return answer({"schema_version": 1, "items": items, "next_cursor": None})

    return answer_templates


def _unknown(request: Request, name: str, wanted: str) -> Response:
    return problem(
        request,
        404,
        f"there is no {COLLECTIONS[name].one} {wanted}",
        code="AF404",
        hint=f"see `autoflow {name} list`",
    )


async def _not_found(request: Request, _error: Exception) -> Response:
    return problem(request, 404, f"there is nothing at {request.url.path}", code="AF404")


async def _wrong_method(request: Request, error: Exception) -> Response:
    refused = problem(request, 405, f"{request.method} is not for {request.url.path}", code="AF405")
    refused.headers.update(getattr(error, "headers", None) or {})
    return refused


async def _refuse(request: Request, error: Exception) -> Response:
    """Errors of ours, each with its status."""
    assert isinstance(error, AutoflowError)  # noqa: S101 - it is registered for these only
    status, code, errors = 500, error.code, ()  # type: tuple[int, str, Sequence[tuple[str, str]]]
    if isinstance(error, UsageError):
        status, code = 400, "AF400"
    elif isinstance(error, IntakeError):
        status, errors = error.status, error.problems
    elif isinstance(error, StorageError | UnreachableError):
        status = 503
    if status == 500:
        return await _failed(request, error)
    return problem(request, status, error.message, code=code, hint=error.hint, errors=errors)


async def _failed(request: Request, error: Exception) -> Response:
    log.error("api.defect", exception=error, path=request.url.path)
    return problem(request, 500, "this is a defect of autoflow; the log says more", code="AF500")
