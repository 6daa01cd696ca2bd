"""Triggers that another trigger of the same rule has covered already: what they ask for changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from autoflow.model.event import is_engine_type
from autoflow.model.problem import Severity
from autoflow.model.rule import EventPattern, Rule
from autoflow.rules import codes
from autoflow.rules.review.remarks import Remark


def find_covered_triggers(rule: Rule) -> Iterator[Remark]:
    """Names in a list, and patterns beside each other, of which one means all that the other means."""
    for index, pattern in enumerate(rule.triggers):
        yield from _covered_names(rule, index, pattern)
        others = [other for other in rule.triggers if other is not pattern]
        wider = next((other for other in others if _covers(other, pattern)), None)
        if wider is None or (_covers(pattern, wider) and rule.triggers.index(wider) > index):
            continue  # of two that mean the same, the second one is told
        if pattern.when is not None and wider.when is None:
            message = f"this condition decides nothing: another trigger takes {_names(wider)} without one"
            hint = "take the other trigger out, or give it a condition too"
            yield Remark(rule, ("trigger", index, "when"), codes.COVERED, message, hint)
        else:
            message = f"another trigger takes {_names(wider)} already"
            yield Remark(rule, ("trigger", index), codes.COVERED, message, "take this one out", Severity.NOTE)


def _covered_names(rule: Rule, index: int, pattern: EventPattern) -> Iterator[Remark]:
    for name in pattern.events if len(pattern.events) > 1 else ():
        wider = next((other for other in pattern.events if other != name and name_covers(other, name)), None)
        if wider is not None:
            message = f"{name} is meant by {wider} already"
            at = ("trigger", index, "event", pattern.events.index(name))
            yield Remark(rule, at, codes.COVERED, message, "take it out", Severity.NOTE)


def _covers(wider: EventPattern, pattern: EventPattern) -> bool:
    """Whether every event that meets a pattern meets the wider one too."""
    if wider.when is not None and wider.when != pattern.when:
        return False
    if wider.sources and not (pattern.sources and set(pattern.sources) <= set(wider.sources)):
        return False
    return all(any(name_covers(one, name) for one in wider.events) for name in pattern.events)


def name_covers(wider: str, name: str) -> bool:
    """Whether every event that one name or prefix means is meant by the other: `job.*` covers `job.created`."""
    if wider == "*":
        return not is_engine_type(name)
    if wider.endswith(".*"):
        return name.startswith(wider[:-1])
    return wider == name


def _names(pattern: EventPattern) -> str:
    return ", ".join(pattern.events)
