"""Every comparison of a condition judged by itself, whatever its siblings say: what coverage is counted from.

Each is compiled as the engine compiles it; a test holds what it finds equal to the explanation.
"""

from __future__ import annotations

from collections.abc import Mapping

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import Predicate, compile_condition
from autoflow.matching.nodes import walk
from autoflow.model.condition import Condition, Leaf
from autoflow.model.json import Json


def leaves_of(condition: Condition) -> tuple[Leaf, ...]:
    """The comparisons of a condition, in the order they are written in."""
    return tuple(part for part in walk(condition) if isinstance(part, Leaf))


class Probe:
    """Judges the comparisons of one condition one by one."""

    def __init__(self, condition: Condition | None) -> None:
        self.leaves = leaves_of(condition) if condition is not None else ()
        self._holds = tuple(compile_condition(leaf) for leaf in self.leaves)

    def judge(self, facts: Mapping[str, Json]) -> tuple[bool | None, ...]:
        """Whether each of them holds; None for one that cannot be evaluated."""
        return tuple(_judge(holds, facts) for holds in self._holds)


def _judge(holds: Predicate, facts: Mapping[str, Json]) -> bool | None:
    try:
        return holds(facts)
    except EvaluationError:
        return None
