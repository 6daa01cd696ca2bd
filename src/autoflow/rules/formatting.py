"""A rule file in canonical form: the same rules, each key in its place, one spelling, the comments kept.

For `autoflow fmt`. Nothing is taken for granted: what came out is read again and must mean what the file meant.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.matching.tree import parse_condition, write_condition
from autoflow.model.condition import Condition, Leaf, Reference
from autoflow.model.json import Json
from autoflow.model.problem import Problem, Severity
from autoflow.model.rule import Provenance
from autoflow.rules import codes
from autoflow.rules.builder import RuleBuilder
from autoflow.rules.context import LoadContext
from autoflow.rules.findings import Finding
from autoflow.rules.parts import Contents, take_apart
from autoflow.rules.respelling import respell_document
from autoflow.rules.source import FileText, file_problem, parse_file
from autoflow.strict_yaml import escape_for_yaml
from autoflow.strict_yaml.comments import find_comments
from autoflow.strict_yaml.printing import print_documents, print_json
from autoflow.strict_yaml.quoting import quote_misread
from autoflow.strict_yaml.written import UnwritableError, WrittenDocument, read_written

_CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)
_AS_IT_IS = "the file is left as it is"


class Formatted(NamedTuple):
    """A file's text in canonical form; where there are problems, as it was."""

    text: str
    problems: tuple[Problem, ...] = ()


def format_text(text: str, path: str) -> Formatted:
    """The canonical form of a file. One that is right already comes back as it is, letter by letter."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    contents = take_apart(parse_file(FileText(path=path, name=path, text=plain)))
    before, problems = _read_meaning(contents)
    if problems or not before:
        return Formatted(text, tuple(problems))
    is_json = path.endswith(".json")
    try:
        written = _write_json(plain) if is_json else _write_yaml(plain)
    except UnwritableError as error:
        return Formatted(text, (_refuse(path, str(error)),))
    after, broken = _read_meaning(take_apart(parse_file(FileText(path=path, name=path, text=written))))
    if broken or after != before or not (is_json or _comments_of(plain) == _comments_of(written)):
        return Formatted(text, (_refuse(path, _why_not(plain)),))
    return Formatted(written.replace("\n", line_end))


def _write_yaml(text: str) -> str:
    return print_documents([_respell(document) for document in read_written(text)])


def _respell(document: WrittenDocument) -> WrittenDocument:
    node = quote_misread(respell_document(document.root.node, ACTION_TYPES))
    return replace(document, root=replace(document.root, node=node))


def _write_json(text: str) -> str:
    try:
        json.loads(text)
    except ValueError as error:
        raise UnwritableError("it is YAML in a file that is called JSON; rename it to .yaml") from error
    [document] = read_written(escape_for_yaml(text))
    return print_json(respell_document(document.root.node, ACTION_TYPES))


def _comments_of(text: str) -> Counter[str]:
    """Every comment, as the reader of YAML would skip it: not found by the one who moved them."""
    return Counter(found[0].rstrip() for found in find_comments(text, _COMMENT))


def _read_meaning(contents: Contents) -> tuple[list[Json], list[Problem]]:
    """What the rules and shared conditions of a file mean; the errors that keep it from being known."""
    problems = [problem for problem in contents.problems if problem.severity is Severity.ERROR]
    broken = {problem.line for problem in problems}
    meaning: list[Json] = []
    for part in contents.rules:
        built = RuleBuilder(_CONTEXT, _EveryName()).build(part.value, part.defaults, Provenance())
        meaning.append(None if built.rule is None else [built.rule.document, part.value.get("tests")])
        errors = [finding for finding in built.findings.items if finding.severity is Severity.ERROR]
        placed = [part.problem(finding, built.id) for finding in errors]
        problems += [problem for problem in placed if problem.line not in broken]
    for account, part in contents.shared:
        for name, value in part.value.items():
            parsed = parse_condition(value, shared=_EveryName())
            meaning.append([account, name, parsed.condition and write_condition(parsed.condition)])
            problems += [
                part.problem(Finding((name, *error.pointer), error.code, error.message, error.hint))
                for error in parsed.errors
            ]
    return meaning, problems


class _EveryName(Mapping[str, Condition]):
    """Shared conditions of whatever name: which file has them does not matter here, their names do."""

    def __getitem__(self, name: str) -> Condition:
        return Leaf(left=Reference(fact="shared"), operator="equal", value=name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


def _why_not(text: str) -> str:
    if any("&" in line.split("#")[0] for line in text.split("\n")):
        return "an alias cannot stand before its anchor; write out what it stands for"
    return "in canonical form it would be read differently; please report this with the file"


def _refuse(path: str, reason: str) -> Problem:
    return file_problem(path, codes.NOT_FORMATTED, f"{_AS_IT_IS}: {reason}")
