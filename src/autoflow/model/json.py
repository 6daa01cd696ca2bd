"""What JSON can hold, as types, and one way of writing it that compares equal for equal meaning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Json = Any
"""None, bool, int, float, str, list[Json] or dict[str, Json]; a recursive alias would help no caller."""

JsonObject = Mapping[str, Any]


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_PLAIN = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Json) -> str:
    """The value as JSON text with sorted keys and no spaces: equal meaning, equal text."""
    return _CANONICAL.encode(value)


def content_hash(value: Json) -> str:
    """32 hex digits of the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:32]


def plain_json(value: Json) -> str:
    """The value as JSON text in its own key order, for what is kept and sent as it was written."""
    return _PLAIN.encode(value)


def is_deeper(value: Json, levels: int) -> bool:
    """Whether a value has more levels of containers. A wide value costs no more than a look at its parts."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        level = [
            part
            for container in level
            for part in (container.values() if isinstance(container, dict) else container)
            if isinstance(part, dict | list)
        ]
        if not level:
            return False
    return bool(level)
