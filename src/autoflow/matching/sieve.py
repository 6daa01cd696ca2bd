"""Many conditions that no equality tells apart, judged together: every rule is a bit. Before it: the index.

A condition is clauses that must all hold. Clauses of one make, whichever rule they belong to, share tables that give
all rules for which a value is good; what every clause lets pass is met. So the cost of an event grows with the
number of different questions, hardly with the number of rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

from autoflow.matching.clauses import Clause, Kind, Term, clauses_of, judge_whole
from autoflow.matching.generator import DEEPEST, Judge, Numbered
from autoflow.matching.loads import compile_loads
from autoflow.matching.tables import Find, build_table
from autoflow.matching.tree import depth_of
from autoflow.model.condition import Condition, Reference
from autoflow.model.json import Json

BLOCK: Final = 2_048
"""Rules in one sieve: a set of them has at most so many bits, which bounds the memory of a table's entry."""
FEWEST: Final = 4
"""Rules that make a column worth its look-up; a rule with a rarer clause is judged as a whole."""
SPARSE: Final = 24
"""With fewer rules than one in so many, they are picked from the set one by one."""

Group = tuple[Kind, Reference | None, bool, int]
"""Terms that share a table; the last number keeps negated terms of one clause apart."""
Make = tuple[frozenset[Group], int]
"""What a clause looks up, and which clause of that make it is in its rule."""

_BITS: Final = bytes(int(sign == ord("1")) for sign in range(256))
"""Makes the signs 0 and 1 of a written number false and true."""


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A column: the clauses of one make, with the rules that have one."""

    members: int = 0
    groups: dict[Group, list[tuple[int, Term]]] = field(default_factory=lambda: defaultdict(list))


def compile_sieves(entries: Sequence[Numbered]) -> Judge:
    """The conditions, none of which can raise, in blocks: the places of those that hold, in order."""
    blocks = [_compile_sieve(entries[start : start + BLOCK]) for start in range(0, len(entries), BLOCK)]
    if len(blocks) == 1:
        return blocks[0]
    return lambda facts: [place for judge in blocks for place in judge(facts)]


def _compile_sieve(entries: Sequence[Numbered]) -> Judge:
    places = tuple(place for place, _ in entries)
    everyone = (1 << len(entries)) - 1
    drafts = _draft([condition for _, condition in entries])
    references = list(dict.fromkeys(group[1] for draft in drafts for group in draft.groups if group[1] is not None))
    load = compile_loads(references)
    slots: dict[Reference | None, int] = {reference: slot for slot, reference in enumerate(references, start=1)}
    columns = tuple((everyone ^ draft.members, draft.members, _build_tables(draft, slots)) for draft in drafts)

    def judge(facts: Mapping[str, Json]) -> list[int]:
        values = load(facts)
        left = everyone
        for others, members, tables in columns:
            if left & members:
                good = others
                for slot, find in tables:
                    good |= find(values[slot])
                left &= good
        return _places_in(left, places)

    return judge


def _places_in(found: int, places: Sequence[int]) -> list[int]:
    """The places of the bits that are set, in order."""
    if found.bit_count() * SPARSE > len(places):
        return list(compress(places, f"{found:b}".encode().translate(_BITS)[::-1]))
    picked = []
    while found:
        lowest = found & -found
        picked.append(places[lowest.bit_length() - 1])
        found ^= lowest
    return picked


def _draft(conditions: Sequence[Condition | None]) -> list[_Draft]:
    """All columns, those that judge last: by then most rules are out."""
    made = [_by_make(_clauses_of(condition)) for condition in conditions]
    frequency = Counter(make for clauses in made for make in clauses)
    drafts: dict[Make, _Draft] = defaultdict(_Draft)
    for number, (condition, clauses) in enumerate(zip(conditions, made, strict=True)):
        if condition is not None and any(frequency[make] < FEWEST for make in clauses):
            clauses = _by_make(judge_whole(condition))
        for make, terms in clauses.items():
            draft = drafts[make]
            draft.members |= 1 << number
            for group, term in terms:
                draft.groups[group].append((1 << number, term))
    return sorted(drafts.values(), key=lambda draft: any(group[0] is Kind.JUDGED for group in draft.groups))


def _clauses_of(condition: Condition | None) -> list[Clause]:
    if condition is None:
        return []
    return clauses_of(condition) if depth_of(condition) <= DEEPEST else judge_whole(condition)


def _by_make(clauses: Sequence[Clause]) -> dict[Make, list[tuple[Group, Term]]]:
    """The clauses of one rule by what they look up."""
    seen: Counter[frozenset[Group]] = Counter()
    made: dict[Make, list[tuple[Group, Term]]] = {}
    for clause in clauses:
        terms = list(_grouped(clause))
        groups = frozenset(group for group, _ in terms)
        made[groups, seen[groups]] = terms
        seen[groups] += 1
    return made


def _grouped(clause: Clause) -> Iterator[tuple[Group, Term]]:
    """Each term with its group. What is not good for one of two negated terms may be good for the other."""
    seen: Counter[tuple[Kind, Reference | None]] = Counter()
    for term in clause:
        number = 0
        if term.negated:
            number = seen[term.kind, term.reference]
            seen[term.kind, term.reference] += 1
        yield (term.kind, term.reference, term.negated, number), term


def _build_tables(draft: _Draft, slots: Mapping[Reference | None, int]) -> tuple[tuple[int, Find], ...]:
    """(the place of the value among the loaded, where 0 are the facts; the table that it is looked up in)."""
    return tuple((slots.get(group[1], 0), build_table(group[0], owned)) for group, owned in draft.groups.items())
