"""Sets of rules to compare: what runs, what lies in the directory, what a revision held. Nothing is written anywhere.

A set is read first, as texts and documents, so that it can be handed to another process; then it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from autoflow.errors import RulesError, TemplateError, UsageError
from autoflow.reload import Sources
from autoflow.rules.loaded import Loaded, make_context
from autoflow.rules.loader import Loader, LoadResult, load_document, no_directory
from autoflow.rules.revision import Revision, find_revision, is_inside, read_rules, read_templates
from autoflow.rules.rule_files import RuleFiles
from autoflow.rules.source import FileText, show_path
from autoflow.security.egress import EgressGuard
from autoflow.settings import Settings
from autoflow.store.base import Reading
from autoflow.store.versions import StoredVersion, last_generation, load_versions
from autoflow.templates import TemplateLibrary

Templates = Mapping[str, str | TemplateError]
"""Template files by name: their texts, or why one cannot be read."""

WORKTREE = "worktree"
"""The word for what lies in the directory now."""


class Origin(StrEnum):
    """Where a set of rules was read."""

    #: the generation that runs, or ran last
    RUNNING = "running"
    #: the rules directory
    WORKTREE = "worktree"
    #: a commit
    REVISION = "revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSet:
    """Rules and templates as they were read."""

    origin: Origin
    #: for people: `generation 4`, `rules/`, `HEAD~1 (1a2b3c4d)`
    title: str
    commit: str | None = None
    generation: int | None = None
    #: None where there is no directory
    files: tuple[FileText, ...] | None = ()
    versions: tuple[StoredVersion, ...] = ()
    #: None where nobody knows which were in use
    templates: Templates | None = field(default_factory=dict)
    #: where the templates stand, for people
    templates_place: Path = Path("templates")


def read_running(view: Reading) -> ReadSet | None:
    """What runs, or ran last; None where nothing ever did. Which templates were in use is not in the store."""
    generation = last_generation(view)
    if generation is None:
        return None
    known = load_versions(view, generation.version_ids)
    versions = tuple(known[number] for number in generation.version_ids if number in known)
    return ReadSet(
        origin=Origin.RUNNING,
        title=f"generation {generation.id}",
        generation=generation.id,
        versions=versions,
        templates=None,
    )


def read_named(settings: Settings, name: str) -> ReadSet:
    """The set that a word of the command line means: `worktree`, or a revision."""
    return read_worktree(settings) if name == WORKTREE else read_revision(settings, name)


def read_worktree(settings: Settings) -> ReadSet:
    """What lies in the directory now."""
    root = settings.rules
    files = None
    if root.is_dir():
        reader = RuleFiles(root)
        reader.look()
        files = reader.texts
    return ReadSet(
        origin=Origin.WORKTREE,
        title=f"{show_path(root)}/",
        files=files,
        templates=TemplateLibrary.read(settings.templates),
        templates_place=settings.templates,
    )


def read_revision(settings: Settings, name: str) -> ReadSet:
    """What the rules and templates directories held in a commit. UsageError where that cannot be read."""
    revision = find_revision(settings.rules, name)
    if is_inside(revision, settings.templates):
        templates = read_templates(revision, settings.templates)
        place = Path(revision.show(_below_top(revision, settings.templates)))
    else:  # kept elsewhere: only how they are now is known
        templates, place = TemplateLibrary.read(settings.templates), settings.templates
    return ReadSet(
        origin=Origin.REVISION,
        title=revision.name if revision.commit.startswith(name) else f"{revision.name} ({revision.commit[:10]})",
        commit=revision.commit,
        files=read_rules(revision, settings.rules),
        templates=templates,
        templates_place=place,
    )


def sources_of(settings: Settings) -> Sources:
    """What rules are checked against, in a form that another process can be handed."""
    return Sources(
        rules=settings.rules,
        templates=settings.templates,
        notifiers={name: replace(one, options=dict(one.options)) for name, one in settings.notifiers.items()},
        egress=settings.egress,
    )


def load_set(read: ReadSet, sources: Sources, templates: Templates) -> Loaded:
    """The rules of a set, checked as a reload checks them; `templates` count where its own are not known.

    RulesError where a stored rule cannot be used any more; what is wrong in files is in the answer.
    """
    library = TemplateLibrary.make(templates if read.templates is None else read.templates, read.templates_place)
    guard = EgressGuard(sources.egress.allow, require_https=sources.egress.require_https)
    context = make_context(sources.notifiers, library, guard.check_written)
    if read.origin is Origin.RUNNING:
        rules = tuple(load_document(version.document, context) for version in read.versions)
        result = LoadResult(rules=rules, problems=(), files=())
    else:
        result = no_directory(sources.rules) if read.files is None else Loader().load(read.files, context)
    return Loaded(result=result, library=library, context=context)


def usable_set(read: ReadSet, sources: Sources, templates: Templates) -> Loaded:
    """The same, for who can do nothing with a set that has errors: RulesError names the first."""
    loaded = load_set(read, sources, templates)
    if loaded.errors:
        raise RulesError(
            f"the rules of {read.title} cannot be used: {loaded.errors[0]}",
            hint=f"{len(loaded.errors)} errors in all; a daemon would not take these rules either",
        )
    return loaded


def plain_templates(read: ReadSet) -> dict[str, str] | None:
    """The templates of a set that can be read; None where they are not known."""
    if read.templates is None:
        return None
    return {file: text for file, text in read.templates.items() if isinstance(text, str)}


def refuse_same(before: ReadSet, after: ReadSet) -> None:
    """UsageError where a set would be compared with itself."""
    if before.origin is Origin.WORKTREE is after.origin:
        raise UsageError("both sides are the directory as it is now", hint="name a revision, for example --from HEAD")


def _below_top(revision: Revision, root: Path) -> str:
    return root.resolve().relative_to(revision.top).as_posix()
