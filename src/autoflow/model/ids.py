"""Ids that sort by the time they were made (UUIDv7, RFC 9562): inserts append instead of scattering."""

from __future__ import annotations

import secrets
import threading

_COUNTER_BITS = 12
_TAILS = 128
"""Random ends that are made at once: one call of the system for all of them."""
_VARIANT = bytes(0b10 << 6 | value & 0x3F for value in range(256))
"""Any byte to one that begins with the variant's two bits."""


class IdSource:
    """Makes UUIDv7s that never go backwards, also within one millisecond and when the clock is set back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamp = 0
        self._millis = -1
        self._head = ""
        self._tails: list[str] = []

    def make(self, now: int) -> str:
        """A new id for the moment `now` (UTC milliseconds), as 36 characters."""
        with self._lock:
            stamp = now << _COUNTER_BITS
            if stamp <= self._stamp:
                stamp = self._stamp + 1
            self._stamp = stamp
            millis = stamp >> _COUNTER_BITS
            if millis != self._millis:
                self._millis = millis
                self._head = f"{millis >> 16:08x}-{millis & 0xFFFF:04x}-7"
            if not self._tails:
                self._tails = _make_tails()
            return f"{self._head}{stamp & 0xFFF:03x}-{self._tails.pop()}"


def _make_tails() -> list[str]:
    """The last two groups of many ids: the variant and 62 random bits each."""
    first = bytearray(secrets.token_bytes(2 * _TAILS))
    first[::2] = first[::2].translate(_VARIANT)
    last = secrets.token_bytes(6 * _TAILS)
    return list(map("-".join, zip(first.hex(" ", 2).split(), last.hex(" ", 6).split(), strict=True)))
