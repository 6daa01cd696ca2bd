"""What was expected beside what is: value by value, each with whether it is as it should be.

A map is compared by the keys that are expected of it, a list element by element; `exactly` allows no other keys.
A map that holds matchers only (`contains`, `any_of`, ...) says how its place is compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, time
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from autoflow.model.json import Json
from autoflow.model.span import parse_span, write_span
from autoflow.rules.findings import near_match
from autoflow.testing.fields import read_moment

MISSING: Final = object()
LONGEST = 400


class Instant(str):
    """A moment as local text; compared with times of day, and with times with or without an offset."""

    __slots__ = ("local",)
    local: datetime

    @classmethod
    def of(cls, moment: int, zone: ZoneInfo) -> Instant:
        """A moment in UTC milliseconds, as it is told in a zone."""
        local = datetime.fromtimestamp(moment / 1000, zone)
        made = cls(local.isoformat(timespec="milliseconds" if moment % 1000 else "seconds"))
        made.local = local
        return made

    def is_at(self, written: str) -> bool:
        """Whether a written time means this moment."""
        try:
            wanted = read_moment(written).value
        except ValueError:
            return False
        if isinstance(wanted, time):
            return self.local.time() == wanted
        if wanted.tzinfo is None:
            return self.local.replace(tzinfo=None) == wanted
        return self.local.timestamp() == wanted.timestamp()  # what comes twice is equal to no time of another zone


class Lapse(str):
    """A span of time, compared by its length."""

    __slots__ = ("millis",)
    millis: int

    @classmethod
    def of(cls, millis: int) -> Lapse:
        """So many milliseconds."""
        made = cls(write_span(millis) if millis >= 0 else f"-{write_span(-millis)}")
        made.millis = millis
        return made


class Compared(NamedTuple):
    """One value: where it stands, what was expected and what is there."""

    path: str
    expected: str
    #: None where nothing is there
    actual: str | None
    is_met: bool


def compare(expected: Json, actual: Any, *, exactly: bool = False, path: str = "") -> list[Compared]:
    """Every value that is expected beside the one that is there."""
    if is_matcher(expected):
        return [_compare_matcher(expected, actual, path)]
    if isinstance(expected, dict) and isinstance(actual, Mapping):
        return _compare_maps(expected, actual, exactly=exactly, path=path)
    if isinstance(expected, list) and isinstance(actual, list | tuple):
        return _compare_lists(expected, actual, exactly=exactly, path=path)
    return [Compared(path, f"{show(expected)}{_hint_for(expected)}", _shown(actual), is_equal(expected, actual))]


def _hint_for(expected: Json) -> str:
    """What may have been meant by a map where there is none: a matcher, misspelt."""
    if not isinstance(expected, dict) or len(expected) != 1:
        return ""
    hint = near_match(next(iter(expected)), MATCHERS)
    return f" ({hint})" if hint else ""


def flatten(expected: Json, path: str = "") -> Iterator[Compared]:
    """Every value that is expected where there is nothing to compare it with."""
    if isinstance(expected, dict) and expected and not is_matcher(expected):
        for key, value in expected.items():
            yield from flatten(value, f"{path}.{key}" if path else key)
    else:
        yield compare(expected, MISSING, path=path)[0]


def is_met(expected: Json, actual: Any, *, exactly: bool = False) -> bool:
    """Whether a value is as expected."""
    return all(one.is_met for one in compare(expected, actual, exactly=exactly))


def is_matcher(value: Json) -> bool:
    """Whether a map says how to compare."""
    return isinstance(value, dict) and bool(value) and value.keys() <= MATCHERS.keys()


def is_equal(expected: Json, actual: Any) -> bool:
    """Equality of JSON: 1 is 1.0, and neither true nor "1"."""
    if isinstance(actual, Instant) and isinstance(expected, str):
        return actual.is_at(expected)
    if isinstance(actual, Lapse) and isinstance(expected, str):
        return _span_of(expected) == actual.millis
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, dict) and isinstance(actual, Mapping):
        return expected.keys() == actual.keys() and all(is_equal(expected[key], actual[key]) for key in expected)
    if isinstance(expected, list) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(map(is_equal, expected, actual))
    return bool(expected == actual)


def show(value: Any, *, longest: int = LONGEST) -> str:
    """A value on one line, as JSON; a long one is cut."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= longest else f"{text[:longest]}..."


