"""The long way: a document's value from its tree, with a note of everything that is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable

import yaml

from autoflow.model.json import Json
from autoflow.model.problem import Problem
from autoflow.strict_yaml.loader import MAX_DEPTH
from autoflow.strict_yaml.places import (
    DUPLICATE_KEY,
    KEY_NOT_TEXT,
    NOT_A_NUMBER,
    TOO_MUCH,
    UNKNOWN_TAG,
    YamlDocument,
    error_at,
    place_of,
)
from autoflow.strict_yaml.scalars import FLOAT, INT, SCALARS, STR

MAX_ALIASES = 100
MAX_NODES = 200_000
MAX_DIGITS = 1_000
_COLLECTIONS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


def build_document(node: yaml.Node, path: str, unread: tuple[tuple[int, int], ...] = ()) -> YamlDocument:
    """The document whose tree this is, and the lines of it that could not be read."""
    builder = _Builder(path)
    value = builder.build(node)
    return YamlDocument(
        path=path, value=value, problems=tuple(builder.problems), unread=unread, make_node=lambda: node
    )


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
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != STR:
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
        build = SCALARS.get(node.tag)
        if build is None:
            self._refuse_tag(node)
            return node.value
        if node.tag in (INT, FLOAT):
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
        self.problems.append(error_at(self.path, place_of(node), code, message, hint=hint))
