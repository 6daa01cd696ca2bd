"""Files to rules: every good rule and every problem of a set of files, whatever else is wrong in it.

Before it: `source` and `parts`; after it: the rulebook, the store (documents) and `autoflow validate` (problems).
A loader that is asked again builds only what differs from the last time; the outcome is that of a fresh one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from autoflow.errors import RulesError
from autoflow.matching.tree import resolve_shared
from autoflow.model.condition import Condition
from autoflow.model.event import DEFAULT_ACCOUNT
from autoflow.model.json import JsonObject
from autoflow.model.problem import Problem, Severity
from autoflow.model.rule import Provenance, Rule
from autoflow.rules import codes
from autoflow.rules.builder import RuleBuilder
from autoflow.rules.context import LoadContext
from autoflow.rules.findings import Finding, condition_finding
from autoflow.rules.parts import SHARED, TESTS, Contents, Part, account_of, take_apart
from autoflow.rules.source import FileText, file_problem, find_files, may_silence, parse_file, read_file, show_path
from autoflow.strict_yaml import Pointer

if TYPE_CHECKING:
    from autoflow.rules.provenance import GitProvenance

__all__ = [
    "LoadContext",
    "LoadResult",
    "Loader",
    "list_files",
    "load_directory",
    "load_document",
    "load_files",
    "load_text",
]

Shared = Mapping[str, Mapping[str, Condition]]
"""The shared conditions of each account."""


class LoadResult(NamedTuple):
    """The rules that can be used, all that was found, and the files that were read."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]
    files: tuple[str, ...]
    #: those of the files whose rules hold tests
    tested: tuple[str, ...] = ()
    #: the same files with what stands in them
    sources: tuple[FileText, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep a rule from being used."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Those that do not, without mere notes."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.WARNING)


def load_directory(root: Path, context: LoadContext, *, provenance: GitProvenance | None = None) -> LoadResult:
    """Every rule below a directory."""
    if not root.is_dir():
        return no_directory(root)
    return load_files(list(find_files(root)), context, root=root, provenance=provenance)


def no_directory(root: Path) -> LoadResult:
    """What loading a directory gives that is none."""
    problem = file_problem(show_path(root), codes.UNREADABLE, "this is not a directory")
    return LoadResult(rules=(), problems=(problem,), files=())


def load_files(
    paths: Sequence[Path], context: LoadContext, *, root: Path | None, provenance: GitProvenance | None = None
) -> LoadResult:
    """The rules of these files, and of the files below those that are directories, as one set."""
    return Loader().load([read_file(path, root) for path in list_files(paths)], context, provenance)


def list_files(paths: Sequence[Path]) -> list[Path]:
    """These files, and those below what are directories, each once."""
    files = [file for path in paths for file in (find_files(path) if path.is_dir() else (path,))]
    return list(dict.fromkeys(files))


def load_text(text: str, path: str, context: LoadContext) -> LoadResult:
    """The rules of one text, as if it were a file of that name."""
    return Loader().load([FileText(path=path, name=path, text=text)], context)


def load_document(document: JsonObject, context: LoadContext) -> Rule:
    """The rule of a canonical document, as the store keeps it. RulesError says what is wrong with it."""
    built = RuleBuilder(context, {}).build(document, {}, Provenance())
    if built.rule is None:
        said = "; ".join(item.message for item in built.findings.items if item.severity is Severity.ERROR)
        raise RulesError(f"the stored rule {document.get('id')!r} cannot be used: {said}")
    return built.rule


class _BuiltPart(NamedTuple):
    """What came of one part of a file."""

    rule: Rule | None
    #: (account, id); known even where the rule cannot be used
    key: tuple[str, str] | None
    line: int


class _BuiltFile(NamedTuple):
    """What came of one file, without the tree of its text, which is large."""

    file: FileText
    parts: tuple[_BuiltPart, ...]
    #: of the file as such; those of the whole set are told before those of the rules in it
    problems: tuple[Problem, ...]
    rule_problems: tuple[Problem, ...]
    #: where the file comes from, without a line
    origin: Provenance
    has_tests: bool