def _shown(actual: Any) -> str | None:
    return None if actual is MISSING else show(actual)


def _compare_maps(
    expected: Mapping[str, Json], actual: Mapping[str, Any], *, exactly: bool, path: str
) -> list[Compared]:
    lines = [
        line
        for key, value in expected.items()
        for line in compare(value, actual.get(key, MISSING), exactly=exactly, path=f"{path}.{key}" if path else key)
    ]
    if exactly:
        others = [key for key in actual if key not in expected]
        lines += [Compared(f"{path}.{key}" if path else key, "", show(actual[key]), False) for key in others]
    return lines or [Compared(path, show(expected), show(actual), True)]


def _compare_lists(expected: list[Json], actual: Any, *, exactly: bool, path: str) -> list[Compared]:
    lines = [
        line
        for index, value in enumerate(expected)
        for line in compare(
            value, actual[index] if index < len(actual) else MISSING, exactly=exactly, path=f"{path}[{index}]"
        )
    ]
    more = range(len(expected), len(actual))
    lines += [Compared(f"{path}[{index}]", "", show(actual[index]), False) for index in more]
    return lines or [Compared(path, show(expected), show(actual), True)]


def _compare_matcher(matcher: Mapping[str, Json], actual: Any, path: str) -> Compared:
    met = all(MATCHERS[name](wanted, actual) for name, wanted in matcher.items())
    told = ", ".join(f"{name.replace('_', ' ')} {show(wanted)}" for name, wanted in matcher.items())
    return Compared(path, told, _shown(actual), met)


def _contains(wanted: Json, actual: Any) -> bool:
    if isinstance(actual, str):
        return isinstance(wanted, str) and wanted in actual
    return isinstance(actual, list | tuple) and any(is_met(wanted, part) for part in actual)


def _matches(wanted: Json, actual: Any) -> bool:
    from autoflow.matching.regex import compile_regex  # with a library that few need

    return isinstance(actual, str) and isinstance(wanted, str) and compile_regex(wanted)(actual)


def _exists(wanted: Json, actual: Any) -> bool:
    return (actual is not MISSING and actual is not None) is wanted


def _any_of(wanted: Json, actual: Any) -> bool:
    return any(is_met(one, actual) for one in wanted)


def _compares(holds: Callable[[Any, Any], bool]) -> Callable[[Json, Any], bool]:
    """Numbers with numbers, spans with spans, and texts with texts."""

    def compare_two(wanted: Json, actual: Any) -> bool:
        if isinstance(actual, Lapse):
            return (span := _span_of(wanted)) is not None and holds(actual.millis, span)
        both_numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (wanted, actual))
        both_texts = isinstance(wanted, str) and isinstance(actual, str)
        return (both_numbers or both_texts) and holds(actual, wanted)

    return compare_two


def _span_of(written: Json) -> int | None:
    try:
        return parse_span(str(written))
    except ValueError:
        return None


MATCHERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "contains": _contains,
    "starts_with": lambda wanted, actual: isinstance(actual, str) and actual.startswith(wanted),
    "ends_with": lambda wanted, actual: isinstance(actual, str) and actual.endswith(wanted),
    "matches": _matches,
    "exists": _exists,
    "any_of": _any_of,
    "one_of": _any_of,
    "not": lambda wanted, actual: not is_met(wanted, actual),
    "equals": is_equal,
    "gt": _compares(lambda actual, wanted: actual > wanted),
    "gte": _compares(lambda actual, wanted: actual >= wanted),
    "lt": _compares(lambda actual, wanted: actual < wanted),
    "lte": _compares(lambda actual, wanted: actual <= wanted),
}
"""What a matcher asks of a value: (as written, as it is)."""
