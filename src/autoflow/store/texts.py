"""What comes from outside as text that a database can hold: answers of receivers, and words about failures.

A result that cannot be kept would be lost, and its message sent again: what is no JSON and no text is replaced
rather than refused.
"""

from __future__ import annotations

import json

from autoflow.model.json import Json, plain_json

LONGEST_DETAIL = 4_000
"""Characters of what is kept about a failure."""


def write_detail(text: str) -> str:
    """Words about a failure: no longer than somebody reads, and `?` for half a letter."""
    return text[:LONGEST_DETAIL].encode("utf-8", "replace").decode()


def write_answer(value: Json) -> str:
    """What a receiver answered as JSON text: a number that is none becomes null, half a letter `?`."""
    if value == {}:  # most of what does not answer
        return "{}"
    try:
        return plain_json(value).encode().decode()
    except (ValueError, TypeError):
        return _write_loosely(value)
    except RecursionError:
        return plain_json({"left_out": "it is nested too deeply"})


def _write_loosely(value: Json) -> str:
    """For what is not quite JSON; the strict form costs less and is nearly always enough."""
    loose = json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return plain_json(json.loads(loose, parse_constant=lambda _name: None))
