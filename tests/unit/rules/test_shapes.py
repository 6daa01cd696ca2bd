"""What a schema and examples say of references: never that something is not there which a valid event has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from autoflow.matching.lookup import MISSING
from autoflow.matching.paths import compile_reference, parse_reference, write_reference
from autoflow.matching.steps import write_steps
from autoflow.model.condition import Reference
from autoflow.rules.review.catalogue import EventShape, data_reference
from autoflow.rules.review.shapes import ExampleShape, SchemaShape, type_of

NAMES = st.sampled_from(["a", "b", "c"])
scalars = st.sampled_from([None, True, 0, 1, 2.5, "x", "y"])
data = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
plain_schemas = st.sampled_from(
    [
        {},
        True,
        {"type": "string"},
        {"type": ["number", "null"]},
        {"enum": ["x", 1]},
        {"const": True},
        {"$ref": "#/$defs/d"},
    ]
)


def _larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(NAMES, inner, max_size=3)
    closed = {"additionalProperties": False}
    return st.one_of(
        st.builds(lambda m: {"type": "object", "properties": m, **closed}, members),
        st.builds(lambda m: {"properties": m, **closed}, members),
        st.builds(lambda m, o: {"properties": m, "additionalProperties": o}, members, inner),
        st.builds(lambda m, o: {"patternProperties": {"^[ab]$": o}, "properties": m, **closed}, members, inner),
        st.builds(lambda i: {"type": "array", "items": i}, inner),
        st.builds(lambda i, j: {"prefixItems": [i], "items": j}, inner, inner),
        st.builds(lambda key, i, j: {key: [i, j]}, st.sampled_from(["anyOf", "oneOf", "allOf"]), inner, inner),
        st.builds(lambda i, j, k: {"if": i, "then": j, "else": k}, inner, inner, inner),
    )


schemas = st.recursive(plain_schemas, _larger, max_leaves=8)


def turns_in_a_circle(definition: Any) -> bool:
    """Whether a definition asks itself about the same value again: no validator comes to an end with that."""
    if not isinstance(definition, dict):
        return False
    beside = [inner for key in ("anyOf", "oneOf", "allOf") for inner in definition.get(key, ())]
    beside += [definition[key] for key in ("if", "then", "else") if key in definition]
    return "$ref" in definition or any(map(turns_in_a_circle, beside))


def references_in(value: Any, steps: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every path that leads to something."""
    found = [steps] if steps else []
    if isinstance(value, dict):
        found += [path for key, inner in value.items() for path in references_in(inner, (*steps, key))]
    elif isinstance(value, list) and steps:
        found += [path for n, inner in enumerate(value) for path in references_in(inner, (*steps, str(n)))]
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(schemas, schemas, st.lists(st.dictionaries(NAMES, data, min_size=1, max_size=3), min_size=12, max_size=12))
def test_nothing_that_a_valid_event_has_is_said_to_be_missing(
    schema: Any, definition: Any, many: list[dict[str, Any]]
) -> None:
    """Whatever the schema is made of: what is there is never called absent, nor of another type or value."""
    if isinstance(schema, bool):
        return
    whole = {**schema, "$defs": {"d": {} if turns_in_a_circle(definition) else definition}}
    validator, shape = Draft202012Validator(whole), SchemaShape(whole)
    for event in many:
        valid = validator.is_valid(event)
        for fact, *steps in references_in(event) if valid else ():
            reference = Reference(fact=fact, path=write_steps(list(steps)))
            sight, value = shape.look(reference), compile_reference(reference)(event)
            assert sight.there is not False
            assert value is not MISSING
            assert sight.types is None or type_of(value) in sight.types
            if sight.values is not None and not isinstance(value, list | dict):
                assert any(type_of(one) == type_of(value) and one == value for one in sight.values)


