"""How commands reach the daemon: over its unix socket, else the same API on the file, without a daemon."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoflow.errors import (
    AutoflowError,
    LockedError,
    NewerSchemaError,
    StateError,
    StorageError,
    UnreachableError,
    UsageError,
)

BASE = "http://autoflow"
SECONDS = 30.0
_LINE = re.compile(r"^/line/([0-9]+)")
BY_CODE = {kind.code: kind for kind in (LockedError, NewerSchemaError, StateError, StorageError, UnreachableError)}


class RefusedError(AutoflowError):
    """The daemon said no."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request to the API."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def call(
    state: Path,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    need_daemon: bool = False,
) -> Any:
    """The JSON answer of the daemon, or of the file where no daemon runs."""
    question = Question(method=method, path=path, params=params or {})
    return asyncio.run(_ask(state, question, need_daemon=need_daemon))


def send(state: Path, path: str, content: bytes, media_type: str) -> Any:
    """The daemon's answer to a body; there is no other who could take it."""
    question = Question(method="POST", path=path, content=content, headers={"content-type": media_type})
    return asyncio.run(_ask(state, question, need_daemon=True))


def is_running(state: Path) -> bool:
    """Whether a daemon answers on this state directory."""
    try:
        call(state, "GET", "/livez", need_daemon=True)
    except UnreachableError:
        return False
    return True


async def _ask(state: Path, question: Question, *, need_daemon: bool) -> Any:
    import httpx2

    from autoflow.intake.socket_path import socket_path

    place = socket_path(state)
    if place.exists():
        if not os.access(place, os.R_OK | os.W_OK):
            raise UnreachableError(f"{place} belongs to another user", hint="ask as the user that the daemon runs as")
        transport = httpx2.AsyncHTTPTransport(uds=str(place))
        try:
            return await _exchange(transport, question)
        except httpx2.ConnectError:
            pass  # a socket that a killed daemon left behind: go on as if it were not there
        except httpx2.TransportError as error:
            what = str(error) or type(error).__name__
            raise UnreachableError(f"the daemon on {state} does not answer: {what}") from error
    if need_daemon:
        raise UnreachableError(
            f"no daemon runs on {state}", hint="start one with `autoflow run`, or name its --state or -c config"
        )
    return await _ask_file(state, question)


async def _ask_file(state: Path, question: Question) -> Any:
    import httpx2

    from autoflow.app.offline import open_store
    from autoflow.web.api import Backend, make_api

    with open_store(state, write=question.method != "GET") as store:
        return await _exchange(httpx2.ASGITransport(app=make_api(Backend(store=store))), question)


async def _exchange(transport: Any, question: Question) -> Any:
    import httpx2

    async with httpx2.AsyncClient(transport=transport, base_url=BASE, timeout=SECONDS) as client:
        answer = await client.request(
            question.method,
            question.path,
            params=question.params,
            content=question.content,
            headers=question.headers,
        )
    if answer.headers.get("content-type", "").startswith("text/"):
        return answer.text
    try:
        body = answer.json()
    except ValueError as error:
        raise UnreachableError(f"the answer of status {answer.status_code} is no JSON") from error
    if answer.status_code < 400:
        return body
    raise refusal_of(answer.status_code, body, method=question.method)


def refusal_of(status: int, body: Mapping[str, Any], *, method: str) -> AutoflowError:
    """A refusal as the error that it was on the other side."""
    message, code, hint = body.get("detail", "refused"), body.get("code"), body.get("hint")
    message = _LINE.sub(r"line \1 ", message).replace(" : ", ": ", 1)
    places = [_place_of(error) for error in body.get("errors", ())]
    if len(places) > 1:
        message = "\n  ".join([message, *places])
    if code in BY_CODE:
        return BY_CODE[code](message, hint=hint)
    if status == 404 or (status == 400 and method == "GET"):
        return UsageError(message, hint=hint, code=code)
    if status == 503:
        return UnreachableError(message, hint=hint, code=code)
    kind = AutoflowError if status >= 500 else RefusedError
    return kind(message, hint=hint, code=code)


def _place_of(error: Mapping[str, Any]) -> str:
    """`line 3 #/type: is missing`."""
    where = f"line {error['line']}" if "line" in error else ""
    pointer = error["pointer"].removeprefix("#")
    return f"{' '.join(part for part in (where, pointer) if part) or 'the body'}: {error['detail']}"
