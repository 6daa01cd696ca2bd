"""Files to rules: every good rule and every problem of a set of files, whatever else is wrong in it.

Before it: `source` and `builder`; after it: the rulebook, the store (documents) and `autoflow validate` (problems).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autoflow.errors import RulesError
from autoflow.matching.tree import resolve_shared
from autoflow.model.condition import Condition
from autoflow.model.event import DEFAULT_ACCOUNT
from autoflow.model.json import Json, JsonObject
from autoflow.model.problem import Problem, Severity
from autoflow.model.rule import Provenance, Rule
from autoflow.rules import codes
from autoflow.rules.builder import Built, RuleBuilder
from autoflow.rules.context import LoadContext
from autoflow.rules.findings import Finding, near_match
from autoflow.rules.schema import shape_of
from autoflow.rules.source import SourceFile, file_problem, find_files, place_finding, read_file, read_text, show_path
from autoflow.rules.spellings import RULE_SPELLINGS, make_id
from autoflow.strict_yaml import Pointer, YamlDocument

if TYPE_CHECKING:
    from autoflow.rules.provenance import GitProvenance

__all__ = ["LoadContext", "LoadResult", "load_directory", "load_document", "load_files", "load_text"]

SHARED = "shared_conditions"
_FILE_KEYS = ("rules", SHARED, "account")
_ACCOUNT_KEYS = ("account", *(key for key, name in RULE_SPELLINGS.items() if name == "account"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """The rules that can be used, all that was found, and the files that were read."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]
    files: tuple[str, ...]

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
        problem = file_problem(show_path(root), codes.UNREADABLE, "this is not a directory")
        return LoadResult(rules=(), problems=(problem,), files=())
    return load_files(list(find_files(root)), context, root=root, provenance=provenance)


def load_files(
    paths: Sequence[Path], context: LoadContext, *, root: Path | None, provenance: GitProvenance | None = None
) -> LoadResult:
    """The rules of these files, and of the files below those that are directories, as one set."""
    files = [file for path in paths for file in (find_files(path) if path.is_dir() else (path,))]
    sources = [read_file(path, root) for path in dict.fromkeys(files)]
    return _Loading(context=context, provenance=provenance).load(sources)


def load_text(text: str, path: str, context: LoadContext) -> LoadResult:
    """The rules of one text, as if it were a file of that name."""
    return _Loading(context=context).load([read_text(text, path)])


