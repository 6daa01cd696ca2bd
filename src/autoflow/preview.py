"""What a rule would do with an event: for `test-rule` and the API. The same matcher and renderer as the daemon's.

Nothing is stored and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from autoflow.actions.types import ActionType
from autoflow.clock import to_rfc3339
from autoflow.errors import AutoflowError, EvaluationError, TemplateError
from autoflow.matching.compiler import compile_condition
from autoflow.matching.explain import explain_condition, explanation_to_json
from autoflow.model.condition import All, Any, Condition, Explanation, Leaf, Not
from autoflow.model.event import Event, facts_of
from autoflow.model.json import Json
from autoflow.model.rule import Enabled, Rule
from autoflow.rules.rulebook import arrival_condition, pattern_means
from autoflow.runs.render import Facts, render_params
from autoflow.templates import TemplateLibrary

_ENABLED: Mapping[Enabled, Json] = {Enabled.ON: True, Enabled.OFF: False, Enabled.SHADOW: "shadow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedAction:
    """One action as it would be sent; secrets stay references."""

    type: str
    params: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What one rule would do with one event that meets its trigger. A disabled rule never fires."""

    event: Event
    rule: Rule
    fires: bool
    #: UTC milliseconds; None where it does not fire
    due_at: int | None
    conditions: Explanation | None
    actions: tuple[PreviewedAction, ...] = ()
    error: AutoflowError | None = None


def preview_rules(
    rules: Iterable[Rule], event: Event, *, types: Mapping[str, ActionType], library: TemplateLibrary
) -> list[Preview]:
    """What each rule whose trigger the event meets would do; what goes wrong in one does not stop the others."""
    found: list[Preview] = []
    facts = facts_of(event)
    for rule in rules:
        met = _judge_trigger(rule, event, facts)
        if isinstance(met, EvaluationError):
            found.append(Preview(event=event, rule=rule, fires=False, due_at=None, conditions=None, error=met))
        elif met:
            found.append(preview_rule(rule, event, types=types, library=library))
    return found


def foreign_accounts(rules: Iterable[Rule], event: Event) -> tuple[str, ...]:
    """The other accounts whose rules this event would wake if it were theirs."""
    others = {
        rule.account
        for rule in rules
        if rule.account != event.account
        and rule.enabled is not Enabled.OFF
        and meets_trigger(rule, event._replace(account=rule.account))
    }
    return tuple(sorted(others))


def describe_unmatched(rules: Iterable[Rule], event: Event) -> str:
    """Why an event that meets no trigger meets none, as far as that is known."""
    others = foreign_accounts(rules, event)
    if not others:
        return f"{event.type}: no rule is triggered by this event"
    names = ", ".join(others)
    return f"{event.type}: a trigger is met but for the account: rules of {names}, the event of {event.account}"


def meets_trigger(rule: Rule, event: Event) -> bool:
    """Whether the event wakes the rule: its account, its type, its source, and the trigger's own condition."""
    return _judge_trigger(rule, event, facts_of(event)) is True


def preview_rule(rule: Rule, event: Event, *, types: Mapping[str, ActionType], library: TemplateLibrary) -> Preview:
    """What the rule would do with an event that meets its trigger."""
    facts = facts_of(event)
    explained = _explain(rule.when, facts) if rule.when is not None else None
    try:
        fires = rule.enabled is not Enabled.OFF and (rule.when is None or compile_condition(rule.when)(facts))
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
        "enabled": _ENABLED[preview.rule.enabled],
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


def _judge_trigger(rule: Rule, event: Event, facts: Mapping[str, Json]) -> bool | EvaluationError:
    """Whether the event wakes the rule, or why that cannot be told."""
    if rule.account != event.account:
        return False
    fault: EvaluationError | None = None
    for pattern in rule.triggers:
        if not pattern_means(pattern, event.type):
            continue
        condition = arrival_condition(pattern)
        try:
            if condition is None or compile_condition(condition)(facts):
                return True
        except EvaluationError as error:
            fault = error
    return fault or False


def _explain(condition: Condition, facts: Mapping[str, Json]) -> Explanation:
    """The explanation; where a part cannot be evaluated, that part and what holds it have no result."""
    try:
        return explain_condition(condition, facts)
    except EvaluationError:
        pass
    match condition:
        case Leaf():
            return Explanation(kind="leaf", result=None, leaf=condition, name=condition.name)
        case Not():
            part = _explain(condition.condition, facts)
            return Explanation(kind="not", result=None, parts=(part,), name=condition.name)
        case All() | Any():
            kind = "all" if isinstance(condition, All) else "any"
            parts = tuple(_explain(part, facts) for part in condition.conditions)
            return Explanation(kind=kind, result=None, parts=parts, name=condition.name)
        case _:
            assert_never(condition)
