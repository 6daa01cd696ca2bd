"""YAML 1.2 read strictly, with the place of everything: the first stop of rule files and of the config.

`on`, `no`, `12:30`, `2026-01-01` and `0777` stay text; a key given twice, a key that is no text, a tag,
and a document that is too large, too deep or too often repeated by aliases are problems. JSON is read as
the YAML it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from autoflow.model.json import Json
from autoflow.model.problem import Problem, Severity

Pointer = tuple[str | int, ...]

SYNTAX = "AF101"
DUPLICATE_KEY = "AF102"
KEY_NOT_TEXT = "AF103"
TOO_MUCH = "AF104"
UNKNOWN_TAG = "AF105"
NOT_A_NUMBER = "AF106"

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_NODES = 200_000
MAX_DIGITS = 1_000
MAX_UNREAD = 20
"""After so many documents that cannot be read, the rest of a file is left alone."""

_NULL, _BOOL, _INT, _FLOAT, _STR = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
_COLLECTIONS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), _NULL),
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), _BOOL),
}
# Stricter than 1.2's core schema where that would lose something: 0777 and +15557654321 are no numbers.
_NUMBERS = (
    (re.compile(r"-?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+"), _INT),
    (re.compile(r"-?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), _FLOAT),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), _FLOAT),
)
_NUMBER_STARTS = frozenset("0123456789-+.")
_LINE_END = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_JSON_ONLY = re.compile("[\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stretch of a file. Lines and columns count from 1; the end column is the first one after."""

    line: int
    column: int
    end_line: int
    end_column: int
    #: how a text is written: "" plain, ' or " quoted, | or > block; None for maps and lists
    style: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One document of a file: its value, and where each part of it stands."""

    path: str
    value: Json
    #: what is wrong with it; a document with errors still has a value, to be checked further
    problems: tuple[Problem, ...]
    node: yaml.Node = field(repr=False, compare=False)

    def value_at(self, pointer: Pointer) -> Place:
        """Where the value stands; where there is none, its nearest container."""
        return _place_of(self._nearest(pointer)[0])

    def key_at(self, pointer: Pointer) -> Place:
        """Where the key of that value stands; what has no key is found by its value."""
        if not pointer:
            return _place_of(self.node)
        parent, depth = self._nearest(pointer[:-1])
        found = _entry(parent, pointer[-1]) if depth == len(pointer) - 1 else None
        return _place_of(found[0] or found[1]) if found else self.value_at(pointer)

    def has(self, pointer: Pointer) -> bool:
        """Whether something was written there."""
        return self._nearest(pointer)[1] == len(pointer)

    def _nearest(self, pointer: Pointer) -> tuple[yaml.Node, int]:
        node = self.node
        for depth, step in enumerate(pointer):
            found = _entry(node, step)
            if found is None:
                return node, depth
            node = found[1]
        return node, len(pointer)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlRead:
    """What a file holds: its documents, and the problems for which a part of it could not be read at all."""

    documents: tuple[YamlDocument, ...]
    problems: tuple[Problem, ...]

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Those of the file and of each of its documents."""
        return (*self.problems, *(problem for document in self.documents for problem in document.problems))


def read_yaml(text: str, *, path: str) -> YamlRead:
    """Read every document of a text. One that cannot be read does not hide those around it."""
    if len(text) > MAX_BYTES // 4 and len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        problem = _problem(path, None, TOO_MUCH, "the file is larger than 1 MiB", hint="split it into several files")
        return YamlRead(documents=(), problems=(problem,))
    if path.endswith(".json"):
        text = _escape_for_yaml(text)
    documents: list[YamlDocument] = []
    problems: list[Problem] = []
    start: int | None = 0
    while start is not None and len(problems) < MAX_UNREAD:
        start = _read_from(text, start, path, documents, problems)
    if start is not None:
        place = Place(line=start + 1, column=1, end_line=start + 1, end_column=2)
        problems.append(_problem(path, place, TOO_MUCH, "too many errors; the file is not read from here on"))
    return YamlRead(documents=tuple(documents), problems=tuple(problems))


