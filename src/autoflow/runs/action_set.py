"""What rules can do at the moment, and what is known of their steps before there are facts.

Before it: the registry, which builds actions. After it: the planner, which asks where a step goes, and the executor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from autoflow.actions.base import Action
from autoflow.actions.types import ActionType
from autoflow.model.step import Step
from autoflow.runs.render import Prepared, prepare_params
from autoflow.templates import TemplateLibrary

MOST_KNOWN = 4_096
"""Steps that are remembered: those of older versions come and go."""


class KnownStep(NamedTuple):
    """A step and all that its facts do not change."""

    #: kept, so that no other one has its identity
    step: Step
    action: Action | None
    target: str | None
    params: Prepared | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSet:
    """What rules can do at the moment: replaced as a whole when templates or notifiers change."""

    types: Mapping[str, ActionType]
    actions: Mapping[str, Action]
    library: TemplateLibrary
    #: by identity: steps that were asked for
    _known: dict[int, KnownStep] = field(init=False, default_factory=dict, repr=False, compare=False)

    def know(self, step: Step) -> KnownStep:
        """What can be said of a step before there are facts, thought out once."""
        known = self._known.get(id(step))
        if known is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[id(step)] = self._look_at(step)
        return known

    def find(self, step: Step) -> Action | None:
        """The action of a step, by its type and the notifier it names."""
        return self.know(step).action

    def target(self, step: Step) -> str | None:
        """What a step sends to, known before anything is rendered."""
        return self.know(step).target

    def _look_at(self, step: Step) -> KnownStep:
        notifier = step.params.get("notifier")
        action = self.actions.get(f"{step.type}:{notifier}" if notifier else step.type)
        kind = self.types.get(step.type)
        target = action.target(step.params) if action else None
        return KnownStep(step, action, target, None if kind is None else prepare_params(step, kind))