def load_document(document: JsonObject, context: LoadContext) -> Rule:
    """The rule of a canonical document, as the store keeps it. RulesError says what is wrong with it."""
    built = RuleBuilder(context, {}).build(document, {}, Provenance())
    if built.rule is None:
        said = "; ".join(item.message for item in built.findings.items if item.severity is Severity.ERROR)
        raise RulesError(f"the stored rule {document.get('id')!r} cannot be used: {said}")
    return built.rule


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A part of a file that holds one rule or the shared conditions of an account."""

    file: SourceFile
    document: YamlDocument
    pointer: Pointer
    value: JsonObject
    #: for keys that it does not have itself
    defaults: JsonObject = field(default_factory=dict)

    def problem(self, finding: Finding, rule: str | None = None) -> Problem:
        return place_finding(finding, self.file, self.document, self.pointer, rule)

    @property
    def line(self) -> int:
        return self.document.value_at(self.pointer).line

    def covers(self, line: int) -> bool:
        """Whether a line of the file belongs to it."""
        place = self.document.value_at(self.pointer)
        last = place.end_line if place.end_column > 1 else place.end_line - 1
        return place.line <= line <= last

    def is_broken(self) -> bool:
        """Whether the text of it has an error."""
        errors = [p for p in self.document.problems if p.severity is Severity.ERROR]
        return any(not self.pointer or self.covers(problem.line) for problem in errors)


@dataclass(slots=True, kw_only=True)
class _Loading:
    """One load: parts of files, shared conditions by account, then rules."""

    context: LoadContext
    provenance: GitProvenance | None = None
    problems: list[Problem] = field(default_factory=list)
    rules: list[_Part] = field(default_factory=list)
    shared: list[tuple[str, _Part]] = field(default_factory=list)

    def load(self, files: Sequence[SourceFile]) -> LoadResult:
        for file in files:
            self._take_file(file)
        conditions = self._resolve_shared()
        built = [(part, self._build(part, conditions)) for part in self.rules]
        twice = self._refuse_twins(built)
        rules = tuple(b.rule for _, b in built if b.rule is not None and (b.account, b.id) not in twice)
        return LoadResult(
            rules=rules,
            problems=tuple(sorted(self.problems, key=lambda p: (p.path, p.line, p.column))),
            files=tuple(file.path for file in files),
        )

    def _take_file(self, file: SourceFile) -> None:
        self.problems += file.problems
        parts = [part for document in file.documents for part in self._take_document(file, document)]
        if len(parts) == 1:
            parts = [_with_defaults(parts[0], {"id": make_id(Path(file.name).stem)})]
        self.rules += parts
        said = any(problem.path == file.path for problem in self.problems)
        if not parts and not said and not any(part.file is file for _, part in self.shared):
            hint = "a rule has a trigger and actions"
            self.problems.append(
                file_problem(file.path, codes.NOTHING_INSIDE, "no rule in this file", hint, Severity.WARNING)
            )

    def _take_document(self, file: SourceFile, document: YamlDocument) -> Iterator[_Part]:
        value = document.value
        if value is None:
            return
        if not isinstance(value, dict):
            hint = "write rules: and the list below it" if isinstance(value, list) else "write key: value"
            message = f"a rule is a map, not {shape_of(value)}"
            whole = _Part(file=file, document=document, pointer=(), value={})
            self.problems.append(
                whole.problem(Finding(pointer=(), code=codes.NOT_A_RULE, message=message, hint=hint))
            )
            return
        whole = _Part(file=file, document=document, pointer=(), value=value)
        self._take_shared(whole)
        if "rules" in value:
            yield from self._take_list(whole)
        elif set(value) - {SHARED, *_ACCOUNT_KEYS}:
            rule = {key: item for key, item in value.items() if key != SHARED}
            yield _Part(file=file, document=document, pointer=(), value=rule)

    def _take_shared(self, whole: _Part) -> None:
        shared = whole.value.get(SHARED)
        if isinstance(shared, dict):
            part = _Part(file=whole.file, document=whole.document, pointer=(SHARED,), value=shared)
            self.shared.append((_account_of(whole.value), part))
        elif SHARED in whole.value:
            message = f"{SHARED} must be a map of names to conditions, not {shape_of(shared)}"
            finding = Finding(pointer=(SHARED,), code=codes.WRONG_SHAPE, message=message)
            self.problems.append(whole.problem(finding))

    def _take_list(self, whole: _Part) -> Iterator[_Part]:
        rules = whole.value["rules"]
        for key in whole.value:
            if key not in _FILE_KEYS:
                hint = near_match(key, _FILE_KEYS) or f"beside rules stand only {SHARED} and account"
                message = f"unknown key {key!r} beside rules"
                finding = Finding(pointer=(key,), code=codes.UNKNOWN_KEY, message=message, hint=hint, on_key=True)
                self.problems.append(whole.problem(finding))
        defaults = {"account": whole.value["account"]} if "account" in whole.value else {}
        for index, rule in enumerate(rules if isinstance(rules, list) else [rules]):
            pointer: Pointer = ("rules", index) if isinstance(rules, list) else ("rules",)
            if isinstance(rules, list) and isinstance(rule, dict):
                yield _Part(file=whole.file, document=whole.document, pointer=pointer, value=rule, defaults=defaults)
                continue
            message = "a rule is a map" if isinstance(rules, list) else "rules is a list"
            hint = "begin each rule with '-'"
            finding = Finding(
                pointer=pointer, code=codes.NOT_A_RULE, message=f"{message}, not {shape_of(rule)}", hint=hint
            )
            self.problems.append(whole.problem(finding))

    def _resolve_shared(self) -> Mapping[str, Mapping[str, Condition]]:
        """The shared conditions of each account; two of one name are refused, and the first one counts."""
        owners: dict[str, dict[str, _Part]] = {}
        for account, part in self.shared:
            names = owners.setdefault(account, {})
            for name in part.value:
                if name in names:
                    first = names[name]
                    line = first.document.key_at((SHARED, name)).line
                    message = f"the shared condition {name!r} stands already in {first.file.path}:{line}"
                    finding = Finding(pointer=(name,), code=codes.SHARED_TWICE, message=message, on_key=True)
                    self.problems.append(part.problem(finding))
                else:
                    names[name] = part
        return {account: self._resolve_account(names) for account, names in owners.items()}

    def _resolve_account(self, names: Mapping[str, _Part]) -> Mapping[str, Condition]:
        conditions, errors = resolve_shared({name: part.value[name] for name, part in names.items()})
        for name, error in errors:
            finding = Finding(
                pointer=(name, *error.pointer),
                code=error.code,
                message=error.message,
                hint=error.hint,
                column=error.column,
                width=error.width,
            )
            self.problems.append(names[name].problem(finding))
        return conditions

    def _build(self, part: _Part, conditions: Mapping[str, Mapping[str, Condition]]) -> Built:
        account = _account_of({**part.defaults, **part.value})
        builder = RuleBuilder(self.context, conditions.get(account, {}))
        built = builder.build(part.value, part.defaults, self._provenance_of(part))
        broken = {problem.line for problem in part.file.problems if problem.severity is Severity.ERROR}
        for finding in built.findings.items:
            problem = part.problem(finding, built.id)
            # What the YAML of that line led to has been said with its cause.
            if problem.line not in broken:
                self._note(problem)
        if part.is_broken():
            return Built(rule=None, findings=built.findings, id=built.id, account=built.account)
        return built

    def _note(self, problem: Problem) -> None:
        """An error takes the place of a warning about a cut text in its line: that was the first sight of it."""
        if problem.severity is Severity.ERROR:
            self.problems = [
                other
                for other in self.problems
                if other.code != codes.CUT_BY_COMMENT or (other.path, other.line) != (problem.path, problem.line)
            ]
        self.problems.append(problem)

    def _provenance_of(self, part: _Part) -> Provenance:
        if self.provenance is None:
            return Provenance(path=part.file.name, line=part.line)
        return self.provenance.of(part.file.name, part.line)

    def _refuse_twins(self, built: Sequence[tuple[_Part, Built]]) -> set[tuple[str, str | None]]:
        """Two rules of one name: neither can be used, for nobody knows which was meant."""
        first: dict[tuple[str, str], _Part] = {}
        twice: set[tuple[str, str | None]] = set()
        for part, one in built:
            if one.id is None:
                continue
            key = (one.account, one.id)
            if key not in first:
                first[key] = part
                continue
            twice.add(key)
            other = first[key]
            message = f"the rule {one.id!r} stands already in {other.file.path}:{other.line}"
            hint = "give one of them another id" + _account_hint(one.account)
            pointer: Pointer = ("id",) if "id" in part.value else ()
            finding = Finding(pointer=pointer, code=codes.RULE_TWICE, message=message, hint=hint)
            self.problems.append(part.problem(finding, one.id))
        return twice


def _with_defaults(part: _Part, defaults: JsonObject) -> _Part:
    return _Part(
        file=part.file,
        document=part.document,
        pointer=part.pointer,
        value=part.value,
        defaults={**defaults, **part.defaults},
    )


def _account_of(value: JsonObject) -> str:
    account: Json = next((value[key] for key in _ACCOUNT_KEYS if key in value), DEFAULT_ACCOUNT)
    return account if isinstance(account, str) else DEFAULT_ACCOUNT


def _account_hint(account: str) -> str:
    return "" if account == DEFAULT_ACCOUNT else f"; both are of the account {account!r}"