def decode_text(content: bytes, *, path: str) -> str | Problem:
    """A file's bytes as text, or the problem with them."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        place = Place(line=line, column=column, end_line=line, end_column=column + 1)
        return _problem(path, place, SYNTAX, "this byte is not UTF-8", hint="save the file as UTF-8")


@lru_cache(maxsize=4)
def split_lines(text: str) -> tuple[str, ...]:
    """The lines as YAML counts them, without their ends. Each finding in a file asks for them."""
    return tuple(_LINE_END.split(text))


def _read_from(
    text: str, start: int, path: str, documents: list[YamlDocument], problems: list[Problem]
) -> int | None:
    """Read on from a line, counted from 0. The line to start again from, after what cannot be read."""
    loader = None
    try:
        # Empty lines before it keep the line numbers right.
        loader = _Loader("\n" * start + "\n".join(split_lines(text)[start:]) if start else text)
        while loader.check_node():
            loader.depth = 0
            node: Any = loader.get_node()
            documents.append(_build_document(node, path))
    except yaml.MarkedYAMLError as error:
        lines = split_lines(text)
        place = _place_between(_mark_of(error, lines), None)
        hint = "flatten it" if isinstance(error, _TooDeepError) else None
        code = TOO_MUCH if hint else SYNTAX
        problems.append(_problem(path, place, code, _say(error), hint=hint))
        return _next_document(lines, max(place.line - 1, start + 1))
    except yaml.reader.ReaderError as error:
        place = _place_at(text, error)
        problems.append(_problem(path, place, SYNTAX, f"the character {error.character!r} cannot stand in YAML"))
        return None
    except UnicodeEncodeError as error:
        place = _place_index(text, error.start)
        problems.append(_problem(path, place, SYNTAX, "half of a surrogate pair is no character"))
        return None
    finally:
        if loader is not None:
            loader.dispose()
    return None


def _mark_of(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Any:
    """What is not closed is shown where it was opened, not where the file ends."""
    mark = error.problem_mark or error.context_mark
    if mark is None or any(line.strip() for line in lines[mark.line :]):
        return mark
    is_open = re.search("quoted scalar|flow", error.context or "")
    return error.context_mark or mark if is_open else mark


def _next_document(lines: Sequence[str], after: int) -> int | None:
    """The next line that begins a document, counted from 0."""
    return next((n for n in range(after, len(lines)) if re.match(r"---(\s|$)", lines[n])), None)


_C_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the index has no C build for every Python


class _TooDeepError(yaml.MarkedYAMLError):
    """Nested deeper than any rule needs, caught while reading: the C code would run out of stack."""


class _Loader(_C_LOADER):  # type: ignore[misc]  # PyYAML's stubs know only one of the two bases
    depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = current_node.start_mark if current_node is not None else None
            raise _TooDeepError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is not yaml.ScalarNode:
            return "tag:yaml.org,2002:" + ("map" if kind is yaml.MappingNode else "seq")
        return _tag_of_plain(value) if implicit[0] else _STR


def _tag_of_plain(value: str) -> str:
    tag = _WORDS.get(value)
    if tag is not None:
        return tag
    if value[0] in _NUMBER_STARTS:
        for pattern, number_tag in _NUMBERS:
            if pattern.fullmatch(value):
                return number_tag
    return _STR


def _build_document(node: yaml.Node, path: str) -> YamlDocument:
    builder = _Builder(path)
    value = builder.build(node)
    return YamlDocument(path=path, value=value, problems=tuple(builder.problems), node=node)


class _Builder:
    """Turns nodes into plain values and notes what is wrong with them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliases = 0
        self._nodes = 0

    def build(self, node: yaml.Node) -> Json:
        """The node's value; None where there can be none."""
        self._nodes += 1
        if isinstance(node, yaml.ScalarNode):
            return self._build_scalar(node)
        if not self._may_enter(node):
            return None
        if node.tag not in _COLLECTIONS:
            self._refuse_tag(node)
        self._open.add(id(node))
        items = isinstance(node, yaml.MappingNode)
        value = self._build_map(node) if items else [self.build(item) for item in node.value]
        self._open.discard(id(node))
        return value

    def _may_enter(self, node: yaml.Node) -> bool:
        if id(node) in self._seen:
            self._aliases += 1
        self._seen.add(id(node))
        if id(node) in self._open:
            self._add(node, TOO_MUCH, "an alias that contains itself", hint="write the value out")
        elif self._aliases > MAX_ALIASES or self._nodes > MAX_NODES or len(self._open) >= MAX_DEPTH:
            if not any(problem.code == TOO_MUCH for problem in self.problems):
                limit = f"at most {MAX_ALIASES} aliases, {MAX_NODES} values and {MAX_DEPTH} levels"
                self._add(node, TOO_MUCH, "too much in one document", hint=limit)
        else:
            return True
        return False

    def _build_map(self, node: yaml.Node) -> dict[str, Json]:
        value: dict[str, Json] = {}
        first: dict[str, yaml.Node] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _STR:
                self._refuse_key(key_node)
                continue
            key = key_node.value
            item = self.build(value_node)
            if key in value:
                line = first[key].start_mark.line + 1
                message = f"the key {key!r} is given again; it stands already in line {line}"
                self._add(key_node, DUPLICATE_KEY, message, hint="keep one of them")
                continue
            value[key] = item
            first[key] = key_node
        return value

    def _refuse_key(self, node: yaml.Node) -> None:
        if isinstance(node, yaml.ScalarNode):
            word = node.value or "(nothing)"
            message, hint = f"a key must be text; {word} is not", f'quote it: "{node.value}"'
        else:
            message, hint = "a map or list cannot be a key", 'quote a template: "{{ ... }}"'
        self._add(node, KEY_NOT_TEXT, message, hint=hint)

    def _build_scalar(self, node: yaml.ScalarNode) -> Json:
        build = _SCALARS.get(node.tag)
        if build is None:
            self._refuse_tag(node)
            return node.value
        if node.tag in (_INT, _FLOAT):
            return self._build_number(node, build)
        return build(node.value)

    def _build_number(self, node: yaml.ScalarNode, build: Callable[[str], Json]) -> Json:
        try:
            number = build(node.value) if len(node.value) <= MAX_DIGITS else math.inf
        except ValueError:
            number = math.nan
        if isinstance(number, float) and not math.isfinite(number):
            self._add(node, NOT_A_NUMBER, f"{node.value[:20]} is not a number that JSON can hold", hint="quote it")
            return node.value
        return number

    def _refuse_tag(self, node: yaml.Node) -> None:
        tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
        self._add(
            node,
            UNKNOWN_TAG,
            f"the tag {tag} means nothing here",
            hint='text that begins with ! is quoted: "!x"',
        )

    def _add(self, node: yaml.Node, code: str, message: str, *, hint: str | None = None) -> None:
        self.problems.append(_problem(self.path, _place_of(node), code, message, hint=hint))


