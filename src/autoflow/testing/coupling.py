"""Which rules' runs can end other rules' waiting work: only for these does a replay stop at each due moment.

A run changes something beside itself by the events it makes. What merely wakes other rules comes to the same whenever
it is performed, because it is judged as of the moment it was due. What ends waiting work does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autoflow.actions.kinds import EMIT
from autoflow.model.rule import Enabled, EventPattern, Rule
from autoflow.rules.rulebook import pattern_means
from autoflow.runs.own_events import DEAD_LETTERED

PLAIN_KEYS = frozenset(
    ["id", "name", "description", "labels", "account", "enabled", "trigger", "delay", "cancel_on", "when", "retry",
     "on_change", "actions"]
)  # fmt: skip
"""Keys by which a rule does nothing to others but by its events; a rule with another one counts as coupled."""

Key = tuple[str, str]


def find_coupled(rules: Sequence[Rule]) -> frozenset[Key]:
    """The rules whose events end waiting work, directly or by waking a rule whose events do."""
    made = {rule.key: _types_made_by(rule) for rule in rules}
    coupled = {rule.key for rule in rules if not rule.document.keys() <= PLAIN_KEYS}
    coupled |= {rule.key for rule in rules if _any_means(_ending_patterns(rules, rule.account), made[rule.key])}
    while True:
        woken = [rule for rule in rules if rule.key in coupled and rule.enabled is not Enabled.OFF]
        more = {
            rule.key
            for rule in rules
            if rule.key not in coupled
            and any(one.account == rule.account and _any_means(one.triggers, made[rule.key]) for one in woken)
        }
        if not more:
            return frozenset(coupled)
        coupled |= more


def _types_made_by(rule: Rule) -> tuple[str, ...]:
    """The events that its runs may make: what it emits, and the news of what it had to give up."""
    emitted = (str(step.params.get("type")) for step in rule.actions if step.type == EMIT.name)
    return (*emitted, DEAD_LETTERED)


def _ending_patterns(rules: Iterable[Rule], account: str) -> list[EventPattern]:
    return [one.pattern for rule in rules if rule.account == account for one in rule.cancel_on]


def _any_means(patterns: Iterable[EventPattern], types: Iterable[str]) -> bool:
    names = tuple(types)
    return any(pattern_means(pattern, name) for pattern in patterns for name in names)
