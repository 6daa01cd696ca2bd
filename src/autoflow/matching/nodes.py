"""What the readers of trees share: where they are, what they found, and which keys a tree may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from autoflow.errors import ConditionError
from autoflow.matching import codes
from autoflow.matching.coercion import reads_as_number
from autoflow.matching.paths import write_reference
from autoflow.model.condition import All, Any, Condition, Leaf, Not, Reference
from autoflow.model.json import Json

MAX_DEPTH: Final = 64
MAX_NODES: Final = 2_000

SPELLINGS: Final = {"AND": "all", "OR": "any", "NOT": "not", "and": "all", "or": "any"}
"""Accepted spelling of a group's key -> the canonical one."""

AGGREGATES: Final = frozenset({"count", "sum", "avg", "min", "max", "distinct"})

REFUSED_KEYS: Final = {
    "params": "facts take no parameters here",
    "onSuccess": "what follows stands under actions",
    "onFailure": "what follows stands under actions",
    "event": "what follows stands under actions",
    "factResult": "it belongs to a result, not to a condition",
    "valueResult": "it belongs to a result, not to a condition",
    "result": "it belongs to a result, not to a condition",
    "default": "a missing value has no default here; use exists",
}
"""Key -> why it is refused."""


class Place(NamedTuple):
    """Where in the document a part stands, and how many conditions are above it."""

    pointer: tuple[str | int, ...] = ()
    depth: int = 1

    def below(self, key: str | int) -> Place:
        """A member; only an element of a list or the part of a `not` is a level of its own."""
        deeper = isinstance(key, int) or SPELLINGS.get(key, key) == "not"
        return Place(pointer=(*self.pointer, key), depth=self.depth + deeper)


@dataclass(slots=True)
class Findings:
    """Errors and warnings, in the order they are found, and how many nodes there were."""

    errors: list[ConditionError] = field(default_factory=list)
    warnings: list[ConditionError] = field(default_factory=list)
    nodes: int = 0

    def error(self, place: Place, message: str, code: str, *, hint: str | None = None) -> None:
        """Keep an error."""
        self.errors.append(ConditionError(message, pointer=place.pointer, code=code, hint=hint))

    def warn(self, place: Place, message: str, code: str, *, hint: str | None = None) -> None:
        """Keep a warning."""
        self.warnings.append(ConditionError(message, pointer=place.pointer, code=code, hint=hint))

    def take(self, place: Place, error: ConditionError) -> None:
        """Keep an error of a line or a path, which knows its column but not its place in the tree."""
        error.pointer = place.pointer
        self.errors.append(error)

    def count_node(self, place: Place) -> bool:
        """Whether there is room for one more; the first that has none is an error."""
        self.nodes += 1
        if self.nodes == MAX_NODES + 1:
            self.error(place, f"a condition has at most {MAX_NODES} parts", codes.TOO_LARGE)
        return self.nodes <= MAX_NODES

    def count_nodes(self, place: Place, condition: Condition) -> bool:
        """Whether there is room for the parts of a condition that is counted already itself."""
        return all(self.count_node(place) for _ in list(walk(condition))[1:])

    def read_extras(self, value: Mapping[str, Json], place: Place) -> tuple[int | None, str | None]:
        """A part's priority and name."""
        priority, name = value.get("priority"), value.get("name")
        if priority is not None and (not isinstance(priority, int) or isinstance(priority, bool)):
            self.error(place.below("priority"), "a priority is a whole number", codes.WRONG_VALUE)
            priority = None
        if name is not None and not isinstance(name, str):
            self.error(place.below("name"), "a name is a text", codes.WRONG_VALUE)
            name = None
        return priority, name

    def warn_about_number(self, place: Place, text: str, column: int) -> None:
        """Warn of a number in a line that is not what it looks like."""
        message = f"{text} is read as the number {float(text):.15g}"
        self.warnings.append(
            ConditionError(
                message, pointer=place.pointer, code=codes.NUMBER_LOST, hint=f'quote it to keep it: "{text}"',
                column=column, width=len(text),
            )
        )  # fmt: skip

    def warn_about(self, place: Place, condition: Condition) -> None:
        """Warn of comparisons that mean something else than they seem to."""
        for part in walk(condition):
            if isinstance(part, Leaf) and not isinstance(part.value, Reference):
                self._warn_about_leaf(place, part, part.value)

    def _warn_about_leaf(self, place: Place, leaf: Leaf, value: Json) -> None:
        if leaf.operator in {"notEqual", "not:equal"} and value is None:
            written = write_reference(leaf.left)
            message = f"{written} != null holds for a missing value too"
            self.warn(place, message, codes.NOT_EQUAL_NULL, hint=f"write {written} exists, or operator: exists")
        elif leaf.operator in {"equal", "notEqual"} and isinstance(value, list | dict):
            message = f"{write_reference(leaf.left)} is never equal to a list or map that is written here"
            self.warn(place, message, codes.NEVER_EQUAL, hint="use in, contains or everyFact:in")
        elif leaf.operator.startswith(("lessThan", "greaterThan")) and isinstance(value, str):
            self._warn_about_order(place, leaf, [value])
        elif leaf.operator.startswith(("lessThan", "greaterThan")) and not _orders_well(value):
            message = f"{write_reference(leaf.left)} is compared by size with something that has none"
            self.warn(place, message, codes.ODD_ORDER, hint="json-rules-engine takes null for 0 and true for 1")
        elif leaf.operator == "between":
            self._warn_about_order(place, leaf, value)

    def _warn_about_order(self, place: Place, leaf: Leaf, bounds: Sequence[Json]) -> None:
        """Only what begins as a number is ever less or greater: words have no order here."""
        words = [bound for bound in bounds if isinstance(bound, str) and not reads_as_number(bound)]
        if words:
            message = (
                f"{write_reference(leaf.left)} is compared by size with {words[0]!r}, which is no number and no date"
            )
            self.warn(place, message, codes.ODD_ORDER, hint="only what begins as a number is less or greater")


def _orders_well(value: Json) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def walk(condition: Condition) -> Iterator[Condition]:
    """A condition and all its parts."""
    stack = [condition]
    while stack:
        part = stack.pop()
        yield part
        match part:
            case Not():
                stack.append(part.condition)
            case All() | Any():
                stack.extend(reversed(part.conditions))
            case Leaf():
                pass


def unspell_group(value: dict[str, Json], place: Place) -> tuple[dict[str, Json], Place]:
    """`{operator: AND, conditions: [...]}` as `{AND: [...]}`; other maps as they are."""
    operator, parts = value.get("operator"), value.get("conditions")
    if "fact" in value or not isinstance(operator, str) or operator.upper() not in {"AND", "OR", "NOT"}:
        return value, place
    if not isinstance(parts, list):
        return value, place
    rest = {key: part for key, part in value.items() if key not in {"operator", "conditions"}}
    single = operator.upper() == "NOT" and len(parts) == 1
    return {**rest, operator.upper(): parts[0] if single else parts}, place
