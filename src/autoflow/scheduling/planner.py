"""From a match to a pending trigger: when it is due, what it sends to first, and which events end it.

A pure function of the event and the rule version; the engine stores what it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autoflow.model.event import Event
from autoflow.model.json import Json
from autoflow.model.rule import Enabled
from autoflow.model.step import Step
from autoflow.rules.rulebook import RuleVersion, run_key, wait_hash
from autoflow.store.waiting import NewPending, Wait

Targets = Callable[[Step], str | None]
"""What a step sends to, known before anything is rendered."""


def plan_run(
    version: RuleVersion, event: Event, facts: Mapping[str, Json], *, run_id: str, targets: Targets
) -> NewPending:
    """The run that this match leads to."""
    rule = version.rule
    waits = []
    for cancel_on in rule.cancel_on:
        key = run_key(cancel_on, facts)
        if key is not None:
            waits.append(Wait(pattern=wait_hash(cancel_on), key=key))
    return NewPending(
        account=rule.account,
        rule_id=rule.id,
        version_id=version.id,
        run_id=run_id,
        due_at=event.received_at + rule.delay,
        target=targets(rule.actions[0]),
        shadow=rule.enabled is Enabled.SHADOW,
        waits=tuple(dict.fromkeys(waits)),
    )
