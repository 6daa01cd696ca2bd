"""The filters of templates: a small, documented set, each bounded in what it can make.

The engine hands a missing value to a Python filter as None, so all but `default` refuse None:
a mistyped name must not pass as an empty one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any
from urllib.parse import quote

from autoflow.errors import TemplateError
from autoflow.model.json import Json
from autoflow.templates.facts import FrozenList, thaw, write_value
from autoflow.templates.plain import OUTPUT_CAP

BUILT_IN = frozenset(
    {"abs", "capitalize", "escape", "e", "first", "float", "int", "last", "length", "count", "lower"}
    | {"max", "min", "reverse", "round", "sort", "sum", "title", "trim", "truncate", "unique", "upper"}
)
"""Filters of the engine that are kept as they are."""

REFUSED = frozenset(
    {"attr", "batch", "bool", "chain", "d", "dictsort", "filesizeformat", "format", "groupby", "indent"}
    | {"lines", "list", "map", "pluralize", "pprint", "reject", "rejectattr", "safe", "select", "selectattr"}
    | {"slice", "split", "string", "striptags", "wordwrap", "zip"}
)
"""Filters of the engine that are taken out: unbounded, unescaping, or of no use in a message."""


def fill_default(value: Json = None, fallback: Json = "", blank: bool = False) -> Json:
    """The fallback for what is missing or null; with `true` also for empty text, 0 and empty lists."""
    if value is None or (blank and not value):
        return fallback
    return value


def join_items(value: Json = None, separator: str = "", attribute: str | None = None) -> str:
    """The list's items as one text; with `attribute` that key of each."""
    items = _need(value, list, "join", "a list")
    if attribute is not None:
        items = [item[attribute] for item in items if isinstance(item, dict) and attribute in item]
    texts = [write_value(item) for item in items]
    _check_size(sum(map(len, texts)) + len(separator) * len(texts), "join")
    return separator.join(texts)


def write_json(value: Json) -> str:
    """The value as JSON text."""
    return json.dumps(thaw(_need(value, object, "tojson", "a value")), ensure_ascii=False)


def replace_text(value: Json, old: str, new: str) -> str:
    """The text with each `old` replaced by `new`."""
    text = write_value(_need(value, object, "replace", "a text"))
    _check_size(len(text) + text.count(old) * len(new), "replace")
    return text.replace(old, new)


def encode_url(value: Json) -> str:
    """The value percent-encoded for a path segment or a query value; a slash is encoded too."""
    return quote(write_value(_need(value, object, "urlencode", "a value")), safe="")


def list_pairs(value: Json) -> FrozenList:
    """A map as [key, value] pairs, for a loop."""
    pairs = dict.items(_need(value, dict, "items", "a map"))
    return FrozenList([FrozenList([key, part]) for key, part in pairs])


def write_date(value: Json, pattern: str = "%Y-%m-%d", zone: str = "UTC") -> str:
    """A time (RFC 3339 text or UTC milliseconds) or a date, written by a strftime pattern, in a time zone."""
    from zoneinfo import ZoneInfo  # it looks for its data first: start-up time counts

    try:
        place: tzinfo = UTC if zone == "UTC" else ZoneInfo(zone)
    except (ValueError, OSError) as error:
        raise TemplateError(f"date: unknown time zone {zone!r}") from error
    _check_size(len(pattern) * 16, "date")
    return _read_moment(value, place).strftime(pattern)


def _read_moment(value: Json, place: tzinfo) -> datetime | date:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC).astimezone(place)
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(place) if moment.tzinfo else moment
    except (ValueError, OverflowError, OSError) as error:
        raise TemplateError(f"date: {value!r} is not a time") from error
    raise TemplateError("date: needs a time such as 2026-03-29T00:50:00Z or milliseconds; this is missing or null")


def _need(value: Json, kind: type, name: str, wanted: str) -> Any:
    if value is None or not isinstance(value, kind):
        raise TemplateError(f"{name}: needs {wanted}; this is {_say_kind(value)}")
    return value


def _say_kind(value: Json) -> str:
    if value is None:
        return "missing or null"
    names = {dict: "a map", list: "a list", str: "a text", bool: "true or false"}
    return next((word for kind, word in names.items() if isinstance(value, kind)), "a number")


def _check_size(size: int, name: str) -> None:
    if size > OUTPUT_CAP:
        raise TemplateError(f"{name}: would make more than {OUTPUT_CAP // 1024} KiB")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "date": write_date,
    "default": fill_default,
    "items": list_pairs,
    "join": join_items,
    "replace": replace_text,
    "tojson": write_json,
    "urlencode": encode_url,
}
"""Filters of ours, by their names in templates."""
