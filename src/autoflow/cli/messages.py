"""An action as its receiver gets it, for people: to whom, about what, and the text as it reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from autoflow.cli.output import paint, printable
from autoflow.model.json import Json

Params = Mapping[str, Any]

BAR = "│"


def message_lines(type_: str, params: Params) -> list[str]:
    """The action's headline, then what it carries, indented under it."""
    headline, shown = _HEADLINES.get(type_, _head_plain)(params)
    rest = {name: value for name, value in params.items() if name not in shown and value is not None}
    return [f"{paint(type_, 'bold')} {printable(headline)}".rstrip(), *(f"   {line}" for line in _parts(rest))]


def _head_recipient(params: Params) -> tuple[str, tuple[str, ...]]:
    wanted = params.get("recipient")
    return f"to {', '.join(map(str, wanted)) if isinstance(wanted, list) else wanted}", ("recipient",)


def _head_url(params: Params) -> tuple[str, tuple[str, ...]]:
    return f"{params.get('method', 'GET')} {params['url']}", ("method", "url")


def _head_webhook(params: Params) -> tuple[str, tuple[str, ...]]:
    return f"to {params['url']}", ("url",)


def _head_emit(params: Params) -> tuple[str, tuple[str, ...]]:
    return str(params["type"]), ("type",)


def _head_plain(_params: Params) -> tuple[str, tuple[str, ...]]:
    return "", ()


_HEADLINES: Mapping[str, Callable[[Params], tuple[str, tuple[str, ...]]]] = {
    "sms": _head_recipient,
    "email": _head_recipient,
    "webhook": _head_webhook,
    "http": _head_url,
    "emit": _head_emit,
}


def _parts(params: Params) -> Iterator[str]:
    """The short ones first, each on a line; then what has lines of its own."""
    template = params.get("template")
    message = template if isinstance(template, Mapping) else {"text": params.get("message")}
    short = {name: value for name, value in params.items() if name not in ("message", "template")}
    if message.get("subject"):
        short["subject"] = message["subject"]
    if message is template:
        short["template"] = message["name"]
    width = max((len(name) for name, value in short.items() if not _is_large(value)), default=0)
    for name, value in sorted(short.items(), key=lambda one: _is_large(one[1])):
        if _is_large(value):
            yield paint(name, "dim")
            yield from (f"  {printable(line)}" for line in _json(value, indent=2).splitlines())
        else:
            yield f"{paint(name.ljust(width), 'dim')}  {printable(value if isinstance(value, str) else _json(value))}"
    yield from _text(message)


def _text(message: Mapping[str, Json]) -> Iterator[str]:
    """What the receiver reads: the text, else the HTML."""
    name = "text" if message.get("text") else "html"
    for line in str(message.get(name) or "").splitlines():
        yield f"{paint(BAR, 'dim')} {printable(line)}".rstrip()
    if name == "text" and message.get("html"):
        yield paint(f"and as HTML, {len(message['html'])} characters", "dim")


def _is_large(value: Json) -> bool:
    return isinstance(value, Mapping | list) and len(_json(value)) > 60


def _json(value: Json, *, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
