"""The body of every refusal on HTTP: `application/problem+json` (RFC 9457), the same from every route."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from autoflow.model.json import Json

MEDIA_TYPE = "application/problem+json"


def problem_details(
    status: int,
    detail: str,
    *,
    code: str,
    hint: str | None = None,
    errors: Sequence[tuple[str, str]] = (),
    request_id: str | None = None,
) -> dict[str, Json]:
    """Title from the status; `errors` are (JSON pointer, detail) pairs, with the line where the body has lines."""
    body: dict[str, Json] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if hint:
        body["hint"] = hint
    if errors:
        body["errors"] = [_error(pointer, text) for pointer, text in errors]
    if request_id:
        body["request_id"] = request_id
    return body


def _error(pointer: str, detail: str) -> dict[str, Json]:
    """Pointers of JSON lines carry their line: `/line/3/type`."""
    if pointer.startswith("/line/"):
        line, _, rest = pointer.removeprefix("/line/").partition("/")
        return {"pointer": f"#/{rest}" if rest else "#", "line": int(line), "detail": detail}
    return {"pointer": f"#{pointer}", "detail": detail}
