"""Puts the files' rules in force, at start and after every change; a bad set leaves the last good one running.

Before it: the watcher. After it: the engine. The last good set is in the store, so that a start over bad files
runs it too.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from autoflow import failpoints
from autoflow.engine import Engine
from autoflow.errors import RulesError
from autoflow.failpoints import Failpoint
from autoflow.model.notifier import Notifier
from autoflow.model.problem import Problem
from autoflow.model.rule import Enabled
from autoflow.observe.health import Finding, State
from autoflow.observe.log import get_log
from autoflow.rules.loaded import Loaded, make_context
from autoflow.rules.loader import Loader, no_directory
from autoflow.rules.provenance import GitProvenance
from autoflow.rules.rule_files import RuleFiles
from autoflow.rules.versions import VersionBook
from autoflow.runs.executor import Executor
from autoflow.security.egress import EgressGuard
from autoflow.settings import EgressSettings
from autoflow.store.base import Store
from autoflow.store.versions import last_generation
from autoflow.templates import TemplateLibrary

log = get_log("autoflow.rules")

LAST_GOOD = "the new rules are not in force; the last good ones run on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where rules and templates stand, and what they may name."""

    rules: Path
    templates: Path
    notifiers: Mapping[str, Notifier]
    #: the targets inside that rules may name
    egress: EgressSettings = field(default_factory=EgressSettings)


class Files:
    """Rules and templates as they lie on disk. What did not change since the last load is not made again."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        egress = sources.egress
        self._guard = EgressGuard(egress.allow, require_https=egress.require_https)
        self._rules = RuleFiles(sources.rules)
        self._loader = Loader()
        self._provenance: GitProvenance | None = None
        self._library = TemplateLibrary()
        self._digest = ""
        self._library_digest = ""

    def look(self) -> bool:
        """Look at every file; whether anything is not as it was at the last look."""
        before, self._digest = self._digest, _digest_of(self._sources.templates)
        return self._rules.look() or self._digest != before

    def load(self) -> Loaded:
        """The set as the last look found it; nothing is raised for what is written wrongly."""
        if self._digest != self._library_digest:
            self._library = TemplateLibrary.load(self._sources.templates)
            self._library_digest = self._digest
        context = make_context(self._sources.notifiers, self._library, self._guard.check_written)
        root = self._sources.rules
        if root.is_dir():
            self._provenance = GitProvenance(root, self._provenance)
            result = self._loader.load(self._rules.texts, context, self._provenance)
        else:
            result = no_directory(root)
        return Loaded(result=result, library=self._library, context=context)


def load_sources(sources: Sources) -> Loaded:
    """Read rules and templates once."""
    files = Files(sources)
    files.look()
    return files.load()


class Reloader:
    """Keeps the engine at the newest set of files that can be used."""

    def __init__(
        self,
        sources: Sources,
        *,
        engine: Engine,
        executor: Executor,
        versions: VersionBook,
        store: Store,
        tell: Callable[[tuple[Problem, ...], str | None], None],
    ) -> None:
        self._sources = sources
        self._files = Files(sources)
        self._engine = engine
        self._executor = executor
        self._versions = versions
        self._store = store
        self._tell = tell
        #: whether what was read last could not be put in force, through no fault of the files
        self._again = False
        self._failure: str | None = None
        #: a set that was read earlier must not come in force after one that was read later
        self._reloading = asyncio.Lock()

    async def start(self) -> None:
        """Load for the first time. RulesError where the files are bad and there never was a good set."""
        loaded = await asyncio.to_thread(self._read)
        if not loaded.errors:
            await self._use(loaded)
            return
        generation = await self._store.read(last_generation)
        self._refuse(loaded, then=LAST_GOOD if generation else None)
        if generation is None:
            raise RulesError(
                f"the rules in {self._sources.rules} cannot be used: {loaded.errors[0]}",
                hint="correct them (see `autoflow validate`) and start again",
            )
        self._versions.use_context(loaded.context)
        self._set_actions(loaded.library)
        known = await self._versions.load(generation.version_ids)
        await self._engine.install([version.rule for version in known], self._versions)
        log.warning("rules.last_good", generation=generation.id, rules=len(known))

    async def reload(self) -> bool:
        """Read everything again; whether a new set is in force. Nothing happens where no content changed."""
        async with self._reloading:
            try:
                if not await asyncio.to_thread(self._files.look) and not self._again:
                    return False
                self._again = False
                loaded = await asyncio.to_thread(self._files.load)
                if loaded.errors:
                    self._refuse(loaded, then=LAST_GOOD)
                    return False
                await self._use(loaded)
            except BaseException as error:
                # It is not in force: the same files are loaded again at the next look.
                self._again = True
                self._failure = f"{type(error).__name__}: {error}"
                raise
            return True

    def check(self) -> Finding:
        """For health: degraded while the files cannot be used."""
        if self._failure is None:
            return Finding()
        return Finding(state=State.DEGRADED, detail=f"the last good rules run on: {self._failure}")

    def _read(self) -> Loaded:
        self._files.look()
        return self._files.load()

    async def _use(self, loaded: Loaded) -> None:
        before = self._versions.use_context(loaded.context), self._executor.actions.library
        self._set_actions(loaded.library)
        try:
            if failpoints.armed:
                await failpoints.reach_in_turn(Failpoint.BEFORE_SWAP)
            rulebook = await self._engine.install(loaded.result.rules, self._versions)
        except BaseException:
            # The rules that run on were checked against what was there before.
            self._versions.use_context(before[0])
            self._set_actions(before[1])
            raise
        if failpoints.armed:
            await failpoints.reach_in_turn(Failpoint.AFTER_SWAP)
        self._failure = None
        disabled = sum(1 for version in rulebook.versions if version.rule.enabled is Enabled.OFF)
        active = len(rulebook.versions) - disabled
        self._engine.metrics.rules_loaded(active=active, disabled=disabled)
        log.info("rules.loaded", generation=rulebook.generation, rules=active, disabled=disabled)
        self._tell(loaded.problems, None)

    def _refuse(self, loaded: Loaded, *, then: str | None) -> None:
        """Say what is wrong, and `then` what runs in its place."""
        first = loaded.errors[0]
        more = f" (and {len(loaded.errors) - 1} more)" if len(loaded.errors) > 1 else ""
        self._failure = f"{first}{more}"
        self._engine.metrics.rules_refused()
        for problem in loaded.errors:
            log.error(
                "rules.refused", path=problem.path, line=problem.line, column=problem.column, code=problem.code,
                error=problem.message,
            )  # fmt: skip
        self._tell(loaded.problems, then)

    def _set_actions(self, library: TemplateLibrary) -> None:
        self._executor.actions = replace(self._executor.actions, library=library)


def _digest_of(directory: Path) -> str:
    """Of the names and contents of all files below a directory."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except OSError as error:  # it went away, or cannot be read: the library says which
            content = str(error).encode()
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
