"""The rules that wait for one type of event, under an index that is mended where few of them have changed.

Behind the rulebook. An index of a thousand conditions takes long to make, and an edit changes one of them: what went
is taken from what the index finds, what came is judged besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import is_

from autoflow.errors import EvaluationError
from autoflow.matching.index import ConditionIndex
from autoflow.model.condition import Condition
from autoflow.model.json import Json
from autoflow.model.rule import Rule

MOST_REVISED = 32
FEWEST_FOR_EACH = 16
"""Changes since an index was made, and entries for each of them: with more or fewer the index is made anew."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleVersion:
    """A rule as it is kept: the version's number in the store beside the rule itself."""

    id: int
    rule: Rule


Entry = tuple[Condition | None, RuleVersion]
"""What must hold on arrival, and the version that it holds for."""

Found = tuple[Sequence[RuleVersion], Sequence[tuple[RuleVersion, EvaluationError]]]


class Filing:
    """An index over entries in order of their rulebook; `find` answers in that order."""

    def __init__(self, made: Sequence[Entry], index: ConditionIndex[RuleVersion], entries: Sequence[Entry]) -> None:
        #: what the index was made of, which may differ from what counts now
        self._made = made
        self._index = index
        self._entries = entries
        self.find = index.find
        #: whether no version can be found twice
        self.distinct = len({id(version) for _, version in entries}) == len(entries)

    @classmethod
    def build(cls, entries: Sequence[Entry]) -> Filing:
        """With an index of its own."""
        return cls(entries, ConditionIndex.build(entries), entries)

    def revise(self, entries: Sequence[Entry]) -> Filing:
        """The filing of other entries, of which most are the same."""
        if len(entries) == len(self._entries) and all(map(is_, entries, self._entries)):
            return self
        here, there = {id(entry) for entry in entries}, {id(entry) for entry in self._made}
        kept = [entry for entry in self._made if id(entry) in here]
        added = [entry for entry in entries if id(entry) not in there]
        changes = len(self._made) - len(kept) + len(added)
        stay = [entry for entry in entries if id(entry) in there]
        many = changes > MOST_REVISED or changes * FEWEST_FOR_EACH > len(entries)
        if many or not all(map(is_, kept, stay)):
            return Filing.build(entries)
        revised = Filing(self._made, self._index, entries)
        gone = {version for _, version in self._made} - {version for _, version in kept}
        places = {version: place for place, (_, version) in enumerate(entries)}
        revised.find = Revision(self._index, gone, ConditionIndex.build(added), places).find
        return revised


@dataclass(frozen=True, slots=True)
class Revision:
    """What an index finds, without the versions that went, and with those that came."""

    index: ConditionIndex[RuleVersion]
    gone: set[RuleVersion]
    added: ConditionIndex[RuleVersion]
    places: Mapping[RuleVersion, int]

    def find(self, facts: Mapping[str, Json]) -> Found:
        """Hits and errors, in order of the rulebook."""
        hits, errors = self.index.find(facts)
        more, faults = self.added.find(facts)
        if hits:
            hits = [version for version in hits if version not in self.gone]
        if errors:
            errors = [error for error in errors if error[0] not in self.gone]
        if more:
            hits = sorted([*hits, *more], key=self.places.__getitem__) if hits else more
        if faults:
            errors = sorted([*errors, *faults], key=lambda error: self.places[error[0]])
        return hits, errors
