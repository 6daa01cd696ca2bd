"""The short way of a log line to its stream: our own lines, as JSON, without the detour over `logging`.

Lines of one turn of the event loop go out in one write. A line whose fields are not all short and plain is handed
back to the formatter, field by field, which cleans them.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TextIO

import msgspec

from autoflow.observe.sentences import SENTENCES

PLAIN_CHARACTERS = 1_000
"""The fields of longer lines are cleaned by the formatter, which knows the limit of a field."""
MOST_NAMES = 1_000
"""Names of fields that are remembered as no secrets: there are as many as are written in the code."""
_SCALARS = frozenset({bool, int, float, str})
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
        self._encode = msgspec.json.Encoder().encode
        #: names of fields that hold no secrets
        self._names: set[str] = set()
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
        told = fields
        if None in fields.values():
            told = {key: value for key, value in fields.items() if value is not None}
        text = self._write_plain(told)
        if text is None:
            text = ",".join([f'"{key}":{self._clean(key, value)}' for key, value in told.items()])
        line = f"{_time()}{_head(level, logger, event)}{',' if text else ''}{text}{self._end}"
        if self._defer is None or threading.get_ident() != self._thread:
            self._stream.write(line)
            self._stream.flush()
            return
        self._lines.append(line)
        if len(self._lines) == 1:
            self._defer(self._flush)

    def _write_plain(self, fields: Mapping[str, Any]) -> str | None:
        """The fields as they stand in an object; None unless each is harmless and its own JSON."""
        if not (self._names.issuperset(fields) or self._know(fields)):
            return None
        if not _SCALARS.issuperset(map(type, fields.values())):
            return None
        try:
            text = self._encode(fields).decode()[1:-1]
        except (OverflowError, UnicodeEncodeError):
            return None  # a number that this encoder has no room for, half a character
        is_plain = _is_plain(text) and (self._mask is None or self._mask(text) is text)
        return text if is_plain else None

    def _know(self, names: Mapping[str, Any]) -> bool:
        """Whether none of these names is that of a secret."""
        if any(self._is_secret(name) for name in names):
            return False
        if len(self._names) < MOST_NAMES:
            self._names.update(names)
        return True

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._stream.write("".join(lines))
            self._stream.flush()


def _is_plain(text: str) -> bool:
    """Whether nothing in encoded fields could be taken for an order by a terminal, and nothing is too long."""
    return (
        len(text) <= PLAIN_CHARACTERS
        and text.isascii()
        and "\\" not in text
        and "\x7f" not in text
        and "null" not in text  # what a number is written as that is none
    )


@lru_cache(maxsize=256)
def _head(level: str, logger: str, event: str) -> str:
    sentence = json.dumps(SENTENCES.get(event, event), ensure_ascii=False)
    return f',"level":"{level}","logger":"{logger}","msg":{sentence},"event":"{event}"'


def _time() -> str:
    return _moment(time.time_ns() // 1_000_000)


@lru_cache(maxsize=2)
def _moment(millis: int) -> str:
    return f'{{"ts":"{_second(millis // 1000)}.{millis % 1000:03d}Z"'


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
