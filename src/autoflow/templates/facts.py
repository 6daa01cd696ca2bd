"""Facts as templates see them: keys only. `{{ job.items }}` is the data's `items`, never a method.

The template engine looks a name up as a key and then as a Python attribute, and calls real methods; these
containers answer no attribute, so that a template can neither print a method nor change the data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
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


class FrozenFacts(Mapping[str, Any]):
    """The facts of a run for templates: each name is frozen once, where a template asks for it."""

    __slots__ = ("_frozen", "plain")

    def __init__(self, plain: Mapping[str, Json]) -> None:
        #: as they are, for who hands them to no template
        self.plain = plain
        self._frozen: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._frozen:
            self._frozen[name] = _freeze(self.plain[name])
        return self._frozen[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain)

    def __len__(self) -> int:
        return len(self.plain)

    def pick(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of these names that there are."""
        picked = {}
        for name in names:
            try:
                picked[name] = self[name]
            except KeyError:
                continue
        return picked


def freeze_facts(facts: Mapping[str, Json]) -> FrozenFacts:
    """The facts for templates. Do it once for a run and hand the result to every render."""
    return facts if type(facts) is FrozenFacts else FrozenFacts(facts)


def _freeze(value: Json) -> Json:
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return value
    if kind is FrozenMap or kind is FrozenList:
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
