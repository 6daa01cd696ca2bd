"""A set of rules that runs together. Before it: the loader. After it: the engine asks it what an event meets.

Events are matched through an index for each account and set of event patterns, so that the cost of an event
does not grow with the number of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import Predicate, compile_condition
from autoflow.matching.paths import MISSING, compile_reference, write_reference
from autoflow.matching.tree import write_condition
from autoflow.model.condition import All, Condition, Leaf, Reference
from autoflow.model.event import Event, is_engine_type
from autoflow.model.json import Json, canonical_json, content_hash
from autoflow.model.rule import CancelOn, Enabled, EventPattern, Rule
from autoflow.rules.filing import Entry, Filing, RuleVersion

__all__ = [
    "ANY_EVENT",
    "Matched",
    "RuleVersion",
    "Rulebook",
    "WaitBook",
    "WaitPattern",
    "arrival_condition",
    "key_text",
    "pattern_means",
    "pattern_names",
    "run_key",
    "wait_hash",
]

ANY_EVENT = "*"
KNOWN_TYPES = 4_096
"""Event types whose listeners are remembered."""

Triggers = tuple[tuple[str, Entry], ...]
"""A rule's entries, each with the pattern that it stands under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What an event meets: versions in order of the rulebook, and those that could not be judged."""

    hits: tuple[RuleVersion, ...]
    errors: tuple[tuple[RuleVersion, EvaluationError], ...] = ()


NOTHING = Matched(hits=())


class Rulebook:
    """The rule versions of one generation, ready to judge events."""

    def __init__(
        self, versions: Sequence[RuleVersion], *, generation: int = 0, before: Rulebook | None = None
    ) -> None:
        #: given by the store in the transaction that swaps this rulebook in
        self.generation = generation
        self.versions = tuple(versions)
        self.by_key: Mapping[tuple[str, str], RuleVersion] = {v.rule.key: v for v in versions}
        self._known: Mapping[RuleVersion, _Known] = _know(versions, before._known if before else {})
        self._accounts = _by_account(self._known)
        self._filings: dict[tuple[str, tuple[str, ...]], Filing] = {}
        self._by_type: dict[tuple[str, str], Filing | None] = {}
        for account, patterns in self._accounts.items():
            for name in patterns.entries:
                self._file(account, patterns.names_for(name), before)

    def match(self, event: Event, facts: Mapping[str, Json]) -> Matched:
        """The rules whose trigger and conditions the event meets, each once."""
        try:
            index = self._by_type[event.account, event.type]
        except KeyError:
            index = self._look_up(event.account, event.type)
        if index is None:
            return NOTHING
        hits, errors = index.find(facts)
        if not errors and len(hits) < 2:
            return self._known[hits[0]].alone if hits else NOTHING
        if index.distinct:
            return Matched(hits=tuple(hits), errors=tuple(errors))
        # Of a rule with several triggers that cannot be judged the first error counts.
        first = {version: (version, error) for version, error in reversed(errors)}
        failed = dict.fromkeys(version for version, _ in errors)
        return Matched(hits=tuple(dict.fromkeys(hits)), errors=tuple(first[version] for version in failed))

    def listeners(self, event: Event) -> tuple[RuleVersion, ...]:
        """The rules of the event's account that wait for events of its type, whatever their conditions say."""
        patterns = self._accounts.get(event.account)
        return patterns.listeners(event.type) if patterns else ()

    def foreign_listeners(self, event: Event) -> tuple[RuleVersion, ...]:
        """The rules of other accounts that would listen to an event of this type."""
        found: list[RuleVersion] = []
        for account, patterns in self._accounts.items():
            if account != event.account:
                found += patterns.listeners(event.type)
        return tuple(found)

    def _look_up(self, account: str, event_type: str) -> Filing | None:
        """The index for an account's events of a type, kept for the next one; None where nothing listens."""
        patterns = self._accounts.get(account)
        names = patterns.names_for(event_type) if patterns else ()
        filing = self._file(account, names) if names else None
        if len(self._by_type) >= KNOWN_TYPES:
            # Senders can make up types for ever.
            self._by_type.clear()
        self._by_type[account, event_type] = filing
        return filing

    def _file(self, account: str, names: tuple[str, ...], before: Rulebook | None = None) -> Filing:
        key = (account, names)
        if key not in self._filings:
            patterns = self._accounts[account].entries
            entries = [entry for name in names for entry in patterns[name]]
            if len(names) > 1:
                places = {version: place for place, version in enumerate(self.versions)}
                entries.sort(key=lambda entry: places[entry[1]])
            old = before._filings.get(key) if before else None
            self._filings[key] = old.revise(entries) if old else Filing.build(entries)
        return self._filings[key]


@dataclass(slots=True, kw_only=True)
class _Patterns:
    """One account's event patterns: by name, prefix or `*`; in each the entries of an index."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)

    def names_for(self, event_type: str) -> tuple[str, ...]:
        """The patterns in use that mean this type."""
        return tuple(name for name in pattern_names(event_type) if name in self.entries)

    def listeners(self, event_type: str) -> tuple[RuleVersion, ...]:
        """The versions whose triggers mean this type, each once."""
        found = [version for name in self.names_for(event_type) for _, version in self.entries[name]]
        return tuple(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def pattern_names(event_type: str) -> tuple[str, ...]:
    """Every pattern that means this type: itself, its prefixes, and `*` unless it is one of the engine's own."""
    names = [event_type]
    parts = event_type.split(".")
    names += [".".join(parts[:count]) + ".*" for count in range(len(parts) - 1, 0, -1)]
    if not is_engine_type(event_type):
        names.append(ANY_EVENT)
    return tuple(names)


