"""What a rule would do with an event: for `test-rule`. The same matcher, planner and renderer as the daemon's.

Nothing is stored and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autoflow.actions.base import ActionType
from autoflow.clock import to_rfc3339
from autoflow.errors import AutoflowError, EvaluationError, TemplateError
from autoflow.matching.compiler import compile_condition
from autoflow.matching.explain import explain_condition, explanation_to_json
from autoflow.model.condition import Condition, Explanation
from autoflow.model.event import Event, facts_of
from autoflow.model.json import Json
from autoflow.model.rule import Rule
from autoflow.rules.rulebook import arrival_condition, pattern_means
from autoflow.runs.render import Facts, render_params
from autoflow.templates import TemplateLibrary


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedAction:
    """One action as it would be sent; secrets stay references."""

    type: str
    params: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What one rule would do with one event that meets its trigger."""

    event: Event
    rule: Rule
    fires: bool
    #: UTC milliseconds; None where it does not fire
    due_at: int | None
    conditions: Explanation | None
    actions: tuple[PreviewedAction, ...] = ()
    error: AutoflowError | None = None


def meets_trigger(rule: Rule, event: Event) -> bool:
    """Whether the event wakes the rule: its account, its type, its source, and the trigger's own condition."""
    if rule.account != event.account:
        return False
    facts = facts_of(event)
    for pattern in rule.triggers:
        if not pattern_means(pattern, event.type):
            continue
        condition = arrival_condition(pattern)
        if condition is None or _holds(condition, facts):
            return True
    return False


def preview_rule(rule: Rule, event: Event, *, types: Mapping[str, ActionType], library: TemplateLibrary) -> Preview:
    """What the rule would do with an event that meets its trigger."""
    facts = facts_of(event)
    explained = explain_condition(rule.when, facts) if rule.when is not None else None
    try:
        fires = rule.when is None or compile_condition(rule.when)(facts)
    except EvaluationError as error:
        return Preview(event=event, rule=rule, fires=False, due_at=None, conditions=explained, error=error)
    if not fires:
        return Preview(event=event, rule=rule, fires=False, due_at=None, conditions=explained)
    actions, fault = _render(rule, facts, types, library)
    return Preview(
        event=event,
        rule=rule,
        fires=True,
        due_at=event.received_at + rule.delay,
        conditions=explained,
        actions=actions,
        error=fault,
    )


def preview_to_json(preview: Preview) -> dict[str, Json]:
    """One line of `test-rule --json`."""
    error = preview.error
    return {
        "schema_version": 1,
        "event": preview.event.id,
        "event_type": preview.event.type,
        "rule": preview.rule.id,
        "account": preview.rule.account,
        "matched": True,
        "fires": preview.fires,
        "due_at": to_rfc3339(preview.due_at) if preview.due_at is not None else None,
        "conditions": explanation_to_json(preview.conditions) if preview.conditions else None,
        "actions": [{"type": action.type, "params": dict(action.params)} for action in preview.actions],
        "error": {"code": error.code, "message": str(error)} if error else None,
    }


def _render(
    rule: Rule, facts: Mapping[str, Json], types: Mapping[str, ActionType], library: TemplateLibrary
) -> tuple[tuple[PreviewedAction, ...], TemplateError | None]:
    """All actions that can be rendered, and what was wrong with the first that cannot."""
    ready = Facts.of(facts)
    rendered: list[PreviewedAction] = []
    for step in rule.actions:
        try:
            params = render_params(step, types[step.type], ready, library)
        except TemplateError as error:
            return tuple(rendered), error
        rendered.append(PreviewedAction(type=step.type, params=params))
    return tuple(rendered), None


def _holds(condition: Condition, facts: Mapping[str, Json]) -> bool:
    try:
        return compile_condition(condition)(facts)
    except EvaluationError:
        return False
