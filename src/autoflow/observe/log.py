"""What autoflow says about itself: one line a happening, with a stable event name and its fields.

JSON lines for machines, a short text form for a terminal. Every line, those of foreign libraries too, is
masked, escaped and capped here, the last stop before stderr. The sentences stand in `sentences`.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Literal, TextIO

from autoflow.observe.sentences import SENTENCES
from autoflow.observe.sink import LineSink

Mask = Callable[[str], str]
LogFormat = Literal["json", "text", "auto"]

FIELD_BYTES = 2 * 1024
TRACEBACK_BYTES = 8 * 1024
HIDDEN = "***"
ROOT = "autoflow"

_FIELDS = "autoflow_fields"
_DEEPEST = 4
_SECRET_KEY = re.compile(
    r"(?:^|[_-])(?:authorization|cookie|token|secret|password|signature|api[_-]?key)s?(?:$|[_-])", re.IGNORECASE
)
# What a terminal or a log reader could take for an order: controls, line ends, direction marks, half characters.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}
_sinks: list[LineSink] = []
"""The short way, where lines are JSON; at most one."""


class Log:
    """Says what happened, under one logger's name."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, /, *, exception: BaseException | None = None, **fields: Any) -> None:
        """Of use to who looks for a defect."""
        self._say(logging.DEBUG, event, exception, fields)

    def info(self, event: str, /, *, exception: BaseException | None = None, **fields: Any) -> None:
        """The normal course of things."""
        self._say(logging.INFO, event, exception, fields)

    def warning(self, event: str, /, *, exception: BaseException | None = None, **fields: Any) -> None:
        """Somebody should look at it some time."""
        self._say(logging.WARNING, event, exception, fields)

    def error(self, event: str, /, *, exception: BaseException | None = None, **fields: Any) -> None:
        """Somebody must look at it."""
        self._say(logging.ERROR, event, exception, fields)

    def _say(self, level: int, event: str, exception: BaseException | None, fields: dict[str, Any]) -> None:
        if not self._logger.isEnabledFor(level):
            return
        if _sinks and exception is None:
            _sinks[-1].say(_LEVELS[level], self._logger.name, event, fields)
            return
        told = {"event": event, **{key: value for key, value in fields.items() if value is not None}}
        # the sentence may hold a % of its own: it is an argument, not the format
        self._logger.log(level, "%s", SENTENCES.get(event, event), exc_info=exception, extra={_FIELDS: told})


def get_log(name: str) -> Log:
    """The log of one part of autoflow, for example `autoflow.runs`."""
    return Log(name)


def configure_logging(
    format: LogFormat = "auto",  # noqa: A002 -- the flag is called --log-format
    level: str = "info",
    mask: Mask | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send every line of this process to stderr; `auto` is text on a terminal and JSON elsewhere."""
    target = sys.stderr if stream is None else stream
    text = format == "text" or (format == "auto" and target.isatty())
    _sinks.clear()
    if not text:
        _sinks.append(LineSink(target, mask, _is_secret_key, lambda key, value: _write_field(key, value, mask)))
    handler = _LineHandler(target)
    handler.setFormatter(TextFormatter(mask) if text else JsonFormatter(mask))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _LineHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    # Foreign libraries are heard when something is wrong; what they say at info is about themselves.
    root.setLevel(max(logging.WARNING, _level_of(level)))
    logging.getLogger(ROOT).setLevel(_level_of(level))


def say_nothing() -> None:
    """Where the engine is rehearsed: what it says of itself is no news to anybody."""
    logging.getLogger(ROOT).setLevel(logging.CRITICAL + 1)


def gather_lines(defer: Callable[[Callable[[], None]], object]) -> None:
    """Write the lines of one turn of the event loop together; `defer` calls soon, on this thread."""
    for sink in _sinks:
        sink.flush_by(defer)


def write_lines_at_once() -> None:
    """Write what has gathered, and every later line as it comes."""
    for sink in _sinks:
        sink.flush_now()


@lru_cache(maxsize=1024)
def _is_secret_key(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _write_field(key: str, value: Any, mask: Mask | None) -> str:
    text = json.dumps(_field(key, value, mask, depth=0), ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, mask: Mask | None = None) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "ts": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": _clean(_message_of(record), self._mask),
            **_fields_of(record, self._mask),
            "pid": record.process,
        }
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class TextFormatter(logging.Formatter):
    """Time, level, sentence and fields, for a person at a terminal."""

    def __init__(self, mask: Mask | None = None) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback follows it, indented."""
        fields = _fields_of(record, self._mask)
        trace = fields.pop("traceback", None)
        words = [f"{key}={_write_value(value)}" for key, value in fields.items()]
        head = f"{_time_of(record)[11:19]} {record.levelname.lower():7}"
        line = " ".join([head, _escape(_clean(_message_of(record), self._mask)), *words])
        if trace is None:
            return line
        return "\n".join([line, *(f"    {_escape(part)}" for part in str(trace).splitlines())])


class _LineHandler(logging.StreamHandler[TextIO]):
    """Ours, so that configuring twice does not say everything twice."""


def _fields_of(record: logging.LogRecord, mask: Mask | None) -> dict[str, Any]:
    told: Mapping[str, Any] = getattr(record, _FIELDS, {})
    fields = {key: _field(key, value, mask, depth=0) for key, value in told.items()}
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        fields["error_type"] = type(error).__name__
        fields.setdefault("error", _clean(str(error), mask))
        trace = "".join(traceback.format_exception(error))
        # the end of a traceback says most
        fields["traceback"] = _clean(trace, mask, most=TRACEBACK_BYTES, keep_end=True)
    return fields


def _field(key: str, value: Any, mask: Mask | None, *, depth: int) -> Any:
    if _SECRET_KEY.search(key):
        return HIDDEN
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {str(name): _field(str(name), part, mask, depth=depth + 1) for name, part in value.items()}
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return [_field("", part, mask, depth=depth + 1) for part in value]
    return _clean(str(value), mask)


def _clean(text: str, mask: Mask | None, *, most: int = FIELD_BYTES, keep_end: bool = False) -> str:
    """Masked first and cut then: a cut secret would no longer be known for one."""
    if mask is not None:
        text = mask(text)
    content = text.encode("utf-8", "surrogatepass")
    if len(content) <= most:
        return text
    if keep_end:
        return "…" + content[-most:].decode("utf-8", "ignore")
    return content[:most].decode("utf-8", "ignore") + "…"


def _message_of(record: logging.LogRecord) -> str:
    return record.getMessage()


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


def _write_value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    quoted = json.dumps(text, ensure_ascii=False) if text == "" or re.search(r'[\s"=]', text) else text
    return _escape(quoted)


def _time_of(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _level_of(word: str) -> int:
    levels = logging.getLevelNamesMapping()
    level = levels.get(word.upper())
    if level is None:
        raise ValueError(f"unknown log level {word!r}; known are debug, info, warning, error")
    return level
