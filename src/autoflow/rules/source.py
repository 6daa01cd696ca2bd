"""Rule files as they lie on disk: which there are, what they hold, and where in them a finding points.

First stop of a rule. After it: the loader, which hands each rule to the builder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from autoflow.model.problem import Problem, Severity
from autoflow.rules import codes
from autoflow.rules.findings import Finding
from autoflow.rules.hints import explain_comment, explain_problem
from autoflow.strict_yaml import (
    MAX_BYTES,
    Place,
    Pointer,
    YamlDocument,
    YamlRead,
    decode_text,
    problem_at,
    read_yaml,
    split_lines,
)

ENDINGS = (".yaml", ".yml", ".json")
TEST_ENDINGS = (".test.yaml", ".test.yml")
_MOST_AT_ONCE = 64 * 1024
"""Room for the largest file there may be takes longer to make than most files to read."""
_SUSPECT_COMMENT = re.compile(r"\s#[^\s#!]")
_ROUND_NUMBER = re.compile(r"-?\d+\.\d*0")
_COMMENT = re.compile(r"\s(#.*)$")
_CUT_CONDITION = "AF223"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileText:
    """A file as it was read: all that its rules depend on."""

    #: as shown to people, with `/`
    path: str
    #: relative to the rules directory, where there is one
    name: str
    text: str = ""
    #: why it could not be read
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file: its documents, and the problems of its text."""

    written: FileText
    documents: tuple[YamlDocument, ...]
    problems: tuple[Problem, ...]

    @property
    def path(self) -> str:
        """As shown to people."""
        return self.written.path

    @property
    def name(self) -> str:
        """Relative to the rules directory, where there is one."""
        return self.written.name

    @property
    def lines(self) -> Sequence[str]:
        """The lines of the text; asked for only where something is wrong in it."""
        return split_lines(self.written.text)


def find_files(root: Path) -> Iterator[Path]:
    """The rule files below a directory, in order of their names."""
    return map(Path, find_paths(root))


def find_paths(root: Path) -> Iterator[str]:
    """The same as texts. Symbolic links are followed, each place once.

    Names that begin with a dot are not looked at: Kubernetes keeps what its visible links point to under `..data`.
    """
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        place = os.path.realpath(folder)
        folders[:] = [] if place in seen else sorted(name for name in folders if not name.startswith("."))
        if place in seen:
            continue
        seen.add(place)
        # as text: a Path costs five times that
        below = folder if folder.endswith("/") else f"{folder}/"
        yield from (below + name for name in sorted(files) if is_rule_file(name))


def is_rule_file(name: str) -> bool:
    """Whether a file of this name is read for rules."""
    return name.endswith(ENDINGS) and not name.endswith(TEST_ENDINGS) and not name.startswith(".")


def read_file(path: Path, root: Path | None) -> FileText:
    """One file; with the problem where it cannot be read."""
    shown = show_path(path)
    name = _relative(path, root) if root is not None else shown
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_AT_ONCE)
            if len(content) == _MOST_AT_ONCE:
                content += stream.read(MAX_BYTES + 1 - _MOST_AT_ONCE)
    except OSError as error:
        problem = file_problem(shown, codes.UNREADABLE, f"cannot be read: {error.strerror}")
        return FileText(path=shown, name=name, problem=problem)
    text = decode_text(content[:MAX_BYTES], path=shown) if len(content) <= MAX_BYTES else content.decode("latin-1")
    if isinstance(text, Problem):
        return FileText(path=shown, name=name, problem=text)
    return FileText(path=shown, name=name, text=text)


def parse_file(file: FileText) -> SourceFile:
    """The documents of a file."""
    if file.problem is not None:
        return SourceFile(written=file, documents=(), problems=(file.problem,))
    read: YamlRead = read_yaml(file.text, path=file.path)
    problems: list[Problem] = []
    if read.all_problems:
        lines = split_lines(file.text)
        problems = [explain_problem(problem, lines) for problem in read.all_problems]
    if _may_lose(file.text):
        lines = split_lines(file.text)
        problems += [note for document in read.documents for note in _note_losses(document, lines)]
    return SourceFile(written=file, documents=read.documents, problems=tuple(problems))


def _may_lose(text: str) -> bool:
    """Whether there may be a comment that cuts a text, or a number that loses a digit: few files have any."""
    return bool("#" in text and _SUSPECT_COMMENT.search(text)) or bool("0" in text and _ROUND_NUMBER.search(text))


def show_path(path: Path) -> str:
    """A path for people: relative to the current directory where it lies below it."""
    absolute = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links; the name given is meant
    here = os.getcwd().rstrip("/") + "/"  # noqa: PTH109 - texts: there are thousands of files
    return absolute.removeprefix(here) if absolute.startswith(here) else path.as_posix()


def file_problem(
    path: str, code: str, message: str, hint: str | None = None, severity: Severity = Severity.ERROR
) -> Problem:
    """A problem with a file as a whole."""
    return Problem(
        path=path,
        line=1,
        column=1,
        end_line=1,
        end_column=2,
        severity=severity,
        code=code,
        message=message,
        hint=hint,
    )


