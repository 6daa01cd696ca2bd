"""What a rule would do with an event: for `test-rule` and the API. The same matcher and renderer as the daemon's.

Nothing is stored and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from autoflow.actions.types import ActionType
from autoflow.clock import to_rfc3339
from autoflow.errors import AutoflowError, TemplateError
from autoflow.model.event import Event, facts_of
from autoflow.model.json import Json
from autoflow.model.rule import Enabled, Rule
from autoflow.rules.fields import Field, field_to_json, find_fields
from autoflow.rules.verdict import Stage, Verdict, is_woken, judge_rule, verdict_to_json
from autoflow.runs.render import Facts, prepare_params, render_params
from autoflow.templates import TemplateLibrary

_ASLEEP = frozenset({Stage.ACCOUNT, Stage.TYPE, Stage.TRIGGER})
"""How far an event comes that does not wake a rule."""

NEAR = 0.8
"""How alike two types are where one may be the other with a letter wrong."""

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
    verdict: Verdict
    #: what the rule reads of the event
    fields: tuple[Field, ...] = ()
    actions: tuple[PreviewedAction, ...] = ()
    error: AutoflowError | None = None


def preview_rules(
    rules: Iterable[Rule],
    event: Event,
    *,
    types: Mapping[str, ActionType],
    library: TemplateLibrary,
    with_missed: bool = False,
) -> list[Preview]:
    """What each rule whose trigger the event meets would do; what goes wrong in one does not stop the others.

    `with_missed`: also those that wait for such events, and whose trigger says no to this one.
    """
    asleep = _ASLEEP - {Stage.TRIGGER} if with_missed else _ASLEEP
    found: list[Preview] = []
    for rule in rules:
        verdict = judge_rule(rule, event)
        if verdict.stage not in asleep:
            found.append(_preview(verdict, rule, event, types, library))
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
    rules = list(rules)
    others = foreign_accounts(rules, event)
    if not others:
        near = get_close_matches(event.type, _awaited(rules, event.account), n=1, cutoff=NEAR)
        hint = f"; a trigger waits for {near[0]}" if near else ""
        return f"{event.type}: no rule is triggered by this event{hint}"
    names = ", ".join(others)
    return f"{event.type}: a trigger is met but for the account: rules of {names}, the event of {event.account}"


def _awaited(rules: Iterable[Rule], account: str) -> set[str]:
    """The types that rules of an account wait for."""
    return {name for rule in rules if rule.account == account for one in rule.triggers for name in one.events}


def meets_trigger(rule: Rule, event: Event) -> bool:
    """Whether the event wakes the rule: its account, its type, its source, and the trigger's own condition."""
    return is_woken(rule, event)


def preview_rule(rule: Rule, event: Event, *, types: Mapping[str, ActionType], library: TemplateLibrary) -> Preview:
    """What the rule would do with an event that meets its trigger."""
    return _preview(judge_rule(rule, event), rule, event, types, library)


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
        "matched": preview.verdict.stage is not Stage.TRIGGER,
        "fires": preview.fires,
        "due_at": to_rfc3339(preview.due_at) if preview.due_at is not None else None,
        **verdict_to_json(preview.verdict),
        "fields": [field_to_json(field) for field in preview.fields],
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
            params = render_params(prepare_params(step, types[step.type]), ready, library)
        except TemplateError as error:
            return tuple(rendered), error
        rendered.append(PreviewedAction(type=step.type, params=params))
    return tuple(rendered), None


def _preview(
    verdict: Verdict, rule: Rule, event: Event, types: Mapping[str, ActionType], library: TemplateLibrary
) -> Preview:
    fields = find_fields(rule, event, library)
    asleep = Preview(
        event=event, rule=rule, fires=False, due_at=None, verdict=verdict, fields=fields, error=verdict.error
    )
    if verdict.stage is not Stage.HIT or rule.enabled is Enabled.OFF:
        return asleep
    actions, fault = _render(rule, facts_of(event), types, library)
    return replace(asleep, fires=True, due_at=event.received_at + rule.delay, actions=actions, error=fault)
