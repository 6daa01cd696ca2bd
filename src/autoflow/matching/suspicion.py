"""Whether a condition could contradict itself at all: most look at each value once, and need no proof.

Before `contradiction`, which is imported for the others only: start-up time counts.
"""

from __future__ import annotations

from autoflow.matching.paths import steps_of
from autoflow.matching.steps import Wild
from autoflow.model.condition import Condition, Leaf, Not, Reference


def may_clash(*conditions: Condition, envelope: bool = False) -> bool:
    """Whether it is worth while to look for proofs about what must hold together.

    With `envelope` also where they look at the event itself, of which more is known.
    """
    seen: set[Reference] = set()
    wholes: list[Reference] = []
    stack = list(conditions)
    while stack:
        part = stack.pop()
        if isinstance(part, Leaf):
            left = part.left
            if left in seen or part.value == [] or (envelope and left.fact == "event"):
                return True
            seen.add(left)
            if part.operator.endswith("xists"):
                wholes.append(left)
        elif isinstance(part, Not):
            stack.append(part.condition)
        elif not part.conditions:
            return True
        else:
            stack += part.conditions
    return any(leads_into(whole, part) for whole in wholes for part in seen)


def leads_into(whole: Reference, part: Reference) -> bool:
    """Whether one reference leads to a part of what the other leads to."""
    if whole.fact != part.fact or whole.path == part.path or part.path is None:
        return False
    if whole.path is None:
        return True
    outer, inner = steps_of(whole.path), steps_of(part.path)
    return inner[: len(outer)] == outer and not any(isinstance(step, Wild) for step in outer)
