"""Which parts of rules a set of scenarios has seen at work: each comparison true and false, each action performed.

Beside the rig, which tells it of events and of what was performed. After it: `coverage_report`, for people and CI.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from autoflow.matching.wording import write_leaf
from autoflow.model.event import Event, arrival_facts
from autoflow.model.rule import Enabled, Rule
from autoflow.rules.coverage import CounterBook, LeafCount, RuleCounter, name_condition, rule_leaves
from autoflow.rules.whereabouts import RulePlaces, Whereabouts
from autoflow.strict_yaml import Place

Key = tuple[str, str]
"""A rule's account and id."""

_NOWHERE = Whereabouts(path="", place=Place(line=1, column=1, end_line=1, end_column=2))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafCoverage:
    """One comparison and what was seen of it; that of a shared condition in all rules together."""

    #: the condition that it stands in: `when`, `trigger[0].when`
    condition: str
    text: str
    at: Whereabouts
    count: LeafCount

    @property
    def lacks(self) -> str | None:
        """What was not seen; None where nothing is missing."""
        return self.count.lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCoverage:
    """One action of a rule and how often it was performed, or would have been in shadow."""

    number: int
    type: str
    at: Whereabouts
    fired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCoverage:
    """One rule and its parts. A rule that is off has none that count."""

    rule: str
    account: str
    at: Whereabouts
    #: events that its triggers mean, and those that woke it
    judged: int
    woken: int
    leaves: tuple[LeafCoverage, ...]
    actions: tuple[ActionCoverage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of how many."""

    covered: int
    total: int

    @property
    def percent(self) -> Fraction:
        """Of a hundred; where there is nothing to cover, all of it is covered."""
        return Fraction(100 * self.covered, self.total) if self.total else Fraction(100)

    def __add__(self, other: Share) -> Share:
        return Share(covered=self.covered + other.covered, total=self.total + other.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was seen of a set of rules."""

    rules: tuple[RuleCoverage, ...]

    @property
    def leaves(self) -> Share:
        """Comparisons that were seen true and false; a shared one counts once, however many rules have it."""
        return share_of_leaves(leaf for rule in self.rules for leaf in rule.leaves)

    @property
    def actions(self) -> Share:
        """Actions that were performed."""
        actions = [action for rule in self.rules for action in rule.actions]
        return Share(covered=sum(action.fired > 0 for action in actions), total=len(actions))

    @property
    def all(self) -> Share:
        """Comparisons and actions."""
        return self.leaves + self.actions


def share_of_leaves(leaves: Iterable[LeafCoverage]) -> Share:
    """How many of these comparisons were seen both ways."""
    counts = {id(leaf.count): leaf.count for leaf in leaves}.values()
    return Share(covered=sum(count.is_covered for count in counts), total=len(counts))


class CoverageRecorder:
    """Is told what happens, and says what has been seen."""

    def __init__(self, rules: Iterable[Rule], places: Mapping[Key, RulePlaces]) -> None:
        self._rules = {rule.key: rule for rule in rules if rule.enabled is not Enabled.OFF}
        self._book = CounterBook(self._rules)
        self._places = places
        self._fired: dict[tuple[Key, str], int] = {}

    def record(self, event: Event) -> None:
        """Count what an event tells of the rules."""
        facts = arrival_facts(event)
        for key in self._book.listeners(event.account, event.type):
            self._book.counter(key).observe(event, facts)

    def fired(self, key: Key, step: str) -> None:
        """Count an action of a rule, by its step's path, that was performed."""
        self._fired[key, step] = self._fired.get((key, step), 0) + 1

    def report(self) -> Coverage:
        """What has been seen until now."""
        shared: dict[object, LeafCount] = {}
        counters = {key: self._book.counter(key) for key in self._rules}
        for key, counter in counters.items():
            for at, count in zip(self._leaf_places(key, counter.rule), counter.counts, strict=True):
                if at.shared is not None:
                    shared.setdefault((at.path, at.shared), LeafCount()).add(count)
        return Coverage(rules=tuple(self._report(key, counter, shared) for key, counter in counters.items()))

    def _leaf_places(self, key: Key, rule: Rule) -> tuple[Whereabouts, ...]:
        number = len(rule_leaves(rule))
        places = self._places.get(key)
        if places is not None and len(places.leaves) == number:
            return places.leaves
        return (places.rule if places is not None else _NOWHERE,) * number

    def _report(self, key: Key, counter: RuleCounter, shared: Mapping[object, LeafCount]) -> RuleCoverage:
        rule, places = counter.rule, self._places.get(key)
        leaves = tuple(
            LeafCoverage(
                condition=name_condition(tree),
                text=write_leaf(leaf),
                at=at,
                count=count if at.shared is None else shared[at.path, at.shared],
            )
            for (tree, leaf), at, count in zip(
                rule_leaves(rule), self._leaf_places(key, rule), counter.counts, strict=True
            )
        )
        actions = tuple(
            ActionCoverage(
                number=number,
                type=step.type,
                at=places.actions[number - 1] if places is not None else _NOWHERE,
                fired=self._fired.get((key, step.path), 0),
            )
            for number, step in enumerate(rule.actions, start=1)
        )
        return RuleCoverage(
            rule=rule.id, account=rule.account, at=places.rule if places is not None else _NOWHERE,
            judged=counter.judged, woken=counter.woken, leaves=leaves, actions=actions,
        )  # fmt: skip