class Loader:
    """Makes rules of files; what it made of a file it keeps for the next time."""

    def __init__(self, on_file: Callable[[], None] = lambda: None) -> None:
        #: called with each file that was read, and again with each that was built
        self._on_file = on_file
        self._context: LoadContext | None = None
        self._conditions: Shared = {}
        self._built: dict[str, _BuiltFile] = {}
        #: files with shared conditions, which every load looks at
        self._sharing: dict[str, Contents] = {}

    def load(
        self, files: Sequence[FileText], context: LoadContext, provenance: GitProvenance | None = None
    ) -> LoadResult:
        """The rules of these files as one set."""
        kept = self._find_kept(files, context)
        contents = {}
        for file in files:
            self._on_file()
            if file.path not in kept:
                contents[file.path] = take_apart(parse_file(file))
        self._sharing = self._find_sharing(files, contents)
        problems: list[Problem] = []
        conditions = _resolve_shared(self._sharing.values(), problems)
        if conditions != self._conditions:
            kept = {}
        built = []
        for file in files:
            self._on_file()
            one = kept.get(file.path) or _build_file(contents.get(file.path) or _parse(file), conditions, context)
            built.append(_with_origin(one, provenance))
        self._context, self._conditions = context, conditions
        self._built = {one.file.path: one for one in built}
        return _join(built, problems)

    def _find_kept(self, files: Sequence[FileText], context: LoadContext) -> dict[str, _BuiltFile]:
        """What was made of the files that are as they were."""
        if context != self._context:
            return {}
        known = self._built
        return {file.path: known[file.path] for file in files if file.path in known and known[file.path].file == file}

    def _find_sharing(self, files: Sequence[FileText], contents: Mapping[str, Contents]) -> dict[str, Contents]:
        sharing = {}
        for file in files:
            found = contents.get(file.path) or self._sharing.get(file.path)
            if found is not None and found.shared:
                sharing[file.path] = found
        return sharing


def _parse(file: FileText) -> Contents:
    return take_apart(parse_file(file))


def _resolve_shared(sharing: Iterable[Contents], problems: list[Problem]) -> Shared:
    """The shared conditions of each account; two of one name are refused, and the first one counts."""
    owners: dict[str, dict[str, Part]] = {}
    for account, part in (pair for contents in sharing for pair in contents.shared):
        names = owners.setdefault(account, {})
        for name in part.value:
            if name in names:
                first = names[name]
                line = first.document.key_at((SHARED, name)).line
                message = f"the shared condition {name!r} stands already in {first.file.path}:{line}"
                finding = Finding(pointer=(name,), code=codes.SHARED_TWICE, message=message, on_key=True)
                problems.append(part.problem(finding))
            else:
                names[name] = part
    return {account: _resolve_account(names, problems) for account, names in owners.items()}


def _resolve_account(names: Mapping[str, Part], problems: list[Problem]) -> Mapping[str, Condition]:
    conditions, errors = resolve_shared({name: part.value[name] for name, part in names.items()})
    for name, error in errors:
        finding = condition_finding((name, *error.pointer), error)
        problems.append(names[name].problem(finding))
    return conditions


def _build_file(contents: Contents, conditions: Shared, context: LoadContext) -> _BuiltFile:
    file = contents.file
    broken = {problem.line for problem in file.problems if problem.severity is Severity.ERROR}
    parts, found = [], []
    for part in contents.rules:
        account = account_of({**part.defaults, **part.value})
        builder = RuleBuilder(context, conditions.get(account, {}))
        line = part.line
        built = builder.build(part.value, part.defaults, Provenance(path=file.name, line=line))
        problems = [part.problem(finding, built.id) for finding in built.findings.items]
        # What the YAML of that line led to has been said with its cause.
        found += [problem for problem in problems if problem.line not in broken and part.is_sure(problem)]
        key = None if built.id is None else (built.account, built.id)
        parts.append(_BuiltPart(rule=None if part.is_broken() else built.rule, key=key, line=line))
    return _BuiltFile(
        file=file.written,
        parts=tuple(parts),
        problems=_without_cuts(contents.problems, found),
        rule_problems=tuple(found),
        origin=Provenance(path=file.name),
        has_tests=_has_tests(contents),
    )


