"""Rules that set each other off by the events they emit, round and round until the chain is cut off."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from autoflow.matching.contradiction import never_holds
from autoflow.matching.lookup import MISSING
from autoflow.matching.nodes import walk
from autoflow.matching.paths import compile_reference, steps_of
from autoflow.matching.tree import references_of
from autoflow.model.condition import Condition, Leaf, Reference
from autoflow.model.event import DEFAULT_SOURCE
from autoflow.model.json import Json
from autoflow.model.problem import Severity
from autoflow.model.rule import Enabled, Rule
from autoflow.rules import codes
from autoflow.rules.params import LITERAL, is_typed_value
from autoflow.rules.review.remarks import Remark
from autoflow.rules.rulebook import arrival_condition, pattern_means, pattern_names

_EMIT = "emit"
_MOST_NAMED = 6
_MOST_LINKS = 10_000
"""Pairs of an emit and a rule that hears it: of a set with more, only the first ones are followed."""


class _Link(NamedTuple):
    """A step of one rule that wakes another."""

    step: int
    event: str
    to: int


class _Unknown:
    """Stands for a value that an event decides."""


def find_rings(rules: Sequence[Rule], chain_depth: int) -> Iterator[Remark]:
    """One remark for each set of rules that lead back to themselves, about the first of them."""
    links = _in_rings(_link(rules))
    told: set[int] = set()
    for start in sorted(links):
        ring = _shortest_ring(start, links) if start not in told else ()
        if ring:
            told |= _reached(start, links) & _reached(start, _turned(links))
            yield _remark(rules, start, ring, chain_depth)


def _remark(rules: Sequence[Rule], start: int, ring: Sequence[_Link], chain_depth: int) -> Remark:
    rule = rules[start]
    members = [rules[link.to] for link in ring]
    shown = [f"{link.event} -> {rules[link.to].id}" for link in ring]
    if len(shown) > _MOST_NAMED:
        shown = [*shown[: _MOST_NAMED - 1], f"... {len(shown) - _MOST_NAMED} more ...", shown[-1]]
    way = " -> ".join([rule.id, *shown])
    at = ("actions", ring[0].step, _EMIT, "type")
    stop = f"limits.chain_depth cuts it off after {chain_depth} events, with a dead letter"
    if any(_is_guarded(member) for member in members):
        message = f"this may go round for ever: {way}"
        hint = f"it ends where one of their conditions no longer holds; else {stop}"
        return Remark(rule, at, codes.RING, message, hint, Severity.NOTE)
    message = f"this goes round for ever: {way}"
    return Remark(rule, at, codes.RING, message, f"emit another event, or let one of them ask for more; {stop}")


def _is_guarded(rule: Rule) -> bool:
    """Whether it depends on the event whether the rule acts."""
    return rule.when is not None or all(pattern.when is not None for pattern in rule.triggers)


def _link(rules: Sequence[Rule]) -> dict[int, list[_Link]]:
    """The links of each rule that wakes any."""
    listeners: dict[tuple[str, str], list[int]] = {}
    for number, rule in enumerate(rules):
        for name in {name for pattern in rule.triggers for name in pattern.events}:
            if rule.enabled is Enabled.ON:
                listeners.setdefault((rule.account, name), []).append(number)
    links: dict[int, list[_Link]] = {}
    left = _MOST_LINKS
    for number, rule in enumerate(rules):
        for index, step in enumerate(rule.actions) if rule.enabled is Enabled.ON else ():
            event = step.params.get("type") if step.type == _EMIT else None
            if not isinstance(event, str):
                continue
            heard = {one for name in pattern_names(event) for one in listeners.get((rule.account, name), ())}
            looked_at = sorted(heard)[:left]
            left -= len(looked_at)
            woken = [one for one in looked_at if _may_wake(rules[one], event, step.params.get("data"))]
            links.setdefault(number, []).extend(_Link(index, event, one) for one in woken)
    return links


def _may_wake(rule: Rule, event: str, written: Json) -> bool:
    """Whether an event with such data may make the rule act: what is written out of it is known."""
    data = _known_in({} if written is None else written)
    for pattern in rule.triggers:
        if not pattern_means(pattern, event):
            continue
        condition = arrival_condition(pattern, rule.when)
        if condition is None:
            return True
        if not _counts_depth(condition) and not never_holds(condition, _known_values(condition, data, rule, event)):
            return True
    return False


def _counts_depth(condition: Condition) -> bool:
    """Whether a rule looks at how long the chain is: who writes that knows of the ring."""
    depth = Reference(fact="event", path="$.depth")
    return any(isinstance(part, Leaf) and part.left == depth for part in walk(condition))


def _known_in(value: Json) -> Json | _Unknown:
    """A value as the action would make it, with an unknown in place of all that the event decides."""
    if isinstance(value, str):
        return _Unknown() if "{" in value else value
    if isinstance(value, list):
        return [_known_in(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {LITERAL}:
        return value[LITERAL]
    if is_typed_value(value):
        return _Unknown()
    return {key: _known_in(item) for key, item in value.items()}


def _known_values(
    condition: Condition, data: Json | _Unknown, rule: Rule, event: str
) -> dict[Reference, tuple[Json, ...]]:
    """What a condition's references lead to in an event that a rule of this account emits, where that is known."""
    envelope = {"type": event, "account": rule.account, "source": DEFAULT_SOURCE}
    known: dict[Reference, tuple[Json, ...]] = {}
    for reference in references_of(condition):
        if reference.fact == "event":
            steps = steps_of(reference.path)
            if len(steps) == 1 and steps[0] in envelope:
                known[reference] = (envelope[str(steps[0])],)
        elif isinstance(data, dict) and reference.fact != "trigger":
            value = _look_up(data.get(reference.fact, MISSING), reference)
            if not isinstance(value, _Unknown):
                known[reference] = (value,)
    return known


