"""What events tell of a rule's comparisons: which were ever seen true, which false.

A comparison of a pattern is looked at on each event that the pattern means, one of the rule's `when` on each that
wakes the rule; there all of them, whatever the others say. `autoflow test` counts so, and the daemon on some events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from autoflow.errors import EvaluationError
from autoflow.matching.compiler import Predicate, compile_condition
from autoflow.matching.probe import Probe, leaves_of
from autoflow.matching.tree import parse_condition
from autoflow.model.condition import Condition, Leaf
from autoflow.model.event import Event
from autoflow.model.json import Json, JsonObject
from autoflow.model.rule import Enabled, EventPattern, Rule
from autoflow.rules.rulebook import arrival_condition, pattern_means, pattern_names
from autoflow.strict_yaml import Pointer

K = TypeVar("K")


class Tree(NamedTuple):
    """A condition of a rule, and where in the rule it stands."""

    at: Pointer
    condition: Condition


def trees_of(rule: Rule) -> Iterator[Tree]:
    """The conditions of a rule: those of its triggers, of what cancels it, and its own. This order numbers leaves."""
    for index, pattern in enumerate(rule.triggers):
        if pattern.when is not None:
            yield Tree(("trigger", index, "when"), pattern.when)
    for index, cancel_on in enumerate(rule.cancel_on):
        if cancel_on.pattern.when is not None:
            yield Tree(("cancel_on", index, "when"), cancel_on.pattern.when)
    if rule.when is not None:
        yield Tree(("when",), rule.when)


def rule_leaves(rule: Rule) -> tuple[tuple[Pointer, Leaf], ...]:
    """Every comparison of a rule, with the condition that it stands in."""
    return tuple((tree.at, leaf) for tree in trees_of(rule) for leaf in leaves_of(tree.condition))


def document_leaves(document: JsonObject) -> tuple[tuple[Pointer, Leaf], ...]:
    """The same of a rule's canonical document, as the store keeps it."""
    found: list[tuple[Pointer, Leaf]] = []
    for key in ("trigger", "cancel_on"):
        patterns = document.get(key, [])
        for index, pattern in enumerate(patterns if isinstance(patterns, list) else [patterns]):
            found += [((key, index, "when"), leaf) for leaf in _written_leaves(pattern)]
    return (*found, *((("when",), leaf) for leaf in _written_leaves(document)))


def _written_leaves(owner: JsonObject) -> tuple[Leaf, ...]:
    condition = parse_condition(owner["when"]).condition if "when" in owner else None
    return () if condition is None else leaves_of(condition)


