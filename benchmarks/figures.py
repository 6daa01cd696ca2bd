"""What a measurement gives: a value, what it stands beside, and how much both moved between the rounds.

Rounds alternate (reference, autoflow, reference, autoflow), and each pair gives one ratio: whatever else the machine
did in these seconds hit both. The figure that is told is the median.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of one side."""

    value: float
    #: what else was seen in it, by name: p50_ms, p99_ms
    also: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a figure stands on the chart: how many of something there were."""

    #: rules, events or pending triggers: a panel of the chart
    of: str
    #: the line that it belongs to
    line: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured value beside its reference."""

    name: str
    unit: str
    value: float
    lowest: float
    highest: float
    rounds: int
    #: what the reference is, in words; None where the figure stands alone
    beside: str | None = None
    beside_value: float | None = None
    #: median of the pairs' ratios, value by reference
    ratio: float | None = None
    also: Mapping[str, float] = field(default_factory=dict)
    beside_also: Mapping[str, float] = field(default_factory=dict)
    #: the goals that it answers, by key
    goals: tuple[str, ...] = ()
    point: Point | None = None

    def toward(self, *goals: str) -> Self:
        """The same figure, which answers these goals."""
        return replace(self, goals=goals)

    def at(self, of: str, line: str, count: int) -> Self:
        """The same figure, as a point of the chart."""
        return replace(self, point=Point(of=of, line=line, count=count))

    def as_json(self) -> dict[str, Any]:
        """The figure as it is printed by `--json`."""
        fields = (name for name in self.__slots__ if name != "point")
        return {name: _plain(getattr(self, name)) for name in fields}


def make_figure(
    name: str,
    unit: str,
    rounds: Sequence[Round],
    beside: str | None = None,
    references: Sequence[Round] = (),
) -> Figure:
    """The figure of some rounds; the n-th reference round was run beside the n-th round."""
    values = [one.value for one in rounds]
    paired = bool(references)
    return Figure(
        name=name,
        unit=unit,
        value=statistics.median(values),
        lowest=min(values),
        highest=max(values),
        rounds=len(values),
        beside=beside,
        beside_value=statistics.median(one.value for one in references) if paired else None,
        ratio=_pair_ratio(rounds, references) if paired else None,
        also=_medians(rounds),
        beside_also=_medians(references),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _pair_ratio(rounds: Sequence[Round], references: Sequence[Round]) -> float:
    return statistics.median(one.value / other.value for one, other in zip(rounds, references, strict=True))


def _medians(rounds: Sequence[Round]) -> dict[str, float]:
    names = dict.fromkeys(name for one in rounds for name in one.also)
    return {name: statistics.median(one.also[name] for one in rounds if name in one.also) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value
