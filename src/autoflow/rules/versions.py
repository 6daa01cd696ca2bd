"""Rule versions by their number: the ones that run, and older ones that waiting work still refers to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from autoflow.model.rule import Rule
from autoflow.rules.loader import LoadContext, load_document
from autoflow.rules.rulebook import RuleVersion
from autoflow.store.base import Reading, Store
from autoflow.store.versions import load_versions, waiting_versions


class VersionBook:
    """Finds rule versions in memory, else in the store, through the same loader as files."""

    def __init__(self, store: Store, context: LoadContext) -> None:
        self._store = store
        self._context = context
        self._known: dict[int, RuleVersion] = {}

    def use_context(self, context: LoadContext) -> None:
        """Check documents against these actions and notifiers from now on."""
        self._context = context

    def remember(self, versions: Sequence[RuleVersion]) -> None:
        """Keep the versions that run now at hand."""
        self._known.update({version.id: version for version in versions})

    async def get(self, version_id: int) -> RuleVersion:
        """One version. RulesError when its document can no longer be loaded."""
        if version_id not in self._known:
            self._known |= await self._store.read(lambda view: self._load(view, [version_id]))
        return self._known[version_id]

    async def load(self, ids: Iterable[int]) -> tuple[RuleVersion, ...]:
        """Several versions, in the order asked for."""
        wanted = tuple(ids)
        missing = [number for number in wanted if number not in self._known]
        if missing:
            self._known |= await self._store.read(lambda view: self._load(view, missing))
        return tuple(self._known[number] for number in wanted)

    async def waiting(self) -> tuple[Rule, ...]:
        """The rules, in the versions that something waits under."""
        ids = await self._store.read(waiting_versions)
        return tuple(version.rule for version in await self.load(ids))

    def _load(self, view: Reading, ids: Sequence[int]) -> dict[int, RuleVersion]:
        found = load_versions(view, ids)
        versions = {}
        for number, stored in found.items():
            rule = load_document(stored.document, self._context)
            versions[number] = RuleVersion(id=number, rule=replace(rule, provenance=stored.provenance))
        return versions