def _look_up(value: Json | _Unknown, reference: Reference) -> Json | _Unknown:
    """Where a reference leads in a fact of which parts are unknown."""
    if not _is_open(value):
        return compile_reference(reference)({} if value is MISSING else {reference.fact: value})
    for step in steps_of(reference.path):
        if not isinstance(value, dict) or not isinstance(step, str):
            return _Unknown()
        value = value.get(step, MISSING)
        if value is MISSING:
            return MISSING
    return _Unknown() if _is_open(value) else value


def _is_open(value: Json | _Unknown) -> bool:
    """Whether some part of a value is unknown."""
    if isinstance(value, list | dict):
        return any(map(_is_open, value.values() if isinstance(value, dict) else value))
    return isinstance(value, _Unknown)


_Links = Mapping[int, Sequence[_Link]]


def _in_rings(links: _Links) -> _Links:
    """The links that may belong to a ring: what leads nowhere, or comes from nowhere, is taken off."""
    return _trim(_turned(_trim(_turned(links)))) if links else {}


def _turned(links: _Links) -> dict[int, list[_Link]]:
    """The same links, the other way round."""
    turned: dict[int, list[_Link]] = {}
    for start, ways in links.items():
        for link in ways:
            turned.setdefault(link.to, []).append(link._replace(to=start))
    return turned


def _trim(links: _Links) -> dict[int, list[_Link]]:
    """Without the links to what has no links itself."""
    left = {start: list(ways) for start, ways in links.items()}
    into = _turned(links)
    ends = deque(number for number in into if not left.get(number))
    while ends:
        end = ends.popleft()
        for link in into.get(end, ()):
            ways = left.get(link.to)
            if ways is None:
                continue
            left[link.to] = [way for way in ways if way.to != end]
            if not left[link.to]:
                del left[link.to]
                ends.append(link.to)
    return left


def _shortest_ring(start: int, links: _Links) -> Sequence[_Link]:
    """The fewest links that lead from a rule back to it; none where none do."""
    ways: dict[int, tuple[_Link, ...]] = {start: ()}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for link in links.get(here, ()):
            if link.to == start:
                return (*ways[here], link)
            if link.to not in ways:
                ways[link.to] = (*ways[here], link)
                waiting.append(link.to)
    return ()


def _reached(start: int, links: _Links) -> set[int]:
    """Every rule that links lead to, and the first one."""
    found, waiting = {start}, [start]
    while waiting:
        new = {link.to for link in links.get(waiting.pop(), ())} - found
        found |= new
        waiting += new
    return found
