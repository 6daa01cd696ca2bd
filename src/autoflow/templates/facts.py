"""Facts as templates see them: keys only. `{{ job.items }}` is the data's `items`, never a method.

The template engine looks a name up as a key and then as a Python attribute, and calls real methods; these
containers answer no attribute, so that a template can neither print a method nor change the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from autoflow.model.json import Json


class FrozenMap(dict[str, Any]):
    """A map without reachable methods. Made by `freeze_facts` only."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):  # Python's own machinery; the engine refuses such names by itself
            return dict.__getattribute__(self, name)
        raise AttributeError(name)


class FrozenList(list[Any]):
    """A list without reachable methods. Made by `freeze_facts` only."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            return list.__getattribute__(self, name)
        raise AttributeError(name)


def freeze_facts(facts: Mapping[str, Json]) -> FrozenMap:
    """The facts for templates. Do it once for a run and hand the result to every render."""
    if isinstance(facts, FrozenMap):
        return facts
    return FrozenMap({str(key): _freeze(value) for key, value in facts.items()})


def _freeze(value: Json) -> Json:
    if isinstance(value, FrozenMap | FrozenList):
        return value
    if isinstance(value, Mapping):
        return FrozenMap({str(key): _freeze(part) for key, part in value.items()})
    if isinstance(value, list | tuple):
        return FrozenList([_freeze(part) for part in value])
    return value


def thaw(value: Json) -> Json:
    """Plain maps and lists again."""
    if isinstance(value, dict):
        return {str(key): thaw(part) for key, part in dict.items(value)}
    if isinstance(value, list | tuple):
        return [thaw(part) for part in value]
    return value


def write_value(value: Json) -> str:
    """A value as it stands in a message: null is empty, 2000.0 is 2000, maps and lists are JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dict | list | tuple):
        return json.dumps(thaw(value), ensure_ascii=False)
    return str(value)
