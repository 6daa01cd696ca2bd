"""A text to its documents, the short way or the long one. One that cannot be read does not hide those around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import yaml

from autoflow.model.problem import Problem
from autoflow.strict_yaml.loader import StrictLoader, TooDeepError
from autoflow.strict_yaml.places import (
    LINE_END,
    SYNTAX,
    TOO_MUCH,
    Place,
    YamlDocument,
    YamlRead,
    error_at,
    place_between,
    place_index,
)
from autoflow.strict_yaml.plain import read_plainly

MAX_BYTES = 1024 * 1024
MAX_UNREAD = 20
"""After so many documents that cannot be read, the rest of a file is left alone."""

_BEGIN = r"---(\s|$)"
_JSON_ONLY = re.compile("[\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


def read_yaml(text: str, *, path: str, mend: bool = False) -> YamlRead:
    """Read every document of a text. One that cannot be read does not hide those around it.

    `mend`: nor does a part of one hide its other parts, so that they can be looked at; it is not there then.
    """
    if len(text) > MAX_BYTES // 4 and len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        problem = error_at(path, None, TOO_MUCH, "the file is larger than 1 MiB", hint="split it into several files")
        return YamlRead(documents=(), problems=(problem,))
    if path.endswith(".json"):
        text = escape_for_yaml(text)
    plain = read_plainly(text, path)
    if plain is not None:
        return YamlRead(documents=plain, problems=())
    documents: list[YamlDocument] = []
    problems: list[Problem] = []
    start: int | None = 0
    while start is not None and len(problems) < MAX_UNREAD:
        start = _read_from(text, start, path, documents, problems, mend=mend)
    if start is not None:
        place = Place(line=start + 1, column=1, end_line=start + 1, end_column=2)
        problems.append(error_at(path, place, TOO_MUCH, "too many errors; the file is not read from here on"))
    return YamlRead(documents=tuple(documents), problems=tuple(problems))


def decode_text(content: bytes, *, path: str) -> str | Problem:
    """A file's bytes as text, or the problem with them."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        place = Place(line=line, column=column, end_line=line, end_column=column + 1)
        return error_at(path, place, SYNTAX, "this byte is not UTF-8", hint="save the file as UTF-8")


@lru_cache(maxsize=4)
def split_lines(text: str) -> tuple[str, ...]:
    """The lines as YAML counts them, without their ends. Each finding in a file asks for them."""
    return tuple(LINE_END.split(text))


def _read_from(
    text: str, start: int, path: str, documents: list[YamlDocument], problems: list[Problem], *, mend: bool
) -> int | None:
    """Read on from a line, counted from 0. The line to start again from, after what cannot be read."""
    from autoflow.strict_yaml.tree import build_document  # nearly all texts go the short way

    loader = None
    try:
        # Empty lines before it keep the line numbers right.
        loader = StrictLoader("\n" * start + "\n".join(split_lines(text)[start:]) if start else text)
        while loader.check_node():
            loader.depth = 0
            node: Any = loader.get_node()
            documents.append(build_document(node, path))
    except yaml.MarkedYAMLError as error:
        lines = split_lines(text)
        problem = _tell(error, path, lines)
        problems.append(problem)
        following = _next_document(lines, max(problem.line - 1, start + 1))
        if mend and problem.code == SYNTAX:
            part = slice(_begin_of_document(lines, start, problem.line - 1), following)
            _read_rest(lines, part, error, documents, problems, path=path)
        return following
    except yaml.reader.ReaderError as error:
        place = _place_at(text, error)
        problems.append(error_at(path, place, SYNTAX, f"the character {error.character!r} cannot stand in YAML"))
        return None
    except UnicodeEncodeError as error:
        place = place_index(text, error.start)
        problems.append(error_at(path, place, SYNTAX, "half of a surrogate pair is no character"))
        return None
    finally:
        if loader is not None:
            loader.dispose()
    return None


def _tell(error: yaml.MarkedYAMLError, path: str, lines: Sequence[str]) -> Problem:
    place = place_between(_mark_of(error, lines), None)
    if place.line > len(lines):  # the reader means the end, and counts a line that is not there
        end = len(lines[-1])
        place = Place(line=len(lines), column=max(end, 1), end_line=len(lines), end_column=max(end, 1) + 1)
    hint = "flatten it" if isinstance(error, TooDeepError) else None
    return error_at(path, place, TOO_MUCH if hint else SYNTAX, _say(error), hint=hint)


def _read_rest(
    lines: Sequence[str],
    part: slice,
    error: yaml.MarkedYAMLError,
    documents: list[YamlDocument],
    problems: list[Problem],
    *,
    path: str,
) -> None:
    """What a document holds beside what cannot be read."""
    from autoflow.strict_yaml.mending import mend
    from autoflow.strict_yaml.tree import build_document

    mended = mend(lines[: part.stop], part.start, error)
    if mended is not None:
        documents.append(build_document(mended.node, path, unread=mended.unread))
        problems += [_tell(further, path, lines) for further in mended.further]


def _begin_of_document(lines: Sequence[str], start: int, before: int) -> int:
    return max((n for n in range(start + 1, before) if re.match(_BEGIN, lines[n])), default=start)


def _mark_of(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Any:
    """What is not closed is shown where it was opened, not where the file ends."""
    mark = error.problem_mark or error.context_mark
    ends = mark is None or not any(line.strip() for line in lines[mark.line :])
    is_open = re.search("quoted scalar|flow", error.context or "")
    if is_open and (ends or "unexpected document" in (error.problem or "")):
        return error.context_mark or mark
    return mark


def _next_document(lines: Sequence[str], after: int) -> int | None:
    """The next line that begins a document, counted from 0."""
    return next((n for n in range(after, len(lines)) if re.match(_BEGIN, lines[n])), None)


def _place_at(text: str, error: yaml.reader.ReaderError) -> Place:
    wrong = error.character if isinstance(error.character, str) else chr(error.character)
    return place_index(text, max(text.find(wrong), 0))


def _say(error: yaml.MarkedYAMLError) -> str:
    words = [error.problem or "this is not YAML"]
    if error.context:
        words.append(error.context)
    return ", ".join(words)


def escape_for_yaml(text: str) -> str:
    """JSON as YAML can read it: surrogate pairs as one escape, and characters that only JSON allows escaped."""
    text = _JSON_ONLY.sub(lambda found: f"\\u{ord(found[0]):04X}", text)
    return _SURROGATES.sub(_join_surrogates, text)


def _join_surrogates(found: re.Match[str]) -> str:
    high, low = (int(half, 16) for half in found.groups())
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08X}"