def place_finding(
    finding: Finding, file: SourceFile, document: YamlDocument, base: Pointer, rule: str | None
) -> Problem:
    """A finding with its lines and columns."""
    pointer = (*base, *finding.pointer)
    whole = document.key_at(pointer) if finding.on_key else document.value_at(pointer)
    place, hint = whole, finding.hint
    message = finding.message
    if finding.column is not None and document.has(pointer):
        place = _inside(whole, finding.column, finding.width, file.lines)
    if finding.code in (codes.NO_VALUE, _CUT_CONDITION):
        comment = _find_comment(whole, file.lines)
        if comment is not None:
            hint = explain_comment(file.lines[whole.line - 1], comment.column) or hint
            place = comment if finding.code == codes.NO_VALUE else place
        elif not file.lines or whole.column > len(file.lines[whole.line - 1]):
            # Nothing stands there: the key is what can be seen.
            place = document.key_at(pointer)
    if whole.style in ("|", ">") and not finding.on_key and whole.end_line <= whole.line + 1:
        message, hint = _folded_words(file.lines, whole, message, hint)
    return Problem(
        path=file.path,
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        end_column=place.end_column,
        severity=finding.severity,
        code=finding.code,
        message=message,
        hint=hint,
        rule=rule,
    )


def _find_comment(place: Place, lines: Sequence[str]) -> Place | None:
    """The comment behind a value that is not quoted."""
    if place.style != "" or place.line > len(lines):
        return None
    line = lines[place.line - 1]
    start = place.end_column if place.end_line == place.line else place.column
    found = _COMMENT.search(line, max(start - 2, 0))
    if found is None:
        return None
    end = len(line.rstrip()) + 1
    return Place(line=place.line, column=found.start(1) + 1, end_line=place.line, end_column=end)


def _folded_words(lines: Sequence[str], place: Place, message: str, hint: str | None) -> tuple[str, str | None]:
    """`when: >5` is an empty folded text for YAML; nobody who wrote it knows that."""
    text = lines[place.line - 1][place.column - 1 :] if place.line <= len(lines) else ""
    found = re.match(r"(>=?)\s*(\d.*)", text)
    if found is None:
        return message, hint
    cause = "a condition starts with a fact; YAML reads > as the beginning of a long text"
    return cause, f"write when: job.total {found[1]} {found[2].strip()}"


def _inside(place: Place, column: int, width: int, lines: Sequence[str]) -> Place:
    """A part of a one-line text. Of a text over several lines, only the text as a whole is known."""
    if place.style in ("|", ">") or place.end_line != place.line or place.line > len(lines):
        return place
    line = lines[place.line - 1]
    start = _source_column(line, place, column)
    end = _source_column(line, place, column + max(width, 1))
    limit = max(place.end_column, start + 1)
    return Place(line=place.line, column=start, end_line=place.line, end_column=min(max(end, start + 1), limit))


_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")


def _source_column(line: str, place: Place, column: int) -> int:
    """The column (from 1) in which a character of the value stands: quotes and escapes take room."""
    if not place.style:
        return place.column + column
    position = place.column  # counted from 0: the first character after the quote
    for _ in range(column):
        if position >= len(line):
            break
        escape = _ESCAPE.match(line, position) if place.style == '"' else None
        if escape:
            position = escape.end()
        else:
            position += 2 if place.style == "'" and line.startswith("''", position) else 1
    return position + 1


def _note_losses(document: YamlDocument, lines: Sequence[str]) -> Iterator[Problem]:
    """Texts that a comment cut short, and numbers that are not what they look like."""
    for node in _plain_scalars(document.node):
        start, end = node.start_mark, node.end_mark
        if end.line >= len(lines) or start.line != end.line:
            continue
        place = Place(
            line=start.line + 1,
            column=start.column + 1,
            end_line=end.line + 1,
            end_column=max(end.column, start.column + 1) + 1,
        )
        rest = lines[end.line][end.column :]
        if node.value and node.tag.endswith(":str") and _SUSPECT_COMMENT.match(rest.replace("  ", " ")):
            hint = explain_comment(lines[end.line], end.column + 1)
            message = f"the text ends here: {rest.strip()[:30]!r} is a comment"
            yield _note(document.path, place, codes.CUT_BY_COMMENT, message, hint)
        elif node.tag.endswith(":float") and _ROUND_NUMBER.fullmatch(node.value):
            message = f"{node.value} is read as the number {float(node.value):g}"
            yield _note(document.path, place, codes.NUMBER_LOST, message, f'quote it to keep it: "{node.value}"')


def _plain_scalars(root: yaml.Node) -> Iterator[yaml.ScalarNode]:
    seen: set[int] = set()
    rest: list[yaml.Node] = [root]
    while rest:
        node = rest.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            if not node.style:
                yield node
        elif isinstance(node, yaml.MappingNode):
            rest += [value for _, value in node.value]
        else:
            rest += node.value


def _note(path: str, place: Place, code: str, message: str, hint: str | None) -> Problem:
    return problem_at(path, place, Severity.WARNING, code, message, hint)


def _relative(path: Path, root: Path) -> str:
    inside, shown = f"{root}/", str(path)
    if shown.startswith(inside):
        return shown.removeprefix(inside)
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()
