"""Spans of time as people write them (`1h30m`) and as the engine counts them (milliseconds)."""

from __future__ import annotations

import re

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
"""Milliseconds of each unit. A day is 24 hours, a week 168; there are no months."""

_PART = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_WHOLE = re.compile(r"(?:\d+(?:ms|s|m|h|d|w))+")
_WORDED = re.compile(
    r"(\d+)\s*(ms|milliseconds?|s|sec(?:ond)?s?|m|min(?:ute)?s?|h|hrs?|hours?|d|days?|w|wks?|weeks?)(?![a-z])[\s,]*(?:and\s+)?"
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
LONGEST = 3_650 * UNITS["d"]
"""Ten years: longer than that is a mistake, and times stay far inside 64 bits."""


def parse_span(text: str) -> int:
    """Milliseconds of a span such as `90s` or `1h30m`. ValueError says what is wrong and what to write."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        raise ValueError(f"{text} what? write {text}s, {text}m or {text}h")
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a span; write {_spell(text) or 'for example 30s, 5m, 1h30m or 7d'}")
    total = sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))
    if total > LONGEST:
        raise ValueError(f"{text!r} is longer than ten years")
    return total


def _spell(text: str) -> str | None:
    """What was meant by `5 minutes` or `1 hour and 30 min`; None where that is not plain."""
    text = text.lower()
    parts = [(found[1], found[2]) for found in _WORDED.finditer(text)]
    if not parts or _WORDED.sub("", text):
        return None
    return "".join(
        number + ("ms" if unit in ("ms", "millisecond", "milliseconds") else unit[0]) for number, unit in parts
    )


def write_span(millis: int) -> str:
    """The shortest spelling: 90000 is `1m30s`, 0 is `0s`."""
    if millis == 0:
        return "0s"
    parts = []
    for unit in ("w", "d", "h", "m", "s", "ms"):
        count, millis = divmod(millis, UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
