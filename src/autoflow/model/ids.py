"""Ids that sort by the time they were made (UUIDv7, RFC 9562): inserts append instead of scattering."""

from __future__ import annotations

import secrets
import threading

_COUNTER_BITS = 12
_RANDOM_BITS = 62


class IdSource:
    """Makes UUIDv7s that never go backwards, also within one millisecond and when the clock is set back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamp = 0

    def make(self, now: int) -> str:
        """A new id for the moment `now` (UTC milliseconds), as 36 characters."""
        with self._lock:
            self._stamp = max(self._stamp + 1, now << _COUNTER_BITS)
            millis, counter = divmod(self._stamp, 1 << _COUNTER_BITS)
        number = millis << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | secrets.randbits(_RANDOM_BITS)
        digits = f"{number:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
