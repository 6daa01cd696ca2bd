"""The short way of a log line to its stream: our own lines, as JSON, without the detour over `logging`.

Lines of one turn of the event loop go out in one write. What is not short and plain is handed back to the
formatter, which cleans it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, TextIO

from autoflow.observe.sentences import SENTENCES

PLAIN_CHARACTERS = 400
"""Longer texts are cleaned by the formatter, which knows the limit of a field."""
Mask = Callable[[str], str]
Defer = Callable[[Callable[[], None]], object]
Clean = Callable[[str, Any], str]
"""A field's value as JSON text, whatever it is."""


class LineSink:
    """Writes JSON lines to a stream."""

    def __init__(self, stream: TextIO, mask: Mask | None, is_secret: Callable[[str], bool], clean: Clean) -> None:
        self._stream = stream
        self._mask = mask
        self._is_secret = is_secret
        self._clean = clean
        self._end = f',"pid":{os.getpid()}}}\n'
        self._lines: list[str] = []
        self._defer: Defer | None = None
        self._thread = 0

    def flush_by(self, defer: Defer) -> None:
        """From now on, let `defer` call the flush soon, for lines of this thread; others are written at once."""
        self._defer = defer
        self._thread = threading.get_ident()

    def flush_now(self) -> None:
        """Write what has gathered, and every later line at once."""
        self._defer = None
        self._flush()

    def say(self, level: str, logger: str, event: str, fields: Mapping[str, Any]) -> None:
        """One line."""
        parts = [_time(), _head(level, logger, event)]
        for key, value in fields.items():
            if value is not None:
                parts.append(f',"{key}":{self._value(key, value)}')
        parts.append(self._end)
        line = "".join(parts)
        if self._defer is None or threading.get_ident() != self._thread:
            self._stream.write(line)
            self._stream.flush()
            return
        self._lines.append(line)
        if len(self._lines) == 1:
            self._defer(self._flush)

    def _value(self, key: str, value: Any) -> str:
        if self._is_secret(key):
            return self._clean(key, value)
        kind = type(value)
        if kind is int:
            return str(value)
        if kind is float and isfinite(value):
            return repr(value)
        if kind is str and _is_plain(value) and (self._mask is None or self._mask(value) is value):
            return f'"{value}"'
        return self._clean(key, value)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write("".join(lines))
            self._stream.flush()


def _is_plain(text: str) -> bool:
    """Whether a text is its own JSON, and nothing in it could be taken for an order by a terminal."""
    return (
        len(text) <= PLAIN_CHARACTERS
        and text.isascii()
        and text.isprintable()
        and '"' not in text
        and "\\" not in text
    )


@lru_cache(maxsize=256)
def _head(level: str, logger: str, event: str) -> str:
    sentence = json.dumps(SENTENCES.get(event, event), ensure_ascii=False)
    return f',"level":"{level}","logger":"{logger}","msg":{sentence},"event":"{event}"'


def _time() -> str:
    seconds, millis = divmod(time.time_ns() // 1_000_000, 1000)
    return f'{{"ts":"{_second(seconds)}.{millis:03d}Z"'


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
