"""The head that a connection's last request had, so that the next one with the same bytes needs no parser.

A sender who keeps its connection says the same each time, the body's length apart. What was parsed and admitted
once is compared letter by letter, in a time that tells nothing about the letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hmac import compare_digest

from autoflow.intake.express import MOST_BYTES, Admission

LONGEST = 4 * 1024
"""Longer heads are not remembered: each connection keeps one."""
MOST_DIGITS = len(str(MOST_BYTES))

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,%d})\r\n" % MOST_DIGITS, re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)  # it holds the token
class KnownHead:
    """A head that was parsed and admitted, around the length of its body."""

    before: bytes
    after: bytes
    admission: Admission

    def body_of(self, request: bytes) -> bytes | None:
        """The body of a whole request that has this head; None where it has another, or is not whole."""
        begin = len(self.before)
        end = request.find(b"\r", begin, begin + MOST_DIGITS + 1)
        head = end + len(self.after)
        length = len(request) - head
        if end < 0 or not 0 < length <= MOST_BYTES or request[begin:end] != b"%d" % length:
            return None
        if compare_digest(request[:begin], self.before) and compare_digest(request[end:head], self.after):
            return request[head:]
        return None


def know_head(request: bytes, body: bytes, admission: Admission, *, most_bytes: int) -> KnownHead | None:
    """The head of a request that came whole and alone; None where it is not to be remembered.

    `body` is what the parser made of the same bytes: where the head ends elsewhere for it, nothing is remembered.
    """
    end = request.find(_END) + len(_END)
    if admission.refusal is not None or request[end:] != body or end > min(LONGEST, most_bytes - MOST_DIGITS):
        return None
    found = _LENGTH.search(request, 0, end)
    if found is None:
        return None
    return KnownHead(before=request[: found.start(1)], after=request[found.end(1) : end], admission=admission)