def pattern_means(pattern: EventPattern, event_type: str) -> bool:
    """Whether a pattern's names mean this type."""
    return not set(pattern.events).isdisjoint(pattern_names(event_type))


def arrival_condition(pattern: EventPattern, when: Condition | None = None) -> Condition | None:
    """What must hold on arrival, in order: the source, the pattern's own condition, then the rule's.

    The parts have falling priorities, so that a rule's condition is not even looked at where its trigger is not met.
    """
    parts: list[Condition] = []
    if pattern.sources:
        sources = list(pattern.sources)
        parts.append(Leaf(left=Reference(fact="event", path="$.source"), operator="in", value=sources, priority=3))
    if pattern.when is not None:
        parts.append(All(conditions=(pattern.when,), priority=2))
    if when is not None:
        parts.append(All(conditions=(when,), priority=1))
    return All(conditions=tuple(parts)) if parts else None


class _Known(NamedTuple):
    """What is made of a version once; versions never change, so that it stays true in the next rulebook."""

    #: the match where an event meets this rule only
    alone: Matched
    triggers: Triggers


def _know(versions: Iterable[RuleVersion], known: Mapping[RuleVersion, _Known]) -> dict[RuleVersion, _Known]:
    return {
        version: known.get(version) or _Known(Matched(hits=(version,)), _triggers_of(version)) for version in versions
    }


def _triggers_of(version: RuleVersion) -> Triggers:
    """A rule's entries with the pattern each stands under; a rule that is off has none."""
    rule = version.rule
    if rule.enabled is Enabled.OFF:
        return ()
    return tuple(
        (name, entry)
        for pattern in rule.triggers
        for entry in [(arrival_condition(pattern, rule.when), version)]
        for name in pattern.events
    )


def _by_account(known: Mapping[RuleVersion, _Known]) -> dict[str, _Patterns]:
    accounts: dict[str, _Patterns] = {}
    for version, (_, triggers) in known.items():
        if triggers:
            entries = accounts.setdefault(version.rule.account, _Patterns()).entries
            for name, entry in triggers:
                entries.setdefault(name, []).append(entry)
    return accounts


class WaitPattern:
    """One kind of event that ends waiting work: which events it means, and where their key stands."""

    def __init__(self, cancel_on: CancelOn) -> None:
        self.meant = cancel_on
        self.hash = wait_hash(cancel_on)
        self.names = frozenset(cancel_on.pattern.events)
        condition = arrival_condition(cancel_on.pattern)
        self._holds: Predicate | None = compile_condition(condition) if condition else None
        self._right = tuple(compile_reference(pair.right) for pair in cancel_on.by)

    def key_of(self, facts: Mapping[str, Json]) -> str | None:
        """The key of an event's facts, or None where the event is not meant or has no complete key."""
        if self._holds is not None and not self._holds(facts):
            return None
        return key_text([find(facts) for find in self._right])


def wait_hash(cancel_on: CancelOn) -> str:
    """The same for every rule version that waits for the same events with the same keys."""
    pattern = cancel_on.pattern
    return content_hash(
        {
            "events": sorted(pattern.events),
            "sources": sorted(pattern.sources),
            "when": write_condition(pattern.when) if pattern.when else None,
            "by": [write_reference(pair.right) for pair in cancel_on.by],
        }
    )


def run_key(cancel_on: CancelOn, facts: Mapping[str, Json]) -> str | None:
    """The key that an ending event must have for a run with these facts; None where a part is missing or null."""
    return key_text([compile_reference(pair.left)(facts) for pair in cancel_on.by])


def key_text(values: Sequence[Json]) -> str | None:
    """Values as a key: equal exactly where the JSON is equal; a missing or null part is equal to nothing."""
    if any(value is MISSING or value is None for value in values):
        return None
    return canonical_json([_one_number(value) for value in values])


def _one_number(value: Json) -> Json:
    """1.0 and 1 are the same number in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class WaitBook:
    """The ends that something waits for, by account and event pattern."""

    def __init__(self, rules: Iterable[Rule], *, before: WaitBook | None = None) -> None:
        self._patterns: dict[tuple[str, str], dict[str, WaitPattern]] = {}
        #: by identity, which a pattern that holds on to its cancel_on keeps from being used again
        self._made: dict[int, WaitPattern] = {}
        made = before._made if before else {}
        for rule in {id(rule): rule for rule in rules}.values():
            for cancel_on in rule.cancel_on:
                number = id(cancel_on)
                pattern = self._made[number] = made.get(number) or WaitPattern(cancel_on)
                for name in pattern.names:
                    self._patterns.setdefault((rule.account, name), {})[pattern.hash] = pattern

    def ends(self, event: Event, facts: Mapping[str, Json]) -> tuple[tuple[str, str], ...]:
        """(pattern, key) of everything that this event ends. A pattern that cannot be judged ends nothing."""
        if not self._patterns:
            return ()
        found: dict[str, str] = {}
        for name in pattern_names(event.type):
            for pattern in self._patterns.get((event.account, name), {}).values():
                key = _key_or_none(pattern, facts)
                if key is not None:
                    found[pattern.hash] = key
        return tuple(found.items())


def _key_or_none(pattern: WaitPattern, facts: Mapping[str, Json]) -> str | None:
    try:
        return pattern.key_of(facts)
    except EvaluationError:
        # It cannot be told whether this event was meant: work goes on rather than vanish.
        return None
