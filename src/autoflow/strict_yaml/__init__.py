"""YAML 1.2 read strictly, with the place of everything: the first stop of rule files and of the config.

`on`, `no`, `12:30`, `2026-01-01` and `0777` stay text; a key given twice, a key that is no text, a tag,
and a document that is too large, too deep or too often repeated by aliases are problems. JSON is read as
the YAML it is.
"""

from autoflow.strict_yaml.places import (
    DUPLICATE_KEY,
    KEY_NOT_TEXT,
    NOT_A_NUMBER,
    SYNTAX,
    TOO_MUCH,
    UNKNOWN_TAG,
    Place,
    Pointer,
    YamlDocument,
    YamlRead,
    problem_at,
)
from autoflow.strict_yaml.read import MAX_BYTES, decode_text, escape_for_yaml, read_yaml, split_lines

__all__ = [
    "DUPLICATE_KEY",
    "KEY_NOT_TEXT",
    "MAX_BYTES",
    "NOT_A_NUMBER",
    "SYNTAX",
    "TOO_MUCH",
    "UNKNOWN_TAG",
    "Place",
    "Pointer",
    "YamlDocument",
    "YamlRead",
    "decode_text",
    "escape_for_yaml",
    "problem_at",
    "read_yaml",
    "split_lines",
]