def _has_tests(contents: Contents) -> bool:
    values = [document.value for document in contents.file.documents] + [part.value for part in contents.rules]
    return any(isinstance(value, dict) and TESTS in value for value in values)


def _without_cuts(problems: Sequence[Problem], found: Sequence[Problem]) -> tuple[Problem, ...]:
    """An error takes the place of a warning about a cut text in its line: that was the first sight of it."""
    lines = {problem.line for problem in found if problem.severity is Severity.ERROR}
    return tuple(p for p in problems if p.code != codes.CUT_BY_COMMENT or p.line not in lines)


def _with_origin(built: _BuiltFile, provenance: GitProvenance | None) -> _BuiltFile:
    """The same, with what git knows of its file now."""
    if provenance is not None and provenance.is_known:
        origin = provenance.of(built.file.name, None)
    elif built.origin.dirty is None:
        return built
    else:
        origin = Provenance(path=built.file.name)
    if origin == built.origin:
        return built
    parts = tuple(
        part._replace(rule=part.rule and replace(part.rule, provenance=replace(origin, line=part.line)))
        for part in built.parts
    )
    return built._replace(parts=parts, origin=origin)


def _join(built: Sequence[_BuiltFile], shared: Sequence[Problem]) -> LoadResult:
    twins: list[Problem] = []
    twice = _refuse_twins(built, twins)
    found = [problem for one in built for problem in one.problems]
    found += [*shared, *(problem for one in built for problem in one.rule_problems), *twins]
    return LoadResult(
        rules=tuple(
            part.rule for one in built for part in one.parts if part.rule is not None and part.key not in twice
        ),
        problems=tuple(sorted(_without_silenced(found, built), key=lambda p: (p.path, p.line, p.column))),
        files=tuple(one.file.path for one in built),
        tested=tuple(one.file.path for one in built if one.has_tests),
        sources=tuple(one.file for one in built),
    )


def _without_silenced(found: Sequence[Problem], built: Sequence[_BuiltFile]) -> Sequence[Problem]:
    """What comments in the files do not silence; few files hold the words."""
    texts = {file.path: file.text for file, *_ in built if may_silence(file)}
    if not texts:
        return found
    from autoflow.rules.silencing import silence

    return silence(found, texts)


def _refuse_twins(built: Sequence[_BuiltFile], problems: list[Problem]) -> set[tuple[str, str]]:
    """Two rules of one name: neither can be used, for nobody knows which was meant."""
    keys = [part.key for one in built for part in one.parts if part.key is not None]
    if len(set(keys)) == len(keys):
        return set()
    first: dict[tuple[str, str], tuple[_BuiltFile, _BuiltPart]] = {}
    twice: set[tuple[str, str]] = set()
    for one in built:
        for index, part in enumerate(one.parts):
            if part.key is None:
                continue
            other, again = first.setdefault(part.key, (one, part))
            if again is not part:
                twice.add(part.key)
                problems.append(_refuse_twin(one, index, part.key, f"{other.file.path}:{again.line}"))
    return twice


def _refuse_twin(built: _BuiltFile, index: int, key: tuple[str, str], first: str) -> Problem:
    account, rule = key
    hint = "give one of them another id" + _account_hint(account)
    part = _parse(built.file).rules[index]
    pointer: Pointer = ("id",) if "id" in part.value else ()
    message = f"the rule {rule!r} stands already in {first}"
    return part.problem(Finding(pointer=pointer, code=codes.RULE_TWICE, message=message, hint=hint), rule)


def _account_hint(account: str) -> str:
    return "" if account == DEFAULT_ACCOUNT else f"; both are of the account {account!r}"
