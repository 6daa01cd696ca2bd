"""How commands reach the daemon: over its unix socket, else the same API on the file, without a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoflow.errors import AutoflowError, UnreachableError, UsageError

BASE = "http://autoflow"
SECONDS = 30.0


class RefusedError(AutoflowError):
    """The daemon said no."""

    exit_code = 1


def call(
    state: Path,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    need_daemon: bool = False,
) -> Any:
    """The JSON answer of the daemon, or of the file where no daemon runs."""
    return asyncio.run(_call(state, method, path, params or {}, content, headers or {}, need_daemon))


def is_running(state: Path) -> bool:
    """Whether a daemon answers on this state directory."""
    try:
        call(state, "GET", "/livez", need_daemon=True)
    except UnreachableError:
        return False
    return True


async def _call(
    state: Path,
    method: str,
    path: str,
    params: Mapping[str, str],
    content: bytes | None,
    headers: Mapping[str, str],
    need_daemon: bool,
) -> Any:
    import httpx2

    from autoflow.intake.socket_path import socket_path

    place = socket_path(state)
    if place.exists():
        transport = httpx2.AsyncHTTPTransport(uds=str(place))
        try:
            async with httpx2.AsyncClient(transport=transport, base_url=BASE, timeout=SECONDS) as client:
                answer = await client.request(method, path, params=params, content=content, headers=headers)
                return _read(answer)
        except httpx2.ConnectError:
            pass  # a socket that a killed daemon left behind: go on as if it were not there
        except httpx2.TransportError as error:
            raise UnreachableError(f"the daemon on {state} does not answer: {error}") from error
    if need_daemon:
        raise UnreachableError(
            f"no daemon runs on {state}", hint="start one with `autoflow run`, or name its --state or -c config"
        )
    return await _call_offline(state, method, path, params)


async def _call_offline(state: Path, method: str, path: str, params: Mapping[str, str]) -> Any:
    import httpx2

    from autoflow.app.offline import open_store
    from autoflow.web.api import Backend, make_api

    with open_store(state, write=method != "GET") as store:
        transport = httpx2.ASGITransport(app=make_api(Backend(store=store)))
        async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
            return _read(await client.request(method, path, params=params))


def _read(answer: Any) -> Any:
    if answer.headers.get("content-type", "").startswith("text/"):
        return answer.text
    body = answer.json()
    if answer.status_code < 400:
        return body
    problems = [f"{error['pointer']}: {error['detail']}" for error in body.get("errors", ())]
    message = body.get("detail", "refused")
    if len(problems) > 1:
        message += "\n  " + "\n  ".join(problems)
    kind = UsageError if answer.status_code == 404 else RefusedError
    raise kind(message, hint=body.get("hint"), code=body.get("code"))
