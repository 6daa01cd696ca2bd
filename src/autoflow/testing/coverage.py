"""Which parts of rules a set of scenarios has seen at work: each comparison true and false, each action performed.

Beside the player, which tells it of events and of what was performed. After it: `coverage_report`, for people and CI.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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

Identity = tuple[str | None, Key, str]
"""A rule's file, what it is known by there, and the hash of its meaning."""


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
    """One action of a rule and how often it was performed."""

    number: int
    type: str
    at: Whereabouts
    fired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCoverage:
    """One rule and its parts. In shadow it has no actions that count: it never acts."""

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
    """Is told what happens, and says what has been seen of the rules that count."""

    def __init__(self) -> None:
        self._rules: dict[Identity, Rule] = {}
        self._places: dict[Identity, RulePlaces] = {}
        self._counters: dict[Identity, RuleCounter] = {}
        self._fired: dict[tuple[Identity, str], int] = {}
        #: by the sets of rules that were in force: they are the same again and again
        self._books: dict[int, tuple[Sequence[Rule], CounterBook[Identity]]] = {}
        self._in_force: list[Sequence[Rule]] = []

    def count_rules(self, rules: Iterable[Rule], places: Mapping[Key, RulePlaces]) -> None:
        """From now on these count. A rule that is off has nothing that could be seen."""
        for rule in rules:
            if rule.enabled is not Enabled.OFF and identity_of(rule) not in self._rules:
                self._rules[identity_of(rule)] = rule
                if rule.key in places:
                    self._places[identity_of(rule)] = places[rule.key]
        self._books.clear()

    def event_judged(self, event: Event, rules: Sequence[Rule]) -> None:
        """Count what an event tells of the rules in force."""
        self._note_in_force(rules)
        book = self._book_of(rules)
        facts = arrival_facts(event)
        for identity in book.listeners(event.account, event.type):
            self._counter(identity).observe(event, facts)

    def action_fired(self, account: str, rule_id: str, step: str) -> None:
        """Count an action that was performed, by its step's path: of the rule in force, or of one before it."""
        for rules in reversed(self._in_force):
            for rule in rules:
                if rule.key == (account, rule_id):
                    known = (identity_of(rule), step)
                    self._fired[known] = self._fired.get(known, 0) + 1
                    return

    def report(self) -> Coverage:
        """What has been seen until now."""
        shared: dict[object, LeafCount] = {}
        for identity in self._rules:
            counts = self._counter(identity).counts
            for at, count in zip(self._leaf_places(identity), counts, strict=True):
                if at.shared is not None:
                    shared.setdefault((at.path, at.shared), LeafCount()).add(count)
        return Coverage(rules=tuple(self._report(identity, shared) for identity in self._rules))

    def _note_in_force(self, rules: Sequence[Rule]) -> None:
        if not self._in_force or self._in_force[-1] is not rules:
            self._in_force = [known for known in self._in_force if known is not rules]
            self._in_force.append(rules)

    def _book_of(self, rules: Sequence[Rule]) -> CounterBook[Identity]:
        known = self._books.get(id(rules))
        if known is None:
            counted = {identity_of(rule): rule for rule in rules if identity_of(rule) in self._rules}
            known = self._books[id(rules)] = (rules, CounterBook(counted))
        return known[1]

    def _counter(self, identity: Identity) -> RuleCounter:
        if identity not in self._counters:
            self._counters[identity] = RuleCounter(self._rules[identity])
        return self._counters[identity]

    def _leaf_places(self, identity: Identity) -> tuple[Whereabouts, ...]:
        rule = self._rules[identity]
        places, number = self._places.get(identity), len(rule_leaves(rule))
        if places is not None and len(places.leaves) == number:
            return places.leaves
        return (self._rule_place(identity),) * number

    def _rule_place(self, identity: Identity) -> Whereabouts:
        """Where a rule stands, at least its line."""
        if identity in self._places:
            return self._places[identity].rule
        origin = self._rules[identity].provenance
        line = origin.line or 1
        return Whereabouts(path=origin.path or "", place=Place(line=line, column=1, end_line=line, end_column=2))

    def _report(self, identity: Identity, shared: Mapping[object, LeafCount]) -> RuleCoverage:
        rule, counter = self._rules[identity], self._counter(identity)
        places = self._places.get(identity)
        leaves = tuple(
            LeafCoverage(
                condition=name_condition(tree),
                text=write_leaf(leaf),
                at=at,
                count=count if at.shared is None else shared[at.path, at.shared],
            )
            for (tree, leaf), at, count in zip(
                rule_leaves(rule), self._leaf_places(identity), counter.counts, strict=True
            )
        )
        actions = tuple(self._report_actions(identity, places)) if rule.enabled is Enabled.ON else ()
        return RuleCoverage(
            rule=rule.id, account=rule.account, at=self._rule_place(identity),
            judged=counter.judged, woken=counter.woken, leaves=leaves, actions=actions,
        )  # fmt: skip

    def _report_actions(self, identity: Identity, places: RulePlaces | None) -> Iterator[ActionCoverage]:
        for number, step in enumerate(self._rules[identity].actions, start=1):
            yield ActionCoverage(
                number=number,
                type=step.type,
                at=places.actions[number - 1] if places is not None else self._rule_place(identity),
                fired=self._fired.get((identity, step.path), 0),
            )


def identity_of(rule: Rule) -> Identity:
    """What a rule counts under: the same text in another file is another rule."""
    return rule.provenance.path, rule.key, rule.hash
