"""Retry policies as they are written in rules and in the config."""

from __future__ import annotations

from collections.abc import Mapping

from autoflow.model.json import Json
from autoflow.model.span import UNITS, parse_span, write_span
from autoflow.model.step import RetryPolicy

MAX_ATTEMPTS = 50

_PRESETS = {
    "standard": ("0s", "1m", "5m", "15m", "1h", "6h"),
    "patient": ("0s", "5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"),
    "quick": ("0s", "1s", "5s", "30s"),
    "none": ("0s",),
}
PRESETS: Mapping[str, RetryPolicy] = {
    name: RetryPolicy(schedule=tuple(parse_span(span) for span in spans)) for name, spans in _PRESETS.items()
}
"""`standard` is the workflow seed's schedule; `patient` spans three days, as webhook senders do."""

_FORMULA = {"max_attempts": 6, "base": "1m", "factor": 2, "cap": "6h"}


def parse_retry(value: Json) -> RetryPolicy:
    """A preset's name, `{schedule}` or `{max_attempts, base, factor, cap}`. ValueError says what is wrong."""
    if isinstance(value, str):
        if value not in PRESETS:
            raise ValueError(f"unknown retry policy {value!r}; known are {', '.join(PRESETS)}")
        return PRESETS[value]
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_ATTEMPTS:
        raise ValueError(f"{value} what? for {value} attempts write {{ max_attempts: {value} }}")
    if not isinstance(value, Mapping):
        raise ValueError("a retry policy is a word (standard, patient, quick, none) or a map")
    if "schedule" in value:
        return _scheduled(value)
    return _exponential(value)


def write_retry(policy: RetryPolicy) -> Json:
    """The preset's name where there is one, else the schedule."""
    for name, preset in PRESETS.items():
        if preset == policy:
            return name
    return {"schedule": [write_span(wait) for wait in policy.schedule]}


def _scheduled(value: Mapping[str, Json]) -> RetryPolicy:
    extra = sorted(set(value) - {"schedule"})
    if extra:
        raise ValueError(f"a schedule stands alone; {', '.join(extra)} cannot be beside it")
    spans = value["schedule"]
    if not isinstance(spans, list) or not spans:
        raise ValueError("schedule is a list of spans, for example [0s, 1m, 5m]")
    if len(spans) > MAX_ATTEMPTS:
        raise ValueError(f"at most {MAX_ATTEMPTS} attempts")
    return RetryPolicy(schedule=tuple(parse_span(str(span)) for span in spans))


def _exponential(value: Mapping[str, Json]) -> RetryPolicy:
    extra = sorted(set(value) - set(_FORMULA))
    if extra:
        raise ValueError(f"unknown key {extra[0]!r} in retry; known are schedule, {', '.join(_FORMULA)}")
    words = {**_FORMULA, **value}
    attempts, factor = words["max_attempts"], words["factor"]
    if not isinstance(attempts, int) or isinstance(attempts, bool) or not 1 <= attempts <= MAX_ATTEMPTS:
        raise ValueError(f"max_attempts is a whole number from 1 to {MAX_ATTEMPTS}")
    if not isinstance(factor, int | float) or isinstance(factor, bool) or not 1 <= factor <= 100:
        raise ValueError("factor is a number from 1 to 100")
    base, cap = parse_span(str(words["base"])), parse_span(str(words["cap"]))
    waits = [0]
    step = float(base)
    while len(waits) < attempts:
        waits.append(round(min(step, cap)))
        step = min(step * factor, 365 * UNITS["d"])
    return RetryPolicy(schedule=tuple(waits))
