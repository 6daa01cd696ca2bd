"""Where in a file a finding points, and what a file does not say as it seems to.

Beside `source`, which is done with a file that has nothing wrong with it. After it: a Problem, for people.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Sequence

import yaml

from autoflow.model.problem import Problem, Severity
from autoflow.rules import codes
from autoflow.rules.findings import Finding
from autoflow.rules.hints import explain_comment
from autoflow.rules.source import PARTED_NUMBER, ROUND_NUMBER, SHORT_NUMBER, SUSPECT_COMMENT, SourceFile
from autoflow.strict_yaml import Place, Pointer, YamlDocument, problem_at

_COMMENT = re.compile(r"\s(#.*)$")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")
_CUT_CONDITION = "AF223"


def place_finding(
    finding: Finding, file: SourceFile, document: YamlDocument, base: Pointer, rule: str | None
) -> Problem:
    """A finding with its lines and columns."""
    pointer = (*base, *finding.pointer)
    found = document.key_at(pointer) if finding.on_key else document.value_at(pointer)
    whole = _without_blank_end(found, file.lines)
    place, hint = whole, finding.hint
    message = finding.message
    if finding.column is not None and document.has(pointer):
        place = _part_of(whole, finding.column, finding.width, file.lines)
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


def place_within(
    file: SourceFile, document: YamlDocument, pointer: Pointer, column: int | None = None, width: int = 1
) -> Place:
    """Where a value stands; with a column, from 0, where that part of a text does."""
    whole = document.value_at(pointer)
    return whole if column is None else _part_of(whole, column, width, file.lines)


def _part_of(place: Place, column: int, width: int, lines: Sequence[str]) -> Place:
    """A part of a text, from a column on, from 0."""
    return _inside_folded(place, column, width, lines) or _inside(place, column, width, lines)


def _inside_folded(place: Place, column: int, width: int, lines: Sequence[str]) -> Place | None:
    """A part of a text that is folded from several lines into one, where each line end became one space."""
    if place.end_line == place.line or place.style not in ("", ">"):
        return None
    first = place.line + 1 if place.style else place.line
    start, indent = 0 if place.style else place.column - 1, ""
    last = place.end_line if place.end_column > 1 else place.end_line - 1
    for number in range(first, min(last, len(lines)) + 1):
        line = lines[number - 1]
        text = line[start:].strip()
        indent = indent or line[: line.index(text)]
        if not text or (place.style and line[: line.index(text)] != indent):
            return None  # empty lines and those further in fold otherwise
        if column <= len(text):
            begin = line.index(text, start) + column + 1
            end = min(begin + width, len(line.rstrip()) + 1)
            return Place(line=number, column=begin, end_line=number, end_column=max(end, begin + 1))
        column -= len(text) + 1
        start = 0
    return None


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


def _without_blank_end(place: Place, lines: Sequence[str]) -> Place:
    """The reader ends a text over several lines where the next thing begins; people end it with its last word."""
    number, column = place.end_line, place.end_column
    while number > place.line:
        said = lines[number - 1][: column - 1].rstrip() if number <= len(lines) else ""
        if said:
            return place._replace(end_line=number, end_column=len(said) + 1)
        number, column = number - 1, sys.maxsize
    end = len(lines[number - 1].rstrip()) + 1 if number <= len(lines) else place.column + 1
    return place if number == place.end_line else place._replace(end_line=number, end_column=end)


def _inside(place: Place, column: int, width: int, lines: Sequence[str]) -> Place:
    """A part of a text. Of one that is folded from several lines, only the text as a whole is known."""
    if place.style == "|":
        return _inside_block(place, column, width, lines) or place
    if place.style == ">" or place.end_line != place.line or place.line > len(lines):
        return place
    line = lines[place.line - 1]
    start = _source_column(line, place, column)
    end = _source_column(line, place, column + max(width, 1))
    limit = max(place.end_column, start + 1)
    return Place(line=place.line, column=start, end_line=place.line, end_column=min(max(end, start + 1), limit))


def _inside_block(place: Place, column: int, width: int, lines: Sequence[str]) -> Place | None:
    """A part of a text whose lines are kept as they are, each behind the indentation of the first one."""
    content = lines[place.line : place.end_line]
    indent = next((len(line) - len(line.lstrip(" ")) for line in content if line.strip()), 0)
    for number, line in enumerate(content, place.line + 1):
        length = max(len(line) - indent, 0)
        if column <= length:
            start = indent + column + 1
            end = max(min(start + width, len(line) + 1), start + 1)
            return Place(line=number, column=start, end_line=number, end_column=end)
        column -= length + 1
    return None


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


def note_losses(document: YamlDocument, lines: Sequence[str]) -> Iterator[Problem]:
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
        if node.value and node.tag.endswith(":str") and SUSPECT_COMMENT.match(rest.replace("  ", " ")):
            hint = explain_comment(lines[end.line], end.column + 1)
            message = f"the text ends here: {rest.strip()[:30]!r} is a comment"
            yield _note(document.path, place, codes.CUT_BY_COMMENT, message, hint)
        elif (lost := _explain_number(node)) is not None:
            yield _note(document.path, place, codes.NUMBER_LOST, *lost)


def _explain_number(node: yaml.ScalarNode) -> tuple[str, str] | None:
    """What a number is that looks otherwise, and what to write instead."""
    text = node.value
    if node.tag.endswith(":float") and (ROUND_NUMBER.fullmatch(text) or SHORT_NUMBER.fullmatch(text)):
        if not math.isfinite(float(text)):
            return None  # which is an error of its own
        return f"{text} is read as the number {float(text):.15g}", f'quote it to keep it: "{text}"'
    if node.tag.endswith(":str") and PARTED_NUMBER.fullmatch(text):
        return (
            f"{text} is read as text, not as a number",
            f"write {text.replace('_', '')}; quote it where text is meant",
        )
    return None


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
