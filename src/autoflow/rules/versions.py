"""Rule versions by their number: the ones that run, and older ones that waiting work still refers to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from autoflow.errors import RulesError
from autoflow.model.json import JsonObject
from autoflow.model.rule import Rule
from autoflow.observe.log import get_log
from autoflow.rules.loader import LoadContext, load_document
from autoflow.rules.rulebook import RuleVersion
from autoflow.store.base import Reading, Store
from autoflow.store.versions import StoredVersion, load_versions, waiting_versions

log = get_log("autoflow.rules")

MOST_OLDER = 256
"""Versions that are kept at hand beside those that run: work of others is read from the store again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutline:
    """What can be said about a step of a version that may not be usable any more."""

    rule_name: str
    path: str
    type: str = "unknown"
    #: as written
    params: JsonObject = field(default_factory=dict)


class VersionBook:
    """Finds rule versions in memory, else in the store, through the same loader as files."""

    def __init__(self, store: Store, context: LoadContext) -> None:
        self._store = store
        self._context = context
        self._running: dict[int, RuleVersion] = {}
        self._older: dict[int, RuleVersion] = {}

    def __len__(self) -> int:
        """How many versions are at hand."""
        return len(self._running) + len(self._older)

    def use_context(self, context: LoadContext) -> LoadContext:
        """Check documents against these actions and notifiers from now on; what they were checked against before."""
        before, self._context = self._context, context
        return before

    def remember(self, versions: Sequence[RuleVersion]) -> None:
        """Keep the versions that run now at hand, in place of those that did."""
        before, self._running = self._running, {version.id: version for version in versions}
        self._keep(version for number, version in before.items() if number not in self._running)

    def find(self, version_id: int) -> RuleVersion | None:
        """One version, if it is at hand."""
        return self._running.get(version_id) or self._older.get(version_id)

    async def get(self, version_id: int) -> RuleVersion:
        """One version. RulesError when its document can no longer be loaded."""
        known = self.find(version_id)
        if known is not None:
            return known
        [version] = await self.load([version_id])
        return version

    async def load(self, ids: Iterable[int]) -> tuple[RuleVersion, ...]:
        """Several versions, in the order asked for. RulesError when a document can no longer be loaded."""
        wanted = tuple(ids)
        found = await self._find(wanted)
        return tuple(_usable(found[number]) for number in wanted)

    async def waiting(self) -> tuple[Rule, ...]:
        """The rules, in the versions that something waits under, without those that can no longer be loaded."""
        found = await self._find(await self._store.read(waiting_versions))
        rules = []
        for number, version in found.items():
            if isinstance(version, RulesError):
                # Its work ends as a dead letter when it is due. It must not keep any rule from running.
                log.error("rules.version_unusable", version=number, error=str(version))
            else:
                rules.append(version.rule)
        return tuple(rules)

    async def outline(self, version_id: int, step: int) -> StepOutline:
        """What a version's document says about a step, whether or not it can be loaded."""

        def look(view: Reading) -> StoredVersion | None:
            return load_versions(view, [version_id]).get(version_id)

        stored = await self._store.read(look)
        path = str(step + 1)
        if stored is None:
            return StepOutline(rule_name="", path=path)
        name = str(stored.document.get("name") or stored.document.get("id"))
        try:
            written = stored.document["actions"][step]
            kind = next(key for key in written if key not in ("id", "retry"))
            return StepOutline(rule_name=name, path=path, type=kind, params=dict(written[kind]))
        except (LookupError, TypeError, ValueError, StopIteration):
            return StepOutline(rule_name=name, path=path)

    async def _find(self, ids: Iterable[int]) -> dict[int, RuleVersion | RulesError]:
        found: dict[int, RuleVersion | RulesError] = {}
        missing = []
        for number in ids:
            known = self.find(number)
            if known is None:
                missing.append(number)
            else:
                found[number] = known
        if missing:
            loaded = await self._store.read(lambda view: self._load(view, missing))
            self._keep(version for version in loaded.values() if isinstance(version, RuleVersion))
            found |= loaded
        return found

    def _load(self, view: Reading, ids: Sequence[int]) -> dict[int, RuleVersion | RulesError]:
        stored = load_versions(view, ids)
        return {number: self._make(number, stored.get(number)) for number in ids}

    def _make(self, number: int, stored: StoredVersion | None) -> RuleVersion | RulesError:
        if stored is None:
            return RulesError(f"rule version {number} is not in the store")
        try:
            rule = load_document(stored.document, self._context)
        except RulesError as error:
            return error
        return RuleVersion(id=number, rule=replace(rule, provenance=stored.provenance))

    def _keep(self, versions: Iterable[RuleVersion]) -> None:
        """Keep versions at hand; those that were read first go first."""
        self._older.update({version.id: version for version in versions})
        for number in tuple(self._older)[: max(0, len(self._older) - MOST_OLDER)]:
            del self._older[number]


def _usable(version: RuleVersion | RulesError) -> RuleVersion:
    if isinstance(version, RulesError):
        raise version
    return version
