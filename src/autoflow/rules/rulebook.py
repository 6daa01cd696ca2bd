"""A set of rules that runs together. Before it: the loader. After it: the engine asks it what an event meets.

Events are matched through an index for each account and set of event patterns, so that the cost of an event
does not grow with the number of rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import Predicate, compile_condition
from autoflow.matching.index import ConditionIndex
from autoflow.matching.paths import MISSING, compile_reference, write_reference
from autoflow.matching.tree import write_condition
from autoflow.model.condition import All, Condition, Leaf, Reference
from autoflow.model.event import Event, is_engine_type
from autoflow.model.json import Json, canonical_json, content_hash
from autoflow.model.rule import CancelOn, Enabled, EventPattern, Rule

ANY_EVENT = "*"
KNOWN_TYPES = 4_096
"""Event types whose listeners are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleVersion:
    """A rule as it is kept: the version's number in the store beside the rule itself."""

    id: int
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What an event meets: versions in order of the rulebook, and those that could not be judged."""

    hits: tuple[RuleVersion, ...]
    errors: tuple[tuple[RuleVersion, EvaluationError], ...] = ()


NOTHING = Matched(hits=())


class Rulebook:
    """The rule versions of one generation, ready to judge events."""

    def __init__(self, versions: Sequence[RuleVersion], *, generation: int = 0) -> None:
        #: given by the store in the transaction that swaps this rulebook in
        self.generation = generation
        self.versions = tuple(versions)
        self.by_key: Mapping[tuple[str, str], RuleVersion] = {v.rule.key: v for v in versions}
        self._accounts = _patterns_by_account(v for v in versions if v.rule.enabled is not Enabled.OFF)
        self._indexes: dict[tuple[str, tuple[str, ...]], ConditionIndex[RuleVersion]] = {}
        self._alone = {version: Matched(hits=(version,)) for version in versions}
        self._by_type: dict[tuple[str, str], ConditionIndex[RuleVersion] | None] = {}
        for account, patterns in self._accounts.items():
            for name in patterns.entries:
                self._index(account, patterns.names_for(name))

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
            return self._alone[hits[0]] if hits else NOTHING
        return Matched(hits=tuple(hits if index.distinct else dict.fromkeys(hits)), errors=tuple(errors))

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

    def _look_up(self, account: str, event_type: str) -> ConditionIndex[RuleVersion] | None:
        """The index for an account's events of a type, kept for the next one; None where nothing listens."""
        patterns = self._accounts.get(account)
        names = patterns.names_for(event_type) if patterns else ()
        index = self._index(account, names) if names else None
        if len(self._by_type) >= KNOWN_TYPES:
            # Senders can make up types for ever.
            self._by_type.clear()
        self._by_type[account, event_type] = index
        return index

    def _index(self, account: str, names: tuple[str, ...]) -> ConditionIndex[RuleVersion]:
        key = (account, names)
        if key not in self._indexes:
            patterns = self._accounts[account].entries
            entries = sorted((entry for name in names for entry in patterns[name]), key=lambda entry: entry.place)
            self._indexes[key] = ConditionIndex.build([(entry.condition, entry.version) for entry in entries])
        return self._indexes[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One trigger of one rule: what must hold on arrival."""

    #: of the rule in its rulebook; matches are answered in this order
    place: int
    condition: Condition | None
    version: RuleVersion


@dataclass(slots=True, kw_only=True)
class _Patterns:
    """One account's event patterns: by name, prefix or `*`."""

    entries: dict[str, list[_Entry]] = field(default_factory=dict)

    def names_for(self, event_type: str) -> tuple[str, ...]:
        """The patterns in use that mean this type."""
        return tuple(name for name in pattern_names(event_type) if name in self.entries)

    def listeners(self, event_type: str) -> tuple[RuleVersion, ...]:
        """The versions whose triggers mean this type, each once."""
        found = [entry.version for name in self.names_for(event_type) for entry in self.entries[name]]
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


def _patterns_by_account(versions: Iterable[RuleVersion]) -> dict[str, _Patterns]:
    accounts: dict[str, _Patterns] = {}
    for place, version in enumerate(versions):
        rule = version.rule
        entries = accounts.setdefault(rule.account, _Patterns()).entries
        for pattern in rule.triggers:
            condition = arrival_condition(pattern, rule.when)
            for name in pattern.events:
                entries.setdefault(name, []).append(_Entry(place=place, condition=condition, version=version))
    return accounts


class WaitPattern:
    """One kind of event that ends waiting work: which events it means, and where their key stands."""

    def __init__(self, cancel_on: CancelOn) -> None:
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

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._patterns: dict[tuple[str, str], dict[str, WaitPattern]] = {}
        for rule in rules:
            for cancel_on in rule.cancel_on:
                pattern = WaitPattern(cancel_on)
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
