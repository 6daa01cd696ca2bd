"""What the actions that speak HTTP share: headers, bodies, the target's name, and failures as outcomes."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import lru_cache
from urllib.parse import quote

import msgspec

from autoflow.actions.base import Request, header_safe
from autoflow.actions.responses import judge_failure
from autoflow.actions.types import is_reserved_header
from autoflow.errors import EgressError, SecretError
from autoflow.model.json import Json, JsonObject
from autoflow.model.run import Delivered, Outcome, Reject
from autoflow.security.egress import read_url
from autoflow.security.outgoing import SendFailure
from autoflow.security.secrets import Secrets

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LITERAL = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_PLAIN = re.compile(r"[0-9A-Za-z_.\-~ !#$&'()*+,/:;<=>?@\[\]^`{|}]*")
_encode_fast = msgspec.json.Encoder().encode
_encode_strictly = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Refused(Exception):  # noqa: N818  it is an outcome on its way to `settle`
    """An action cannot be sent as it is; becomes a Reject."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


async def settle(sending: Awaitable[Outcome], secrets: Secrets) -> Outcome:
    """The outcome of a send, with every expected failure as one, and no secret in its text."""
    try:
        outcome = await sending
    except Refused as error:
        outcome = Reject(code=error.code, detail=error.detail)
    except EgressError as error:
        outcome = Reject(code="egress", detail=str(error))
    except SecretError as error:
        outcome = Reject(code="secret", detail=str(error))
    except SendFailure as failure:
        outcome = judge_failure(failure)
    return outcome if isinstance(outcome, Delivered) else replace(outcome, detail=secrets.mask(outcome.detail))


def need_text(params: JsonObject, name: str) -> str:
    """A parameter that must be a text and not empty."""
    value = params.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Refused("bad-params", f"{name} is missing or not a text")
    return value


def build_headers(params: JsonObject, secrets: Secrets, ours: Mapping[str, str]) -> dict[str, str]:
    """The rule's headers with their secrets, and ours, which win."""
    written = params.get("headers")
    if not written:
        return dict(ours)
    if not isinstance(written, Mapping):
        raise Refused("bad-params", "headers is not a map")
    headers = dict(ours)
    taken = {name.lower(): name for name in ours}
    for name, value in written.items():
        low = _check_name(str(name))
        text = secrets.fill(str(value).strip())
        if not header_safe(text):
            raise Refused("bad-header", f"{name}: a header cannot hold control characters or line breaks")
        if low in taken:
            headers.pop(taken[low], None)
        headers[str(name)] = text
    return headers


@lru_cache(maxsize=1024)
def _check_name(name: str) -> str:
    """The name of a header in lower case. Refused where it cannot be one, or is not for rules."""
    low = name.lower()
    if not _NAME.fullmatch(name):
        raise Refused("bad-header", f"{name!r} cannot be a header's name")
    if is_reserved_header(low):
        raise Refused("bad-header", f"{name} is set by autoflow")
    return low


def metadata_headers(request: Request, version: str) -> dict[str, str]:
    """Who sends this and for which attempt; ids are percent-encoded where a header could not hold them."""
    agent, rule, account = _who(version, request.rule_id, request.account)
    return {
        "User-Agent": agent,
        "X-Autoflow-Attempt": str(request.attempt),
        "X-Autoflow-Rule": rule,
        "X-Autoflow-Run": _encode(request.run_id),
        "X-Autoflow-Account": account,
    }


@lru_cache(maxsize=1024)
def _who(version: str, rule_id: str, account: str) -> tuple[str, str, str]:
    return f"autoflow/{version}", _encode(rule_id), _encode(account)


def write_body(value: Json) -> bytes:
    """A value as the JSON that is sent, and signed, byte for byte."""
    try:
        body = _encode_fast(value)
        # the fast encoder writes null where a number is infinite or none, which JSON cannot say
        return body if b"null" not in body else _encode_strictly(value).encode()
    except (TypeError, ValueError) as error:
        raise Refused("bad-payload", f"the payload is not JSON: {error}") from error


def name_target(url: Json) -> str | None:
    """`https://host:port` of an address whose path may still hold templates; None where it has none."""
    literal = _LITERAL.match(url) if isinstance(url, str) else None
    if literal is None:
        return None
    try:
        return read_url(literal.group()).name
    except EgressError:
        return None  # sending will say what is wrong with it


def _encode(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~")