def _build_int(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _build_float(text: str) -> float:
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: Mapping[str, Callable[[str], Json]] = {
    _NULL: lambda _: None,
    _BOOL: lambda text: text.lower() == "true",
    _INT: _build_int,
    _FLOAT: _build_float,
    _STR: str,
}


def _entry(node: yaml.Node, step: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode) and isinstance(step, str):
        pairs: Iterator[tuple[yaml.Node, yaml.Node]] = (pair for pair in node.value if pair[0].value == step)
        return next(pairs, None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return None, node.value[step]
    return None


def _place_of(node: yaml.Node) -> Place:
    return _place_between(node.start_mark, node.end_mark, style=getattr(node, "style", None) or "", node=node)


def _place_between(start: Any, end: Any, *, style: str | None = None, node: yaml.Node | None = None) -> Place:
    if start is None:
        return Place(line=1, column=1, end_line=1, end_column=2)
    if end is None or (end.line, end.column) <= (start.line, start.column):
        end_line, end_column = start.line, start.column + 1
    else:
        end_line, end_column = end.line, end.column
    return Place(
        line=start.line + 1,
        column=start.column + 1,
        end_line=end_line + 1,
        end_column=end_column + 1,
        style=style if isinstance(node, yaml.ScalarNode) else None,
    )


def _place_at(text: str, error: yaml.reader.ReaderError) -> Place:
    wrong = error.character if isinstance(error.character, str) else chr(error.character)
    return _place_index(text, max(text.find(wrong), 0))


def _place_index(text: str, index: int) -> Place:
    line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
    return Place(line=line, column=column, end_line=line, end_column=column + 1)


def _say(error: yaml.MarkedYAMLError) -> str:
    words = [error.problem or "this is not YAML"]
    if error.context:
        words.append(error.context)
    return ", ".join(words)


def _escape_for_yaml(text: str) -> str:
    """JSON as YAML can read it: surrogate pairs as one escape, and characters that only JSON allows escaped."""
    text = _JSON_ONLY.sub(lambda found: f"\\u{ord(found[0]):04X}", text)
    return _SURROGATES.sub(_join_surrogates, text)


def _join_surrogates(found: re.Match[str]) -> str:
    high, low = (int(half, 16) for half in found.groups())
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08X}"


def _problem(path: str, place: Place | None, code: str, message: str, *, hint: str | None = None) -> Problem:
    place = place or Place(line=1, column=1, end_line=1, end_column=2)
    return problem_at(path, place, Severity.ERROR, code, message, hint)


def problem_at(path: str, place: Place, severity: Severity, code: str, message: str, hint: str | None) -> Problem:
    """A finding at a place of a file."""
    return Problem(
        path=path,
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        end_column=place.end_column,
        severity=severity,
        code=code,
        message=message,
        hint=hint,
    )
