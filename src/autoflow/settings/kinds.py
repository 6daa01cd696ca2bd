"""What a value in the config can be: how it is read, and how a JSON Schema says so.

A reader is handed the value as written and the folder that relative paths start from. ValueError says what
is wrong and what to write instead. Text is read strictly as what is wanted: `${PORT}` is text too.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from autoflow.model.json import Json, JsonObject
from autoflow.model.retry import PRESETS, parse_retry
from autoflow.model.span import parse_span

Reader = Callable[[Json, Path], Any]

SIZE_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
MAX_PORT = 65_535

_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB|TiB)")
_LISTEN = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>\d{1,5})")
_TARGET = re.compile(r"(?:\[[0-9A-Fa-f:.]+\](?::\d{1,5})?|[^\s:/\[\]]+(?::\d{1,5})?|[0-9A-Fa-f:.]+(?:/\d{1,3})?)")
_NETWORK = re.compile(r"[0-9A-Fa-f:.]+/\d{1,3}(?::\d{1,5})?")
_REFERENCE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*|\[([0-9]+|\*)\]){0,16}")
_WHOLE = re.compile(r"\d{1,18}")


class Kind(NamedTuple):
    """One kind of value."""

    read: Reader
    schema: JsonObject


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listening address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def words(*choices: str) -> Kind:
    """One of a few words."""

    def read(value: Json, _: Path) -> str:
        if value not in choices:
            raise ValueError(f"{_show(value)} is none of {', '.join(choices)}")
        return str(value)

    return Kind(read=read, schema={"enum": list(choices)})


def numbers(lowest: int, highest: int) -> Kind:
    """A whole number between two."""

    def read(value: Json, _: Path) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"{_show(value)} is no whole number from {lowest} to {highest}")
        return value

    return Kind(read=read, schema={"type": "integer", "minimum": lowest, "maximum": highest})


def lists(item: Kind) -> Kind:
    """A list; from the environment, texts with commas between them."""

    def read(value: Json, folder: Path) -> tuple[Any, ...]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list | tuple):
            raise ValueError(f"{_show(value)} is no list; write [a, b]")
        return tuple(item.read(part, folder) for part in value)

    return Kind(read=read, schema={"type": "array", "items": item.schema})


def _read_text(value: Json, _: Path) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_show(value)} is no text; put it into quotes")
    if not value.strip():
        raise ValueError("this is empty")
    return value


def _read_flag(value: Json, _: Path) -> bool:
    if value not in (True, False, "true", "false") or isinstance(value, int) is not isinstance(value, bool):
        raise ValueError(f"{_show(value)} is neither true nor false")
    return value in (True, "true")


def _read_path(value: Json, folder: Path) -> Path:
    text = _read_text(value, folder)
    if "\0" in text:
        raise ValueError("a path cannot hold a NUL")
    try:
        return folder / Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{text}: {error}") from error


def _read_file(value: Json, folder: Path) -> str:
    path = _read_path(value, folder)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return str(path)


def _read_span(value: Json, _: Path) -> int:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"{_show(value)} is no span; write for example 30s, 5m or 7d")
    return parse_span(str(value))


def _read_long_span(value: Json, folder: Path) -> int:
    span = _read_span(value, folder)
    if span == 0:
        raise ValueError("this must be longer than nothing")
    return span


def _read_size(value: Json, _: Path) -> int:
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{_show(value)} is no size; write for example 64KiB, 1MiB or 10GiB")
    size = int(match[1]) * SIZE_UNITS[match[2]]
    if not 0 < size <= 2**53:
        raise ValueError(f"{value} is no size that can be meant")
    return size


def _read_share(value: Json, _: Path) -> float:
    try:
        share = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError):
        share = -1.0
    if not 0 < share <= 1:
        raise ValueError(f"{_show(value)} is no part of a whole; write a number above 0 and up to 1")
    return share


def _read_listen(value: Json, _: Path) -> tuple[str | None, int | None]:
    if value == "none":
        return None, None
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{_show(value)} is no address; write 127.0.0.1:8787, [::1]:8787 or none")
    if int(match["port"]) > MAX_PORT:
        raise ValueError(f"there is no port {match['port']}")
    if match["v6"]:
        ipaddress.IPv6Address(match["v6"])
    return match["v6"] or match["host"], int(match["port"])


def _read_host(value: Json, folder: Path) -> str:
    host = _read_text(value, folder)
    if re.search(r"[\s/@?#]", host):
        raise ValueError(f"{_show(value)} is no host name; write it without scheme, path and spaces")
    return host


def _read_target(value: Json, folder: Path) -> str:
    text = _read_text(value, folder)
    if not _TARGET.fullmatch(text) and not _NETWORK.fullmatch(text):
        raise ValueError(f"{_show(value)} is no target; write host, host:port, an address or a network")
    return text


def _read_redacted(value: Json, folder: Path) -> str:
    """`email`, `phone`, or where a value stands in an event: a name with dots, as in a rule."""
    text = _read_text(value, folder)
    if not _REFERENCE.fullmatch(text):
        raise ValueError(f"{_show(value)} is neither email, phone nor a reference such as job.client.name")
    return text


def _read_url(value: Json, folder: Path) -> str:
    text = _read_text(value, folder)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", text):
        raise ValueError(f"{_show(value)} is no web address; it begins with https:// and a host")
    return text


def _read_headers(value: Json, folder: Path) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("headers are a map of names to texts")
    return {str(name): _read_text(text, folder) for name, text in value.items()}


def _read_keys(value: Json, folder: Path) -> Json:
    if isinstance(value, str):
        return _read_text(value, folder)
    if not isinstance(value, Sequence) or not value:
        raise ValueError("a secret is one reference, or a list of them while keys change")
    return [_read_text(part, folder) for part in value]


def _read_zone(value: Json, folder: Path) -> str:
    import zoneinfo  # it looks for its data first: start-up time counts, and few configs name a zone

    name = _read_text(value, folder)
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # a folder's name such as "Europe" is an OSError
        raise ValueError(f"there is no time zone {name!r}; write for example UTC or Europe/Berlin") from error
    return name


def _read_retry(value: Json, _: Path) -> Any:
    return parse_retry(value)


def _show(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


_SPAN_TEXT = {"type": "string", "pattern": r"^([0-9]+(ms|s|m|h|d|w))+$"}
_TEXT_SCHEMA = {"type": "string", "minLength": 1}

TEXT = Kind(read=_read_text, schema=_TEXT_SCHEMA)
FLAG = Kind(read=_read_flag, schema={"type": "boolean"})
PATH = Kind(read=_read_path, schema=_TEXT_SCHEMA)
FILE = Kind(read=_read_file, schema=_TEXT_SCHEMA)
SPAN = Kind(read=_read_span, schema=_SPAN_TEXT)
LONG_SPAN = Kind(read=_read_long_span, schema=_SPAN_TEXT)
SIZE = Kind(read=_read_size, schema={"type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB|TiB)$"})
SHARE = Kind(read=_read_share, schema={"type": "number", "exclusiveMinimum": 0, "maximum": 1})
LISTEN = Kind(read=_read_listen, schema=_TEXT_SCHEMA)
REDACTED = Kind(read=_read_redacted, schema={"type": "string", "pattern": f"^{_REFERENCE.pattern}$"})
HOST = Kind(read=_read_host, schema=_TEXT_SCHEMA)
TARGET = Kind(read=_read_target, schema=_TEXT_SCHEMA)
URL = Kind(read=_read_url, schema={"type": "string", "pattern": "^https?://"})
HEADERS = Kind(read=_read_headers, schema={"type": "object", "additionalProperties": {"type": "string"}})
KEYS = Kind(read=_read_keys, schema={"anyOf": [_TEXT_SCHEMA, {"type": "array", "items": _TEXT_SCHEMA}]})
ZONE = Kind(read=_read_zone, schema=_TEXT_SCHEMA)
PORT = numbers(1, MAX_PORT)
RETRY = Kind(
    read=_read_retry,
    schema={
        "anyOf": [
            {"enum": list(PRESETS)},
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["schedule"],
                "properties": {"schedule": {"type": "array", "items": _SPAN_TEXT}},
            },
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "max_attempts": {"type": "integer", "minimum": 1, "maximum": 50},
                    "base": _SPAN_TEXT,
                    "factor": {"type": "number", "minimum": 1, "maximum": 100},
                    "cap": _SPAN_TEXT,
                },
            },
        ]
    },
)
