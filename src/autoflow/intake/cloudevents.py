"""CloudEvents in binary form: the attributes stand in `ce-` headers, the body is the data.

Used by the HTTP door, before the decoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from autoflow.intake.envelope import Mistakes

PREFIX = b"ce-"
MARK = b"ce-specversion"
"""The header that tells a CloudEvent in binary form from any other request."""

_NAME = re.compile(r"[a-z0-9]+")
_ELSEWHERE = {"data": "the data is the body", "datacontenttype": "the data's type is the Content-Type"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def read_attributes(headers: Iterable[tuple[bytes, bytes]], mistakes: Mistakes) -> dict[str, str]:
    """The attributes that stand in headers (names in lower case), decoded; mistakes are added."""
    found: dict[str, str] = {}
    for header, raw in headers:
        if not header.startswith(PREFIX):
            continue
        name = header[len(PREFIX) :].decode("latin-1")
        value = decode_value(raw)
        if name in _ELSEWHERE:
            mistakes.append((f"/{name}", f"is no header of its own: {_ELSEWHERE[name]}"))
        elif not _NAME.fullmatch(name):
            mistakes.append((f"/{name}", "is no name of an attribute: those are of lower-case letters and digits"))
        elif name in found:
            mistakes.append((f"/{name}", f"the header ce-{name} stands there twice"))
        elif value is None:
            mistakes.append((f"/{name}", f"the header ce-{name} is not percent-encoded UTF-8"))
        else:
            found[name] = value
    return found


def decode_value(raw: bytes) -> str | None:
    """A header's value as text: unquoted, then percent-decoded once; None where that is not UTF-8."""
    text = raw.decode("latin-1").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        return None
