"""A condition: a tree in json-rules-engine's format. Lines are parsed into it; the compiler reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from autoflow.model.json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where a value is found: a fact's name and a JSON path inside it (`$.a.b`, `$[0]`) or nothing."""

    fact: str
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One comparison. `operator` may carry decorators (`someFact:equal`)."""

    left: Reference
    operator: str
    #: a literal, or a Reference
    value: Json | Reference
    priority: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    """Holds when every part holds; an empty one holds."""

    conditions: tuple[Condition, ...]
    priority: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Any:
    """Holds when one part holds; an empty one holds too, as in json-rules-engine."""

    conditions: tuple[Condition, ...]
    priority: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """Holds when its part does not."""

    condition: Condition
    priority: int | None = None
    name: str | None = None


Condition: TypeAlias = Leaf | All | Any | Not


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One node of a condition with what was found: the tree that `test-rule` and `why` show."""

    #: all, any, not or leaf
    kind: str
    #: None when a sibling of higher priority had decided and this part was not looked at
    result: bool | None
    #: a leaf's own words: fact, path, operator, value
    leaf: Leaf | None = None
    actual: Json = None
    #: whether the left side was there at all: missing is not null
    found: bool = True
    #: the right side's value, after a reference was followed
    expected: Json = None
    parts: tuple[Explanation, ...] = ()
    name: str | None = None
