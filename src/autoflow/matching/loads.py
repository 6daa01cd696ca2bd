"""The lines of a generated function that fetch what its conditions read: each reference once, shared ways once.

Keys are written by `repr`, everything else is bound by name: nothing that a person wrote becomes code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from autoflow.matching.coercion import order_number
from autoflow.matching.lookup import MISSING
from autoflow.matching.paths import compile_reference, steps_of
from autoflow.model.condition import Reference
from autoflow.model.json import Json

_NOT_YET: Final = object()
"""Stands in a variable whose path was not followed yet."""
LONGEST_TEXT: Final = 80
"""Longer literals are bound, so that the source stays small."""


@dataclass(slots=True)
class _Way:
    """A map that is entered: the names looked up in it, and what is read at or below each."""

    variable: str
    steps: dict[str, _Way] = field(default_factory=dict)
    below: list[Reference] = field(default_factory=list)


class Loads:
    """The variables of one generated function, and the lines that fill them."""

    def __init__(self) -> None:
        #: what the function's text refers to by name
        self.bound: dict[str, object] = {"M": MISSING, "N": order_number}
        self._facts: dict[str, _Way] = {}
        self._variables: dict[Reference, str] = {}
        self._numbers: dict[str, str] = {}
        self._late: dict[Reference, str] = {}

    def bind(self, value: object) -> str:
        """A name for a value that does not stand in the text."""
        name = f"c{len(self.bound)}"
        self.bound[name] = value
        return name

    def literal(self, value: Json) -> str:
        """A literal in the text where its `repr` is short and plain, else a name for it."""
        plain = value is None or type(value) in (bool, str, int)
        short = not isinstance(value, str | int) or (
            len(value) <= LONGEST_TEXT if isinstance(value, str) else abs(value) < 1 << 63
        )
        return f"({value!r})" if plain and short else self.bind(value)

    def value(self, reference: Reference) -> str:
        """The variable with what a reference means; a path with wildcards is followed when it is first needed."""
        if any(not isinstance(step, str) for step in steps_of(reference.path)):
            return self._value_late(reference)
        if reference not in self._variables:
            self._variables[reference] = self._enter(reference)
        return self._variables[reference]

    def number(self, reference: Reference) -> str:
        """The variable with the number that `<` and its kin take the value for; NaN where they never hold."""
        value = self.value(reference)
        if reference not in self._variables:
            return f"N({value})"
        return self._numbers.setdefault(value, f"n{len(self._numbers)}")

    def lines(self) -> list[str]:
        """The lines that fill every variable."""
        lines = [f" w{number} = L" for number in range(len(self._late))]
        for fact, way in self._facts.items():
            lines += [" try:", f"  {way.variable} = facts[{fact!r}]", " except KeyError:", f"  {way.variable} = M"]
            if way.steps:
                lines += self._descend(way, depth=1, first=True)
        for value, number in self._numbers.items():
            kind = f"type({value})"
            lines.append(f" {number} = {value} if {kind} is float or {kind} is int else N({value})")
        return lines

    def _value_late(self, reference: Reference) -> str:
        self.bound["L"] = _NOT_YET
        if reference not in self._late:
            name, load = f"w{len(self._late)}", self.bind(compile_reference(reference))
            self._late[reference] = f"({name} if {name} is not L else ({name} := {load}(facts)))"
        return self._late[reference]

    def _enter(self, reference: Reference) -> str:
        """Put a reference on its way; the variable that will hold it."""
        if reference.fact not in self._facts:
            self._facts[reference.fact] = _Way(f"f{len(self._facts)}")
        way = self._facts[reference.fact]
        for step in steps_of(reference.path):
            way.below.append(reference)
            way = way.steps.setdefault(str(step), _Way(f"{way.variable}_{len(way.steps)}"))
        return way.variable

    def _descend(self, way: _Way, *, depth: int, first: bool) -> list[str]:
        """Fill what lies below a map; where there is none, follow each path by itself."""
        pad = " " * depth
        lines = [f"{pad}if type({way.variable}) is dict:"]
        for step, below in way.steps.items():
            lines.append(f"{pad} {below.variable} = {way.variable}.get({step!r}, M)")
            if below.steps:
                lines += self._descend(below, depth=depth + 1, first=False)
        targets = dict.fromkeys(way.below)
        if not first:
            # Below a fact nothing is found in what is missing; a fact itself is looked at whatever it is.
            lines.append(f"{pad}elif {way.variable} is M or {way.variable} is None:")
            lines.append(f"{pad} " + "".join(f"{self._variables[one]} = " for one in targets) + "M")
        lines.append(f"{pad}else:")
        lines += [f"{pad} {self._variables[one]} = {self.bind(compile_reference(one))}(facts)" for one in targets]
        return lines


def build_function(loads: Loads, after: list[str]) -> Callable[[Mapping[str, Json]], object]:
    """The function of the facts with the loads' lines and those after them."""
    text = "\n".join(["def judge(facts):", *loads.lines(), *after, ""])
    code = compile(text, "<conditions>", "exec")
    exec(code, loads.bound)  # noqa: S102  # the text is ours: literals by repr, everything else bound by name
    function: Callable[[Mapping[str, Json]], object] = loads.bound["judge"]  # type: ignore[assignment]  # just made
    return function


def compile_loads(references: list[Reference]) -> Callable[[Mapping[str, Json]], tuple[Json, ...]]:
    """A function to the facts themselves and after them the values of all references."""
    loads = Loads()
    values = [loads.value(reference) for reference in references]
    return build_function(loads, [f" return (facts, {', '.join(values)})"])  # type: ignore[return-value]  # see there
