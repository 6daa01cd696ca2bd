"""Conditions that contradict themselves: parts that never hold, choices that always do. Asked by the review of rules.

Only what can be proven is said. Parts of a condition are named by their trail: which part of which part, from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import combinations
from typing import Final, NamedTuple

from autoflow.matching.suspicion import leads_into
from autoflow.matching.witness import ABSENT, Claim, can_be_met
from autoflow.model.condition import All, Condition, Leaf, Not, Reference
from autoflow.model.json import Json

Trail = tuple[int, ...]
Known = Mapping[Reference, tuple[Json, ...]]
"""References of which every value that they can have is known."""

MOST: Final = 20_000
"""Claims that are looked at in one condition; what is larger is not judged to its end."""


class Verdict(StrEnum):
    """What is proven."""

    #: the condition never holds
    NEVER = "never"
    #: a part of it never holds, beside what stands around it
    DEAD_PART = "dead part"
    #: a choice in it always holds
    ALWAYS = "always"


class Placed(NamedTuple):
    """A claim, and which part of the condition makes it."""

    claim: Claim
    trail: Trail


class Proof(NamedTuple):
    """One thing that is proven, of the part at `trail`, and the claims that prove it, in order."""

    verdict: Verdict
    trail: Trail
    claims: tuple[Placed, ...]


class _Part(NamedTuple):
    condition: Condition
    negated: bool
    trail: Trail


class _Choice(NamedTuple):
    """Parts of which one must hold."""

    trail: Trail
    parts: tuple[_Part, ...]


class _Demands:
    """What must hold together: claims by their reference, and choices."""

    def __init__(self, parts: Iterable[_Part]) -> None:
        self.claims: dict[Reference, list[Placed]] = {}
        self.choices: list[_Choice] = []
        #: claims that something is missing or null, and with it all that would be inside
        self.absent: list[Placed] = []
        #: a part that is false whatever the facts: an empty list under `not`
        self.never: Trail | None = None
        stack = list(parts)[::-1]
        while stack:
            stack += self._take(stack.pop())[::-1]

    def _take(self, part: _Part) -> Sequence[_Part]:
        """Keep a part; the parts of which all must hold too."""
        condition, negated, trail = part
        if isinstance(condition, Leaf):
            placed = Placed(Claim(condition, negated), trail)
            self.claims.setdefault(condition.left, []).append(placed)
            if condition.operator.endswith("xists") and placed.claim.plain == ("exists", True):
                self.absent.append(placed)
            return ()
        if isinstance(condition, Not):
            return (_Part(condition.condition, not negated, (*trail, 0)),)
        if not condition.conditions:
            if negated:
                self.never = trail
            return ()
        parts = tuple(_Part(inner, negated, (*trail, number)) for number, inner in enumerate(condition.conditions))
        if isinstance(condition, All) is not negated:
            return parts
        self.choices.append(_Choice(trail, parts))
        return ()


class _Around(NamedTuple):
    """What holds beside a part of a choice."""

    claims: Mapping[Reference, Sequence[Placed]]
    absent: Sequence[Placed] = ()

    def with_(self, demands: _Demands) -> _Around:
        """The same, and these demands too."""
        if not self.claims:
            return _Around(demands.claims, demands.absent)
        merged = {**self.claims}
        for reference, placed in demands.claims.items():
            merged[reference] = [*merged.get(reference, ()), *placed]
        return _Around(merged, [*self.absent, *demands.absent])


_NOTHING: Final = _Around({})


class _Judge:
    """Looks for proofs in one condition."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._left = MOST
        self.proofs: list[Proof] = []

    def refute(self, demands: _Demands, around: _Around = _NOTHING) -> Sequence[Placed] | None:
        """The claims that cannot hold together, beside those around them; None where they may."""
        if demands.never is not None:
            return ()
        absent = [*around.absent, *demands.absent]
        for reference, placed in demands.claims.items():
            clash = self._clash(reference, [*around.claims.get(reference, ()), *placed], absent)
            if clash is not None:
                return clash
        if not demands.choices:
            return None
        together = around.with_(demands)
        for choice in demands.choices:
            clashes = [self.refute(_Demands([part]), together) for part in choice.parts]
            if None not in clashes:
                return [placed for clash in clashes for placed in clash or ()]
        return None

    def _clash(
        self, reference: Reference, placed: Sequence[Placed], absent: Sequence[Placed]
    ) -> Sequence[Placed] | None:
        """The claims about one reference that no value meets: two where two are enough."""
        among = self._known.get(reference)
        cause = [one for one in absent if leads_into(one.claim.leaf.left, reference)][:1] if among is None else []
        if cause:
            among = ABSENT
        self._left -= len(placed)
        if self._left < 0 or can_be_met([one.claim for one in placed], among):
            return None
        for few in (1, 2):
            for some in combinations(placed, few):
                self._left -= few
                if self._left >= 0 and not can_be_met([one.claim for one in some], among):
                    return [*cause, *some]
        return [*cause, *placed]

    def look_inside(self, demands: _Demands, around: _Around = _NOTHING) -> None:
        """Proofs about the choices in what may hold."""
        together = around.with_(demands)
        for choice in demands.choices:
            opposite = _Demands(part._replace(negated=not part.negated) for part in choice.parts)
            clash = self.refute(opposite)
            if clash:
                self.proofs.append(Proof(Verdict.ALWAYS, choice.trail, _in_order(clash)))
                continue
            for part in choice.parts:
                self._look_at_part(part, together)

    def _look_at_part(self, part: _Part, around: _Around) -> None:
        inner = _Demands([part])
        dead = self.refute(inner, around)
        if dead is None:
            self.look_inside(inner, around)
        elif dead and not part.negated:  # what never fails under a `not` is better left unsaid
            self.proofs.append(Proof(Verdict.DEAD_PART, part.trail, _in_order(dead)))


NOTHING_KNOWN: Final[Known] = {}


def find_proofs(condition: Condition, known: Known = NOTHING_KNOWN) -> tuple[Proof, ...]:
    """Everything that is proven of a condition. Where it never holds, only that."""
    judge = _Judge(known)
    demands = _Demands([_Part(condition, False, ())])
    clash = judge.refute(demands)
    if clash is not None:
        return (Proof(Verdict.NEVER, demands.never or (), _in_order(clash)),)
    judge.look_inside(demands)
    return tuple(judge.proofs)


def never_holds(condition: Condition, known: Known = NOTHING_KNOWN) -> bool:
    """Whether it is proven that no facts meet a condition."""
    return _Judge(known).refute(_Demands([_Part(condition, False, ())])) is not None


def _in_order(placed: Iterable[Placed]) -> tuple[Placed, ...]:
    by_trail = {one.trail: one for one in placed}
    return tuple(by_trail[trail] for trail in sorted(by_trail))
