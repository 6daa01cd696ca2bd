"""What a rule says of an event, and why: the same conditions as the rulebook's, each part with what was found.

For `why` and `test-rule`; the engine itself asks the index, and a test holds both equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import compile_condition
from autoflow.matching.explain import decided_by, explain_condition, explanation_to_json
from autoflow.matching.lookup import MISSING
from autoflow.matching.paths import write_reference
from autoflow.matching.remedies import Change, Remedy, find_remedy
from autoflow.model.condition import All, Any, Condition, Explanation, Leaf, Not
from autoflow.model.event import Event, facts_of
from autoflow.model.json import Json
from autoflow.model.rule import Rule
from autoflow.rules.rulebook import arrival_condition, pattern_means


class Stage(StrEnum):
    """How far an event comes with a rule: the first thing that decides."""

    #: the rule is of another account
    ACCOUNT = "account"
    #: none of its triggers means events of this type
    TYPE = "type"
    #: the source or the trigger's own condition did not hold
    TRIGGER = "trigger"
    #: the rule's condition did not hold
    CONDITION = "condition"
    #: a condition could not be evaluated
    ERROR = "error"
    #: all of it held
    HIT = "hit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rule says of an event."""

    stage: Stage
    #: the trigger's source and condition; None where it has neither, or was not looked at
    trigger: Explanation | None = None
    #: the rule's own condition, as above
    conditions: Explanation | None = None
    #: what would have had to differ for all of it to hold; None where nothing would help
    remedy: Remedy | None = None
    error: EvaluationError | None = None


def judge_rule(rule: Rule, event: Event) -> Verdict:
    """What the rule's trigger and condition say of the event, whether or not the rule is on."""
    if rule.account != event.account:
        return Verdict(stage=Stage.ACCOUNT)
    meant = [arrival_condition(pattern) for pattern in rule.triggers if pattern_means(pattern, event.type)]
    if not meant:
        return Verdict(stage=Stage.TYPE)
    trigger = _one_of(meant)
    facts = facts_of(event)
    try:
        if not _meets(meant, facts):
            return Verdict(
                stage=Stage.TRIGGER,
                trigger=_explain_trigger(trigger, facts),
                remedy=_find_remedy(trigger, rule.when, event),
            )
        holds = rule.when is None or compile_condition(rule.when)(facts)
    except EvaluationError as error:
        return _fail(error, trigger, rule.when, facts)
    return Verdict(
        stage=Stage.HIT if holds else Stage.CONDITION,
        trigger=_explain_trigger(trigger, facts),
        conditions=_explained(rule.when, facts),
        remedy=None if holds else _find_remedy(None, rule.when, event),
    )


def is_woken(rule: Rule, event: Event) -> bool:
    """Whether one of the rule's triggers is met, without the reasons: this is asked of many rules at once."""
    if rule.account != event.account:
        return False
    meant = [arrival_condition(pattern) for pattern in rule.triggers if pattern_means(pattern, event.type)]
    try:
        return bool(meant) and _meets(meant, facts_of(event))
    except EvaluationError:
        return False


def verdict_to_json(verdict: Verdict) -> dict[str, Json]:
    """The parts of an answer that tell why; `decided` marks the first comparison that settled it."""
    remedy = verdict.remedy
    return {
        "trigger_conditions": _explanation_to_json(verdict.trigger),
        "conditions": _explanation_to_json(verdict.conditions),
        "changes": [_change_to_json(change) for change in remedy.changes] if remedy else [],
        "changes_suffice": remedy.is_enough if remedy else None,
    }


def explain_as_far(condition: Condition, facts: Mapping[str, Json]) -> Explanation:
    """The explanation; where a part cannot be evaluated, that part and what holds it have no result."""
    try:
        return explain_condition(condition, facts)
    except EvaluationError:
        pass
    match condition:
        case Leaf():
            return Explanation(kind="leaf", result=None, leaf=condition, name=condition.name)
        case Not():
            part = explain_as_far(condition.condition, facts)
            return Explanation(kind="not", result=None, parts=(part,), name=condition.name)
        case All() | Any():
            kind = "all" if isinstance(condition, All) else "any"
            parts = tuple(explain_as_far(part, facts) for part in condition.conditions)
            return Explanation(kind=kind, result=None, parts=parts, name=condition.name)
        case _:
            assert_never(condition)


def _explanation_to_json(explanation: Explanation | None) -> Json:
    return None if explanation is None else explanation_to_json(explanation, decided=decided_by(explanation))


def _change_to_json(change: Change) -> Json:
    told: dict[str, Json] = {"text": change.text, "path": write_reference(change.leaf.left)}
    if not change.has_value:
        return told
    return {**told, "remove": True} if change.value is MISSING else {**told, "set": change.value}


def _meets(meant: list[Condition | None], facts: Mapping[str, Json]) -> bool:
    """Whether one of the triggers is met. The error of one counts only where no other is met, as in the rulebook."""
    fault: EvaluationError | None = None
    for condition in meant:
        try:
            if condition is None or compile_condition(condition)(facts):
                return True
        except EvaluationError as error:
            fault = error
    if fault is not None:
        raise fault
    return False


def _one_of(meant: list[Condition | None]) -> Condition | None:
    """One condition for all triggers of the type; None where one of them has none."""
    parts = tuple(part for part in meant if part is not None)
    if len(parts) < len(meant):
        return None
    return parts[0] if len(parts) == 1 else Any(conditions=parts)


def _explained(condition: Condition | None, facts: Mapping[str, Json]) -> Explanation | None:
    return None if condition is None else explain_as_far(condition, facts)


def _explain_trigger(condition: Condition | None, facts: Mapping[str, Json]) -> Explanation | None:
    return None if condition is None else _bare(explain_as_far(condition, facts))


def _bare(explanation: Explanation) -> Explanation:
    """Without the groups of one that keep a trigger's parts in their order: nobody wrote them."""
    if explanation.kind in ("all", "any") and len(explanation.parts) == 1 and explanation.name is None:
        return _bare(explanation.parts[0])
    return replace(explanation, parts=tuple(_bare(part) for part in explanation.parts))


def _find_remedy(trigger: Condition | None, when: Condition | None, event: Event) -> Remedy | None:
    parts = tuple(part for part in (trigger, when) if part is not None)
    return find_remedy(All(conditions=parts), event)


def _fail(
    error: EvaluationError, trigger: Condition | None, when: Condition | None, facts: Mapping[str, Json]
) -> Verdict:
    explained = _explain_trigger(trigger, facts)
    is_past = explained is None or explained.result is True
    return Verdict(
        stage=Stage.ERROR,
        trigger=explained,
        conditions=_explained(when, facts) if is_past else None,
        error=error,
    )
