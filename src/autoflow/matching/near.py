"""What a reference that leads to nothing was probably meant to be: the facts' own names that look like it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from autoflow.matching.lookup import MISSING, take_step
from autoflow.matching.paths import compile_reference, steps_of, write_reference
from autoflow.matching.steps import Step, Wild, write_steps
from autoflow.model.condition import Reference
from autoflow.model.json import Json

MOST_NAMES: Final = 1_000
"""Keys of one map that are compared: events can be wide."""
_ROOTS: Final = frozenset({"event", "trigger"})


def find_near(reference: Reference, facts: Mapping[str, Json]) -> Reference | None:
    """A reference that leads to a value, with one name spelled otherwise; None where there is none like it."""
    if reference.fact not in facts:
        for name in _alike(reference.fact, [key for key in facts if key not in _ROOTS]):
            near = Reference(fact=name, path=reference.path)
            if _leads_somewhere(near, facts):
                return near
        return None
    return _near_below(reference, facts)


def _near_below(reference: Reference, facts: Mapping[str, Json]) -> Reference | None:
    steps = list(steps_of(reference.path))
    value: Json = facts[reference.fact]
    for place, step in enumerate(steps):
        if isinstance(step, Wild):
            return None
        below = take_step(value, step)
        if below is MISSING:
            return _respell(reference, steps, place, value, facts)
        value = below
    return None


def _respell(
    reference: Reference, steps: list[Step], place: int, value: Json, facts: Mapping[str, Json]
) -> Reference | None:
    names = list(value) if isinstance(value, dict) else []
    for name in _alike(str(steps[place]), names):
        near = Reference(fact=reference.fact, path=write_steps([*steps[:place], name, *steps[place + 1 :]]))
        if _leads_somewhere(near, facts):
            return near
    return None


def _alike(wanted: str, names: list[str]) -> list[str]:
    lowered: dict[str, str] = {}
    for name in names[:MOST_NAMES]:
        lowered.setdefault(name.lower(), name)
    return [lowered[name] for name in get_close_matches(wanted.lower(), lowered, n=3, cutoff=0.7)]


def _leads_somewhere(reference: Reference, facts: Mapping[str, Json]) -> bool:
    return compile_reference(reference)(facts) is not MISSING


def write_near(reference: Reference, facts: Mapping[str, Json]) -> str | None:
    """The same as a rule file writes it."""
    near = find_near(reference, facts)
    return None if near is None else write_reference(near)