SCHEMA = {
    "properties": {
        "job": {
            "type": "object",
            "properties": {
                "total": {"type": "integer"},
                "name": {"type": "string"},
                "tags": {"type": "array", "items": {"properties": {"id": {"type": "string"}}}},
                "open": {"type": "object"},
                "self": {"$ref": "#/properties/job"},
                "other": {"$ref": "other.json#/x"},
                "named": {"$ref": "#anchor"},
                "odd": {"patternProperties": {"(": {}}, "properties": {"a": {}}},
            },
        }
    }
}


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("job.total", True),
        ("job.totl", False),
        ("jb.total", False),
        ("job.name.first", False),
        ("job.name.length", True),
        ("job.tags[0].id", True),
        ("job.tags[0].idd", False),
        ("job.tags[*].id", True),
        ("job.tags[*].idd", False),
        ("job.tags.length", True),
        ("job.open.anything", None),
        ("job.self.self.total", True),
        ("job.self.self.totl", False),
        ("job.other.x", None),
        ("job.named.x", None),
        ("job.odd.b", True),
    ],
)
def test_a_schema_says_what_there_is(written: str, there: bool | None) -> None:
    """What properties name is there, what they do not name is not; what the schema leaves open cannot be told."""
    assert SchemaShape(SCHEMA).look(parse_reference(written)).there is there


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("job.id", True),
        ("job.idd", False),
        ("jobs", False),
        ("job.client.phone", None),
        ("job.extra.x", None),
        ("job.list[0]", None),
        ("job.parts[0].id", True),
        ("job.parts[*].id", True),
        ("job.parts[*].name", False),
        ("note.anything", None),
    ],
)
def test_an_example_says_what_it_shows(written: str, there: bool | None) -> None:
    """Inside of null, an empty list or an empty map, and in a fact that is no map, nothing can be told."""
    data = {"job": {"id": 1, "client": None, "extra": {}, "list": [], "parts": [{"id": 1}]}, "note": "x"}
    assert ExampleShape(data).look(parse_reference(written)).there is there


def test_a_schema_counts_more_than_an_example() -> None:
    """What the schema leaves open an example may show; what an example shows is there, whatever the schema says."""
    shape = EventShape("e", SchemaShape(SCHEMA), [ExampleShape({"job": {"extra": 1, "open": {"x": 1}}})])
    assert shape.look(parse_reference("job.extra")).there is True
    assert shape.look(parse_reference("job.open.x")).there is True
    assert shape.look(parse_reference("job.open.y")).there is None
    assert shape.look(parse_reference("job.nothing")).there is False
    assert shape.near(parse_reference("job.totl")) == "job.total"


def test_what_must_hold_together_narrows_the_types() -> None:
    """All of several schemas leave what each of them leaves; any of them, what one leaves."""
    both = [{"type": ["string", "null"]}, {"type": ["string", "number"]}]
    for key, types in (("allOf", {"string"}), ("anyOf", {"string", "null", "number"})):
        sight = SchemaShape({"properties": {"a": {key: both}}}).look(parse_reference("a"))
        assert sight.types == types


def test_a_schema_that_leads_back_to_itself_comes_to_an_end() -> None:
    """References in a circle, and none that says anything, leave everything open."""
    circle = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"allOf": [{"$ref": "#"}]}]}}}
    assert SchemaShape(circle).look(parse_reference("job.x")).there is None
    for schema in (True, {}, {"type": "object"}, [], "x", None, {"properties": []}, {"allOf": {}}, {"$ref": 5}):
        assert SchemaShape(schema).look(parse_reference("job.x")).there is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("job.id", "job.id"),
        ("event.data.job.id", "job.id"),
        ("trigger.job.id", "job.id"),
        ("event.id", None),
        ("event.data", None),
        ("event", None),
        ("trigger", None),
        ("trigger.event.id", None),
    ],
)
def test_the_envelope_is_not_looked_up_in_the_data(written: str, meant: str | None) -> None:
    """`event.data.job` and `trigger.job` are the data's; the rest of the envelope is the sender's own."""
    found = data_reference(parse_reference(written))
    assert (None if found is None else write_reference(found)) == meant
