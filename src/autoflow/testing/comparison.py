"""Two replays of the same events, outcome by outcome: what is not the same, counted by rule, with an example of each.

Both sides are read in one order, side by side: what is kept grows with the rules, not with the events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from autoflow.model.run import RunStatus
from autoflow.rules.differences import Difference, diff_values
from autoflow.testing.outcomes import NOT_JUDGED, Body, Outcome

RuleKey = tuple[str, str]


class Kind(StrEnum):
    """How an outcome differs."""

    #: it happens on the newer side only
    ADDED = "added"
    #: it happens on the older side only
    REMOVED = "removed"
    #: it is due at another moment
    DUE = "due"
    #: it sends something else, or more, or less
    ACTIONS = "actions"
    #: it is cancelled on one side, or for another reason
    CANCELLED = "cancelled"
    #: it fails on one side, or for another reason: what cannot be rendered is a dead letter
    FAILED = "failed"
    #: it acts on one side, and is only recorded in shadow on the other
    SHADOW = "shadow"
    #: its conditions cannot be evaluated on one side
    ERROR = "error"


class Example(NamedTuple):
    """One of them: the earliest event."""

    event_id: str
    event_type: str
    source: str
    received_at: int
    origin: str | None
    before: Body | None
    after: Body | None
    differences: tuple[Difference, ...] = ()


@dataclass(slots=True, kw_only=True)
class Tally:
    """What differs in one way, of one rule."""

    count: int = 0
    example: Example | None = None
    #: how often each parameter differs
    fields: Counter[str] = field(default_factory=Counter)
    #: by how much what is due moves, in milliseconds: the least and the most
    shifts: tuple[int, int] | None = None


@dataclass(slots=True, kw_only=True)
class Comparison:
    """All of it."""

    tallies: dict[tuple[RuleKey, Kind], Tally] = field(default_factory=dict)
    unchanged: Counter[RuleKey] = field(default_factory=Counter)
    #: how many runs there are on each side
    before: int = 0
    after: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether both sides come to the same."""
        return not self.tallies


def compare(before: Iterator[Outcome], after: Iterator[Outcome], wanted: Callable[[RuleKey], bool]) -> Comparison:
    """Compare two sides that are in order of their keys; only the rules that are wanted count."""
    found = Comparison()
    for old, new in _side_by_side(before, after):
        one = new or old
        assert one is not None  # noqa: S101 - one of both is there
        rule = (one.account, one.rule_id)
        if not wanted(rule):
            continue
        found.before += old is not None
        found.after += new is not None
        if old is not None and new is not None and old.body == new.body:
            found.unchanged[rule] += 1
        else:
            _count(found, rule, old, new)
    return found


def _side_by_side(
    before: Iterator[Outcome], after: Iterator[Outcome]
) -> Iterator[tuple[Outcome | None, Outcome | None]]:
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.key < new.key):
            yield old, None
            old = next(before, None)
        elif old is None or new.key < old.key:
            yield None, new
            new = next(after, None)
        else:
            yield old, new
            old, new = next(before, None), next(after, None)


def _count(found: Comparison, rule: RuleKey, old: Outcome | None, new: Outcome | None) -> None:
    before, after = (None if one is None else Body.read(one.body) for one in (old, new))
    one = new or old
    assert one is not None  # noqa: S101 - one of both is there
    for kind, differences in _find_kinds(before, after):
        tally = found.tallies.setdefault((rule, kind), Tally())
        tally.count += 1
        tally.fields.update({difference.path for difference in differences})
        if kind is Kind.DUE and before and after and before.due_at is not None and after.due_at is not None:
            shift = after.due_at - before.due_at
            least, most = tally.shifts or (shift, shift)
            tally.shifts = (min(least, shift), max(most, shift))
        earliest = tally.example
        if earliest is None or (one.received_at, one.event_id) < (earliest.received_at, earliest.event_id):
            tally.example = Example(
                one.event_id, one.event_type, one.source, one.received_at, one.origin, before, after,
                tuple(differences),
            )  # fmt: skip


def _find_kinds(before: Body | None, after: Body | None) -> Iterator[tuple[Kind, list[Difference]]]:
    """In which ways two outcomes differ; most in one."""
    if before is None or after is None:
        one = before or after
        assert one is not None  # noqa: S101 - one of both is there
        is_error = one.status == NOT_JUDGED
        yield Kind.ERROR if is_error else Kind.ADDED if before is None else Kind.REMOVED, []
        return
    statuses = {before.status, after.status}
    if NOT_JUDGED in statuses:
        yield Kind.ERROR, []
        return
    if before.due_at != after.due_at:
        yield Kind.DUE, []
    if before.status != after.status or before.reason != after.reason:
        yield _kind_of(statuses), []
    if before.status == after.status and (differences := _diff_steps(before, after)):
        yield Kind.ACTIONS, differences


def _kind_of(statuses: set[str]) -> Kind:
    if RunStatus.CANCELLED in statuses:
        return Kind.CANCELLED
    return Kind.SHADOW if RunStatus.SHADOW in statuses else Kind.FAILED


def _diff_steps(before: Body, after: Body) -> list[Difference]:
    """What is sent differently, as `1.sms.message`."""
    sides = [{f"{one.step}.{one.type}": dict(one.params) for one in side.steps} for side in (before, after)]
    return list(diff_values(*sides))