def name_condition(at: Pointer) -> str:
    """`trigger[0].when`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).removeprefix(".")


@dataclass(slots=True)
class LeafCount:
    """How often a comparison was true, false, and could not be evaluated."""

    true: int = 0
    false: int = 0
    failed: int = 0

    @property
    def is_covered(self) -> bool:
        """Whether it was seen both ways."""
        return self.true > 0 and self.false > 0

    @property
    def lacks(self) -> str | None:
        """What was not seen; None where nothing is missing."""
        if self.is_covered:
            return None
        if not self.true and not self.false:
            return "could never be evaluated" if self.failed else "was never looked at"
        return "was never false" if self.true else "was never true"

    def see(self, result: bool | None) -> None:
        """Count one more."""
        if result is None:
            self.failed += 1
        elif result:
            self.true += 1
        else:
            self.false += 1

    def add(self, other: LeafCount) -> None:
        """Count what another one has seen."""
        self.true += other.true
        self.false += other.false
        self.failed += other.failed


class _Watched(NamedTuple):
    """One pattern of a rule."""

    pattern: EventPattern
    #: what must hold for it to be met, beside its names; None: nothing
    met: Predicate | None
    probe: Probe
    #: the counts of its comparisons begin here
    first: int
    wakes: bool

    def is_met(self, facts: Mapping[str, Json]) -> bool:
        """Whether an event with these facts, that it means, meets it."""
        try:
            return self.met is None or self.met(facts)
        except EvaluationError:
            return False


class RuleCounter:
    """Counts what events tell of one rule."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        #: events that a trigger means, whether or not they woke the rule
        self.judged = 0
        #: those that woke it
        self.woken = 0
        patterns = [(pattern, True) for pattern in rule.triggers]
        patterns += [(cancel_on.pattern, False) for cancel_on in rule.cancel_on]
        self._watched: list[_Watched] = []
        first = 0
        for pattern, wakes in patterns:
            self._watched.append(_watch(pattern, first, wakes=wakes))
            first += len(self._watched[-1].probe.leaves)
        self._own, self._own_first = Probe(rule.when), first
        self.counts = tuple(LeafCount() for _ in range(first + len(self._own.leaves)))

    def observe(self, event: Event, facts: Mapping[str, Json]) -> None:
        """Count what an event tells of the rule; most tell nothing."""
        if event.account != self.rule.account or self.rule.enabled is Enabled.OFF:
            return
        judged = woken = False
        for one in self._watched:
            if not _means(one.pattern, event):
                continue
            self._see(one.probe, one.first, facts)
            judged = judged or one.wakes
            woken = woken or (one.wakes and one.is_met(facts))
        self.judged += judged
        if woken:
            self.woken += 1
            self._see(self._own, self._own_first, facts)

    @property
    def has_seen(self) -> bool:
        """Whether anything was counted."""
        return self.judged > 0 or any(one != LeafCount() for one in self.counts)

    def begin_anew(self) -> RuleCounter:
        """One that has counted nothing yet, for the same rule."""
        new = copy(self)
        new.judged = new.woken = 0
        new.counts = tuple(LeafCount() for _ in self.counts)
        return new

    def _see(self, probe: Probe, first: int, facts: Mapping[str, Json]) -> None:
        for number, result in enumerate(probe.judge(facts), start=first):
            self.counts[number].see(result)


class CounterBook(Generic[K]):
    """The counters of many rules, each made when it is first asked for, found by the type of an event.

    One that takes over from another goes on with its counters.
    """

    def __init__(self, rules: Mapping[K, Rule], before: CounterBook[K] | None = None) -> None:
        self._rules = rules
        self._made: dict[K, RuleCounter] = before._made if before is not None else {}
        self._by_name: dict[tuple[str, str], list[K]] = {}
        for key, rule in rules.items():
            if rule.enabled is not Enabled.OFF:
                patterns = [*rule.triggers, *(cancel_on.pattern for cancel_on in rule.cancel_on)]
                for name in dict.fromkeys(name for pattern in patterns for name in pattern.events):
                    self._by_name.setdefault((rule.account, name), []).append(key)

    def listeners(self, account: str, event_type: str) -> Sequence[K]:
        """The rules with a pattern that names this type, each once."""
        found = [self._by_name.get((account, name), ()) for name in pattern_names(event_type)]
        return tuple(dict.fromkeys(key for keys in found for key in keys))

    def counter(self, key: K) -> RuleCounter:
        """The counter of a rule."""
        if key not in self._made:
            self._made[key] = RuleCounter(self._rules[key])
        return self._made[key]

    def take(self) -> dict[K, RuleCounter]:
        """The counters with what was counted since the last time; those in use begin anew."""
        taken = {key: counter for key, counter in self._made.items() if counter.has_seen}
        for key in tuple(self._made):
            if key not in self._rules:
                del self._made[key]
            elif key in taken:
                self._made[key] = taken[key].begin_anew()
        return taken


def _watch(pattern: EventPattern, first: int, *, wakes: bool) -> _Watched:
    condition = arrival_condition(pattern)
    return _Watched(
        pattern=pattern,
        met=compile_condition(condition) if condition is not None else None,
        probe=Probe(pattern.when),
        first=first,
        wakes=wakes,
    )


def _means(pattern: EventPattern, event: Event) -> bool:
    return pattern_means(pattern, event.type) and (not pattern.sources or event.source in pattern.sources)
