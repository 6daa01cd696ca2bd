"""Words that other YAML tools take for something else than text, put into quotes: `no`, `12:30`, `0777`, `+1555000`.

They read YAML 1.1, or 1.2 less strictly than we do. What we read as a number stays one.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

import yaml

from autoflow.strict_yaml.scalars import STR, tag_of_plain
from autoflow.strict_yaml.written import Group, Node, Text

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
"""A number of YAML 1.2, where leading zeros and a plus count for nothing."""
_TIME = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?")
"""12:30 is 750 to some tools and 09:30 is not; beside each other they are written alike."""
_PARTED = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)+")
"""What was probably meant as a number: the author is asked, and no quotes hide the question."""
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers


def is_misread(value: str) -> bool:
    """Whether another tool reads this word, which is a text here, as something else."""
    if not value or _NUMBER.fullmatch(value) or _TIME.fullmatch(value):
        return bool(value)
    patterns = (pattern for _, pattern in _RESOLVERS.get(value[0], ()))
    return any(pattern.match(value) for pattern in patterns)


def quote_misread(node: Node) -> Node:
    """The same value with such words in quotes, keys too."""
    if isinstance(node, Text):
        return _quote_text(node)
    if not isinstance(node, Group):
        return node
    return replace(
        node,
        parts=tuple(
            replace(part, key=part.key and _quote_text(part.key), node=quote_misread(part.node))
            for part in node.parts
        ),
    )


def make_text(value: str, like: Text | None = None) -> Text:
    """A text of ours: plain where that is safe, and where the one it stands for was plain."""
    plain = (like is None or not like.style) and _WORD.fullmatch(value)
    if plain and tag_of_plain(value) is STR and not is_misread(value):
        return Text(raw=value, value=value)
    return Text(raw=json.dumps(value, ensure_ascii=False), value=value, style='"')


def _quote_text(text: Text) -> Text:
    if text.style or not text.is_text or not is_misread(text.value) or _PARTED.fullmatch(text.value):
        return text
    return replace(text, raw=json.dumps(text.value, ensure_ascii=False), style='"')
