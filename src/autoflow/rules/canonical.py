"""A rule as its canonical document: one spelling for one meaning. Kept in the store, and what the hash is made of."""

from __future__ import annotations

from collections.abc import Sequence

from autoflow.matching.paths import write_reference
from autoflow.matching.tree import write_condition
from autoflow.model.json import Json, JsonObject, content_hash
from autoflow.model.retry import write_retry
from autoflow.model.rule import CancelOn, Enabled, EventPattern, KeyPair, OnChange, Rule
from autoflow.model.span import write_span
from autoflow.model.step import Step

_FOR_PEOPLE = frozenset({"name", "description", "labels"})
_ENABLED: dict[Enabled, Json] = {Enabled.ON: True, Enabled.OFF: False, Enabled.SHADOW: "shadow"}


def write_rule(rule: Rule) -> dict[str, Json]:
    """The document that loads as an equal rule. What is as it would be anyway is left out."""
    document: dict[str, Json] = {"id": rule.id}
    if rule.name != rule.id:
        document["name"] = rule.name
    if rule.description is not None:
        document["description"] = rule.description
    if rule.labels:
        document["labels"] = list(rule.labels)
    document["account"] = rule.account
    document["enabled"] = _ENABLED[rule.enabled]
    document["trigger"] = _one_or_list([_write_pattern(pattern) for pattern in rule.triggers])
    if rule.delay:
        document["delay"] = write_span(rule.delay)
    if rule.cancel_on:
        document["cancel_on"] = _one_or_list([_write_cancel_on(cancel_on) for cancel_on in rule.cancel_on])
    if rule.when is not None:
        document["when"] = write_condition(rule.when)
    if rule.retry is not None:
        document["retry"] = write_retry(rule.retry)
    if rule.on_change is not OnChange.FINISH_OLD:
        document["on_change"] = rule.on_change.value
    document["actions"] = [_write_step(step) for step in rule.actions]
    return document


def hash_document(document: JsonObject) -> str:
    """The hash of a rule's meaning: what is there for people only does not count."""
    return content_hash({key: value for key, value in document.items() if key not in _FOR_PEOPLE})


def _one_or_list(values: Sequence[Json]) -> Json:
    return values[0] if len(values) == 1 else list(values)


def _write_pattern(pattern: EventPattern) -> dict[str, Json]:
    written: dict[str, Json] = {"event": _one_or_list(pattern.events)}
    if pattern.sources:
        written["source"] = _one_or_list(pattern.sources)
    if pattern.when is not None:
        written["when"] = write_condition(pattern.when)
    return written


def _write_cancel_on(cancel_on: CancelOn) -> dict[str, Json]:
    return {**_write_pattern(cancel_on.pattern), "by": _write_by(cancel_on.by)}


def _write_by(pairs: Sequence[KeyPair]) -> Json:
    if all(pair.left == pair.right for pair in pairs):
        names = [write_reference(pair.left) for pair in pairs]
        return names[0] if len(names) == 1 else names
    return {write_reference(pair.left): write_reference(pair.right) for pair in pairs}


def _write_step(step: Step) -> dict[str, Json]:
    written: dict[str, Json] = {} if step.id is None else {"id": step.id}
    written[step.type] = dict(step.params)
    if step.retry is not None:
        written["retry"] = write_retry(step.retry)
    return written
