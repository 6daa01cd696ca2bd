"""What a plain scalar is in YAML 1.2, and stricter than 1.2's core schema where that would lose something."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from autoflow.model.json import Json

NULL, BOOL, INT, FLOAT, STR = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), NULL),
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), BOOL),
}
# 0777 and +15557654321 are no numbers.
_NUMBERS = (
    (re.compile(r"-?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+"), INT),
    (re.compile(r"-?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), FLOAT),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), FLOAT),
)
_NUMBER_STARTS = frozenset("0123456789-+.")
TEXT_STARTS = frozenset("ABCDEGHIJKLMOPQRSUVWXYZabcdeghijklmopqrsuvwxyz/$")
"""What begins so is a text: all that tag_of_plain would tell of it."""


def tag_of_plain(value: str) -> str:
    """The tag of a scalar that is not quoted."""
    tag = _WORDS.get(value)
    if tag is not None:
        return tag
    if value[0] in _NUMBER_STARTS:
        for pattern, number_tag in _NUMBERS:
            if pattern.fullmatch(value):
                return number_tag
    return STR


def _build_int(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _build_float(text: str) -> float:
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


SCALARS: Mapping[str, Callable[[str], Json]] = {
    NULL: lambda _: None,
    BOOL: lambda text: text.lower() == "true",
    INT: _build_int,
    FLOAT: _build_float,
    STR: str,
}
