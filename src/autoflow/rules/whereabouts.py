"""Where the comparisons and actions of rules stand in their files, for reports that name places.

Rules themselves forget it: the files are read again, where somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.actions.types import ActionType
from autoflow.matching.spots import Spot, spots_in
from autoflow.model.event import DEFAULT_ACCOUNT
from autoflow.model.json import Json
from autoflow.model.rule import Rule
from autoflow.rules.context import LoadContext
from autoflow.rules.findings import Findings
from autoflow.rules.loader import Loader
from autoflow.rules.parts import Contents, Part, account_of, take_apart
from autoflow.rules.placing import place_within
from autoflow.rules.source import FileText, find_files, parse_file, read_file
from autoflow.rules.spellings import respell_rule
from autoflow.strict_yaml import Place, Pointer

Key = tuple[str, str]
"""A rule's account and id."""


class Whereabouts(NamedTuple):
    """Where one thing stands."""

    path: str
    place: Place
    #: the shared comparison that stands here, which several rules may have: its account, condition and spot
    shared: tuple[str, Spot] | None = None


class RulePlaces(NamedTuple):
    """Where the parts of one rule stand, each kind in the rule's own order."""

    rule: Whereabouts
    leaves: tuple[Whereabouts, ...]
    actions: tuple[Whereabouts, ...]


def locate_rules(
    files: Sequence[FileText], rules: Iterable[Rule], types: Mapping[str, ActionType]
) -> dict[Key, RulePlaces]:
    """The places of these rules, which were loaded from these files."""
    wanted = {rule.key for rule in rules}
    contents = [take_apart(parse_file(file)) for file in files]
    locator = _Locator(contents, types)
    found = (locator.locate(part, wanted) for one in contents for part in one.rules)
    return dict(pair for pair in found if pair is not None)


class _Locator:
    """Finds the places of rules whose shared conditions may stand in any of the files."""

    def __init__(self, contents: Sequence[Contents], types: Mapping[str, ActionType]) -> None:
        self._types = types
        self._shared: dict[str, dict[str, Part]] = {}
        for account, part in (pair for one in contents for pair in one.shared):
            names = self._shared.setdefault(account, {})
            for name in part.value:
                names.setdefault(name, part)

    def locate(self, part: Part, wanted: Set[Key]) -> tuple[Key, RulePlaces] | None:
        """A rule's key and places, where it is wanted: others may be no rules at all."""
        findings = Findings()
        written = respell_rule(part.value, self._types, findings)
        rule = {**part.defaults, **written}
        account, rule_id = rule.get("account", DEFAULT_ACCOUNT), rule.get("id")
        if not (isinstance(account, str) and isinstance(rule_id, str)) or (account, rule_id) not in wanted:
            return None
        places = RulePlaces(
            rule=_place(part, ()),
            leaves=tuple(
                found for at, when in _conditions_in(rule) for found in self._leaves(part, findings, at, when)
            ),
            actions=tuple(
                _place(part, findings.origin_of(("actions", index))) for index in range(len(rule["actions"]))
            ),
        )
        return (account, rule_id), places

    def _leaves(self, part: Part, findings: Findings, at: Pointer, when: Json) -> Iterator[Whereabouts]:
        account = account_of({**part.defaults, **part.value})
        names = self._shared.get(account, {})
        documents = {name: owner.value[name] for name, owner in names.items()}
        for spot in spots_in(when, documents):
            if spot.shared is None:
                yield _place(part, findings.origin_of((*at, *spot.pointer)), spot)
            else:
                found = _place(names[spot.shared], (spot.shared, *spot.pointer), spot)
                yield found._replace(shared=(account, spot))


def _conditions_in(rule: Mapping[str, Json]) -> Iterator[tuple[Pointer, Json]]:
    """The conditions of a rule's document, in the order of `trees_of`."""
    for key in ("trigger", "cancel_on"):
        for index, pattern in enumerate(rule.get(key, ())):
            if pattern.get("when", True) is not True:
                yield (key, index, "when"), pattern["when"]
    if rule.get("when", True) is not True:
        yield ("when",), rule["when"]


def _place(part: Part, pointer: Pointer, spot: Spot | None = None) -> Whereabouts:
    column, width = (spot.column, spot.width) if spot is not None else (None, 1)
    place = place_within(part.file, part.document, (*part.pointer, *pointer), column, width)
    return Whereabouts(path=part.file.path, place=place)


def locate_versions(root: Path, versions: Mapping[Key, str]) -> dict[Key, RulePlaces]:
    """The places of rules below a directory, of those whose hash is still the one given."""
    files = [read_file(path, root) for path in find_files(root)]
    loaded = Loader().load(files, LoadContext(action_types=ACTION_TYPES, notifiers={}))
    same = [rule for rule in loaded.rules if versions.get(rule.key) == rule.hash]
    return locate_rules(files, same, ACTION_TYPES)
