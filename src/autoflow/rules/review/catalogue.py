"""The catalogue of events that the config names: read from its files, asked where references of an event lead."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from autoflow.matching.near import write_near
from autoflow.matching.paths import steps_of
from autoflow.matching.steps import write_steps
from autoflow.model.condition import Reference
from autoflow.model.json import Json
from autoflow.model.problem import Problem, Severity
from autoflow.rules import codes
from autoflow.rules.review.shapes import UNKNOWN, ExampleShape, SchemaShape, Sight
from autoflow.rules.source import read_file, show_path
from autoflow.settings import EventFiles
from autoflow.strict_yaml import Place, problem_at, read_yaml

_FIRST = Place(line=1, column=1, end_line=1, end_column=2)


class EventShape:
    """All that is known of the data of one event."""

    def __init__(self, name: str, schema: SchemaShape | None, examples: Sequence[ExampleShape]) -> None:
        self.name = name
        self.schema = schema
        self._shapes = [shape for shape in (schema, *examples) if shape is not None]
        self._seen: dict[Reference, Sight] = {}

    def look(self, reference: Reference) -> Sight:
        """Where a reference leads: a schema has the first word, then what any example has."""
        if reference not in self._seen:
            self._seen[reference] = self._look(reference)
        return self._seen[reference]

    def _look(self, reference: Reference) -> Sight:
        sights = [shape.look(reference) for shape in self._shapes]
        there = [sight for sight in sights if sight.there]
        if there:
            return there[0] if there[0].by_schema or len(there) == 1 else _join(there)
        absent = [sight for sight in sights if sight.there is False]
        known = absent and (absent[0].by_schema or len(absent) == len(sights))
        return absent[0] if known else UNKNOWN

    def near(self, reference: Reference) -> str | None:
        """What was probably meant."""
        found = (write_near(reference, shape.sample) for shape in self._shapes)
        return next((near for near in found if near is not None), None)


class Catalogue:
    """The events of the config, by name."""

    def __init__(self, shapes: Mapping[str, EventShape], problems: Sequence[Problem] = ()) -> None:
        self.shapes = shapes
        #: files that cannot be read
        self.problems = tuple(problems)

    def of(self, names: Sequence[str]) -> tuple[EventShape, ...]:
        """The shapes of these events; none where one of them is not known, or stands for many."""
        found = [self.shapes.get(name) for name in names]
        return tuple(shape for shape in found if shape is not None) if None not in found else ()


def read_catalogue(events: Mapping[str, EventFiles]) -> Catalogue:
    """The catalogue that these files are."""
    problems: list[Problem] = []
    shapes = {}
    for name, files in events.items():
        examples = [_read(path, name, problems) for path in files.examples]
        schema = _read(files.schema, name, problems) if files.schema is not None else None
        shapes[name] = EventShape(
            name,
            SchemaShape(schema) if schema is not None else None,
            [ExampleShape(_data_of(data, name)) for data in examples if data is not None],
        )
    return Catalogue(shapes, problems)


def data_reference(reference: Reference) -> Reference | None:
    """The same in the event's data; None for what stands in its envelope."""
    steps = steps_of(reference.path)
    if reference.fact == "event":
        steps = steps[1:] if steps[:1] == ("data",) else ()
    elif reference.fact != "trigger":
        return reference
    first = steps[0] if steps else None
    if not isinstance(first, str) or (reference.fact == "trigger" and first == "event"):
        return None
    return Reference(fact=first, path=write_steps(list(steps[1:])))


def _read(path: Path, name: str, problems: list[Problem]) -> Json | None:
    """What a file holds, as JSON or YAML; None where it cannot be read, or holds nothing."""
    file = read_file(path, None)
    if file.problem is not None:
        problems.append(replace(file.problem, hint=_named(name)))
        return None
    if path.suffix == ".json":
        try:
            return json.loads(file.text)
        except ValueError as error:
            problems.append(_refuse(path, name, error))
            return None
    read = read_yaml(file.text, path=show_path(path))
    problems += read.all_problems
    return read.documents[0].value if read.documents else None


def _refuse(path: Path, name: str, error: ValueError) -> Problem:
    place, said = _FIRST, str(error)
    if isinstance(error, json.JSONDecodeError):
        place = Place(line=error.lineno, column=error.colno, end_line=error.lineno, end_column=error.colno + 1)
        said = error.msg
    message = f"cannot be read: this is not JSON: {said}"
    return problem_at(show_path(path), place, Severity.ERROR, codes.UNREADABLE, message, _named(name))


def _named(name: str) -> str:
    """Who wants the file: it is not where rules are."""
    return f"the config names it under events: {name}"


def _data_of(example: Json, name: str) -> Json:
    """The data of an example that is a whole event."""
    whole = isinstance(example, dict) and example.get("type") == name and isinstance(example.get("data"), dict)
    return example["data"] if whole else example


def _join(sights: Sequence[Sight]) -> Sight:
    types = [sight.types for sight in sights]
    known = [kinds for kinds in types if kinds is not None]
    return Sight(there=True, types=frozenset().union(*known) if len(known) == len(types) else None)
