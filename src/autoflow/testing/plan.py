"""What would change if one set of rules followed another: rule by rule, in meaning, and what waiting work becomes.

Before it: two sets of rules, from the store, the directory or a revision. After it: `autoflow plan` shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from enum import StrEnum

from autoflow.model.json import JsonObject, canonical_json
from autoflow.model.rule import OnChange, Rule
from autoflow.rules.canonical import hash_document
from autoflow.rules.differences import Difference, diff_documents, diff_texts
from autoflow.rules.succession import Key, Successor, Touched, count_touched, find_leaving
from autoflow.store.base import Reading
from autoflow.store.versions import StoredVersion, last_generation
from autoflow.templates import template_name


class Change(StrEnum):
    """What happens to a rule."""

    #: it begins to run
    ADDED = "added"
    #: it means something else
    CHANGED = "changed"
    #: it runs no longer
    REMOVED = "removed"
    #: it means the same, and stands in another file
    MOVED = "moved"
    #: it means the same, and its name, description or labels differ
    REWORDED = "reworded"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRule:
    """A rule of one of the two sets."""

    account: str
    id: str
    hash: str
    document: JsonObject
    path: str | None
    line: int | None

    @property
    def key(self) -> Key:
        """What the rule is known by."""
        return self.account, self.id

    @classmethod
    def of(cls, rule: Rule) -> PlannedRule:
        """A rule that was loaded."""
        place = rule.provenance
        return cls(
            account=rule.account,
            id=rule.id,
            hash=rule.hash,
            document=rule.document,
            path=place.path,
            line=place.line,
        )

    @classmethod
    def of_version(cls, version: StoredVersion) -> PlannedRule:
        """A rule version that is kept in the store."""
        document, place = version.document, version.provenance
        return cls(
            account=document["account"],
            id=document["id"],
            hash=hash_document(document),
            document=document,
            path=place.path,
            line=place.line,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """One of the two sets."""

    rules: Mapping[Key, PlannedRule]
    #: by file name; None where nobody knows them
    templates: Mapping[str, str] | None

    @classmethod
    def of(cls, rules: Iterable[PlannedRule], templates: Mapping[str, str] | None) -> RuleSet:
        """The set of these rules."""
        return cls(rules={rule.key: rule for rule in rules}, templates=templates)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What happens to one rule."""

    change: Change
    before: PlannedRule | None
    after: PlannedRule | None
    differences: tuple[Difference, ...] = ()
    #: None where nothing is known of what waits
    touched: Touched | None = None
    #: the removed rule of the same meaning that it takes the place of
    renamed_from: str | None = None

    @property
    def rule(self) -> PlannedRule:
        """The newer of both, where there are two."""
        rule = self.after or self.before
        assert rule is not None  # noqa: S101 - one of both is always there
        return rule

    @property
    def is_moved(self) -> bool:
        """Whether it stands in another file than before."""
        before, after = self.before, self.after
        return before is not None and after is not None and before.path != after.path


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateChange:
    """What happens to one template file."""

    file: str
    change: Change
    #: the lines that differ, with - or + before each
    lines: tuple[str, ...]
    #: the rules that send it from then on, or did until then
    rules: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionChange:
    """A named condition that differs in the same way in every rule that uses it."""

    account: str
    name: str
    differences: tuple[Difference, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that would change."""

    rules: tuple[RuleChange, ...]
    templates: tuple[TemplateChange, ...] = ()
    conditions: tuple[ConditionChange, ...] = ()
    unchanged: int = 0
    #: why templates were not compared
    note: str | None = field(default=None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not self.rules and not self.templates

    def count(self, change: Change) -> int:
        """How many rules this happens to."""
        return sum(1 for one in self.rules if one.change is change)


def read_touched(view: Reading, following: RuleSet) -> dict[Key, Touched]:
    """How much of what waits and runs a reload to these rules would touch, decided as the reload does."""
    previous = last_generation(view)
    if previous is None:
        return {}
    keys = canonical_json([[*rule.key, rule.hash] for rule in following.rules.values()])
    numbers = {(row["account"], row["rule_id"]): row["id"] for row in view.rows("versions_by_hashes", keys=keys)}
    successors = {
        key: Successor(numbers.get(key), OnChange(rule.document.get("on_change", OnChange.FINISH_OLD)))
        for key, rule in following.rules.items()
    }
    return {leaving.key: count_touched(view, leaving) for leaving in find_leaving(view, previous, successors)}


def make_plan(before: RuleSet, after: RuleSet, touched: Mapping[Key, Touched] | None) -> Plan:
    """What changes from one set to the other."""
    keys = sorted(before.rules.keys() | after.rules.keys())
    found = [_compare(before.rules.get(key), after.rules.get(key)) for key in keys]
    renamed = _find_renamed(found)
    changes = tuple(
        RuleChange(
            change=one.change,
            before=one.before,
            after=one.after,
            differences=one.differences,
            touched=None if touched is None else touched.get(one.rule.key),
            renamed_from=renamed.get(one.rule.key),
        )
        for one in found
        if one is not None
    )
    return Plan(
        rules=changes,
        templates=tuple(_compare_templates(before, after)),
        conditions=_find_conditions(changes),
        unchanged=sum(1 for one in found if one is None),
    )


def _compare(before: PlannedRule | None, after: PlannedRule | None) -> RuleChange | None:
    if before is None or after is None:
        change = Change.ADDED if before is None else Change.REMOVED
        return RuleChange(change=change, before=before, after=after)
    texts = diff_texts(before.document, after.document)
    if before.hash != after.hash:
        differences = (*diff_documents(before.document, after.document), *texts)
        return RuleChange(change=Change.CHANGED, before=before, after=after, differences=differences)
    if texts:
        return RuleChange(change=Change.REWORDED, before=before, after=after, differences=texts)
    if before.path != after.path:
        return RuleChange(change=Change.MOVED, before=before, after=after)
    return None


def _find_renamed(found: Iterable[RuleChange | None]) -> dict[Key, str]:
    """Which added rule means what a removed one did: a new id is a new rule, and a person wants to see why."""
    gone: dict[tuple[str, str], str] = {}
    added: list[PlannedRule] = []
    for one in found:
        if one is not None and one.change is Change.REMOVED:
            gone.setdefault((one.rule.account, _meaning_of(one.rule)), one.rule.id)
        elif one is not None and one.change is Change.ADDED:
            added.append(one.rule)
    names = {rule.key: gone.get((rule.account, _meaning_of(rule))) for rule in added} if gone else {}
    return {key: name for key, name in names.items() if name is not None}


def _meaning_of(rule: PlannedRule) -> str:
    return hash_document({**rule.document, "id": ""})


def _compare_templates(before: RuleSet, after: RuleSet) -> Iterable[TemplateChange]:
    if before.templates is None or after.templates is None:
        return
    users = _find_users(before.rules.values()), _find_users(after.rules.values())
    for file in sorted(before.templates.keys() | after.templates.keys()):
        old, new = before.templates.get(file), after.templates.get(file)
        if old == new:
            continue
        change = Change.ADDED if old is None else Change.REMOVED if new is None else Change.CHANGED
        name = template_name(file)
        rules = (users[1] if new is not None else users[0]).get(name, ())
        yield TemplateChange(file=file, change=change, lines=_diff_lines(old or "", new or ""), rules=tuple(rules))


def _find_users(rules: Iterable[PlannedRule]) -> dict[str, list[Key]]:
    """The rules that send each template."""
    users: dict[str, list[Key]] = {}
    for rule in rules:
        names = {
            params["template"]
            for step in rule.document["actions"]
            for params in step.values()
            if isinstance(params, Mapping) and isinstance(params.get("template"), str)
        }
        for name in names:
            users.setdefault(name, []).append(rule.key)
    return users


def _diff_lines(before: str, after: str) -> tuple[str, ...]:
    _, _, *lines = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return tuple(line for line in lines if not line.startswith("@@"))


def _find_conditions(changes: Iterable[RuleChange]) -> tuple[ConditionChange, ...]:
    """Named conditions that differ in several rules alike, as a shared one does."""
    found: dict[tuple[str, str, str], tuple[tuple[Difference, ...], list[str]]] = {}
    for change in changes:
        inside: dict[str, list[Difference]] = {}
        for difference in change.differences:
            if difference.condition is not None:
                inside.setdefault(difference.condition, []).append(difference)
        for name, differences in inside.items():
            words = canonical_json([[_word(one.before), _word(one.after)] for one in differences])
            key = (change.rule.account, name, words)
            found.setdefault(key, (tuple(differences), []))[1].append(change.rule.id)
    return tuple(
        ConditionChange(account=account, name=name, differences=differences, rules=tuple(rules))
        for (account, name, _), (differences, rules) in sorted(found.items(), key=lambda item: item[0])
    )


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
