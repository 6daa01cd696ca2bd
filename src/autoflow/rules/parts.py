"""What a file holds: the parts that are rules, those that are shared conditions, and what is wrong around them.

Before it: `source`. After it: the loader, which builds the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from autoflow.model.event import DEFAULT_ACCOUNT
from autoflow.model.json import Json, JsonObject
from autoflow.model.problem import Problem, Severity
from autoflow.rules import codes
from autoflow.rules.findings import Finding, near_match
from autoflow.rules.schema import shape_of
from autoflow.rules.source import SourceFile, file_problem
from autoflow.rules.spellings import RULE_SPELLINGS, make_id
from autoflow.strict_yaml import Pointer, YamlDocument

SHARED = "shared_conditions"
TESTS = "tests"
_FILE_KEYS = ("rules", SHARED, "account", TESTS)
_ACCOUNT_KEYS = ("account", *(key for key, name in RULE_SPELLINGS.items() if name == "account"))


class Part(NamedTuple):
    """A part of a file that holds one rule or the shared conditions of an account."""

    file: SourceFile
    document: YamlDocument
    pointer: Pointer
    value: JsonObject
    #: for keys that it does not have itself
    defaults: JsonObject = MappingProxyType({})

    def problem(self, finding: Finding, rule: str | None = None) -> Problem:
        """A finding about it, with its place in the file."""
        from autoflow.rules.placing import place_finding  # most rules have none: start-up time counts

        return place_finding(finding, self.file, self.document, self.pointer, rule)

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.document.line_of(self.pointer)

    def covers(self, line: int) -> bool:
        """Whether a line of the file belongs to it."""
        place = self.document.value_at(self.pointer)
        last = place.end_line if place.end_column > 1 else place.end_line - 1
        return place.line <= line <= last

    def is_broken(self) -> bool:
        """Whether the text of it has an error."""
        errors = [p for p in self.document.problems if p.severity is Severity.ERROR]
        return bool(self.document.unread) or any(not self.pointer or self.covers(problem.line) for problem in errors)

    def is_sure(self, problem: Problem) -> bool:
        """Whether it would be found too if all of the document could be read; why it cannot has been said."""
        missing = problem.code == codes.MISSING_KEY and not self.pointer and problem.line == self.line
        unread = self.document.unread
        return not unread or not (missing or any(first <= problem.line <= last for first, last in unread))


class Contents(NamedTuple):
    """Everything that was found in one file."""

    file: SourceFile
    rules: tuple[Part, ...]
    #: with the account that each belongs to
    shared: tuple[tuple[str, Part], ...]
    problems: tuple[Problem, ...]


def take_apart(file: SourceFile) -> Contents:
    """The parts of a file."""
    return _Taking(file).take()


class _Taking:
    """Takes one file apart."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._shared: list[tuple[str, Part]] = []
        self._problems = list(file.problems)

    def take(self) -> Contents:
        parts = [part for document in self._file.documents for part in self._take_document(document)]
        if len(parts) == 1:
            parts = [_with_defaults(parts[0], {"id": make_id(Path(self._file.name).stem)})]
        if not parts and not self._problems and not self._shared:
            hint = "a rule has a trigger and actions"
            self._problems.append(
                file_problem(self._file.path, codes.NOTHING_INSIDE, "no rule in this file", hint, Severity.WARNING)
            )
        return Contents(
            file=self._file, rules=tuple(parts), shared=tuple(self._shared), problems=tuple(self._problems)
        )

    def _take_document(self, document: YamlDocument) -> Iterator[Part]:
        value = document.value
        if value is None:
            return
        if not isinstance(value, dict):
            hint = "write rules: and the list below it" if isinstance(value, list) else "write key: value"
            message = f"a rule is a map, not {shape_of(value)}"
            whole = Part(file=self._file, document=document, pointer=(), value={})
            self._problems.append(
                whole.problem(Finding(pointer=(), code=codes.NOT_A_RULE, message=message, hint=hint))
            )
            return
        whole = Part(file=self._file, document=document, pointer=(), value=value)
        self._take_shared(whole)
        if "rules" in value:
            yield from self._take_list(whole)
        elif set(value) - {SHARED, *_ACCOUNT_KEYS}:
            rule = {key: item for key, item in value.items() if key != SHARED}
            yield Part(file=self._file, document=document, pointer=(), value=rule)

    def _take_shared(self, whole: Part) -> None:
        shared = whole.value.get(SHARED)
        if isinstance(shared, dict):
            part = Part(file=whole.file, document=whole.document, pointer=(SHARED,), value=shared)
            self._shared.append((account_of(whole.value), part))
        elif SHARED in whole.value:
            message = f"{SHARED} must be a map of names to conditions, not {shape_of(shared)}"
            finding = Finding(pointer=(SHARED,), code=codes.WRONG_SHAPE, message=message)
            self._problems.append(whole.problem(finding))

    def _take_list(self, whole: Part) -> Iterator[Part]:
        rules = whole.value["rules"]
        for key in whole.value:
            if key not in _FILE_KEYS:
                hint = near_match(key, _FILE_KEYS) or f"beside rules stand only {SHARED}, account and {TESTS}"
                message = f"unknown key {key!r} beside rules"
                finding = Finding(pointer=(key,), code=codes.UNKNOWN_KEY, message=message, hint=hint, on_key=True)
                self._problems.append(whole.problem(finding))
        defaults = {"account": whole.value["account"]} if "account" in whole.value else {}
        for index, rule in enumerate(rules if isinstance(rules, list) else [rules]):
            pointer: Pointer = ("rules", index) if isinstance(rules, list) else ("rules",)
            if isinstance(rules, list) and isinstance(rule, dict):
                yield Part(file=whole.file, document=whole.document, pointer=pointer, value=rule, defaults=defaults)
                continue
            message = "a rule is a map" if isinstance(rules, list) else "rules is a list"
            hint = "begin each rule with '-'"
            finding = Finding(
                pointer=pointer, code=codes.NOT_A_RULE, message=f"{message}, not {shape_of(rule)}", hint=hint
            )
            self._problems.append(whole.problem(finding))


def _with_defaults(part: Part, defaults: JsonObject) -> Part:
    return Part(
        file=part.file,
        document=part.document,
        pointer=part.pointer,
        value=part.value,
        defaults={**defaults, **part.defaults},
    )


def account_of(value: JsonObject) -> str:
    """The account that a rule or file is written for."""
    account: Json = next((value[key] for key in _ACCOUNT_KEYS if key in value), DEFAULT_ACCOUNT)
    return account if isinstance(account, str) else DEFAULT_ACCOUNT
