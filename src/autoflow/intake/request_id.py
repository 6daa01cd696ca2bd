"""The name of a request in answers and log lines: the sender's own where it is a plain word, else a new one."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterable

HEADER = b"x-request-id"

_GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PREFIX = secrets.token_hex(6)
_numbers = itertools.count(1)


def given_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The id that a sender gave its request, by the headers that have come so far."""
    given = None
    for name, value in headers:
        if name == HEADER and _GIVEN.fullmatch(value):
            given = value.decode("ascii")
    return given


def make_id() -> str:
    """An id for a request that came without one."""
    return f"{_PREFIX}-{next(_numbers):x}"
