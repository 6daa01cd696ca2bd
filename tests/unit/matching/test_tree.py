"""Trees, lists of lines and shared conditions: what they are read as, and every mistake with its pointer."""

from __future__ import annotations

from typing import Any

import pytest

from autoflow.matching import codes
from autoflow.matching.compiler import compile_condition
from autoflow.matching.tree import parse_condition, references_of, resolve_shared, write_condition
from autoflow.model import condition as model
from autoflow.model.condition import All, Leaf, Not, Reference

A = {"fact": "a", "operator": "equal", "value": 1}
LEAF = Leaf(left=Reference(fact="a"), operator="equal", value=1)
TOTAL = Reference(fact="job", path="$.total")

READ: list[tuple[Any, Any]] = [
    (A, LEAF),
    ([A, "a == 1"], All(conditions=(LEAF, LEAF))),
    ([], All(conditions=())),
    ({"all": [A]}, All(conditions=(LEAF,))),
    ({"AND": ["a == 1"]}, All(conditions=(LEAF,))),
    ({"OR": [A], "name": "n", "priority": 3}, model.Any(conditions=(LEAF,), name="n", priority=3)),
    ({"NOT": A}, Not(condition=LEAF)),
    ({"operator": "AND", "conditions": [A]}, All(conditions=(LEAF,))),
    ({"operator": "or", "conditions": [A]}, model.Any(conditions=(LEAF,))),
    ({"operator": "NOT", "conditions": [A]}, Not(condition=LEAF)),
    ({"any": [[A, A]]}, model.Any(conditions=(All(conditions=(LEAF, LEAF)),))),
    ({"not": [A]}, None),
    ({"fact": "job", "path": "$.total", "operator": "gt", "value": 1}, None),
    (
        {"fact": "job", "path": "$.total", "operator": "greater_than", "value": 1},
        Leaf(left=TOTAL, operator="greaterThan", value=1),
    ),
    ({"fact": "job.total", "operator": "equal", "value": 1}, Leaf(left=TOTAL, operator="equal", value=1)),
    ({"fact": "$.job.total", "operator": "equal", "value": 1}, Leaf(left=TOTAL, operator="equal", value=1)),
    (
        {"fact": "job.total", "path": "$.x", "operator": "equal", "value": 1},
        Leaf(left=Reference(fact="job.total", path="$.x"), operator="equal", value=1),
    ),
    (
        {"fact": "job-total", "path": "", "operator": "equal", "value": 1},
        Leaf(left=Reference(fact="job-total"), operator="equal", value=1),
    ),
    ({"field": "email", "operator": "NOT_NULL"}, Leaf(left=Reference(fact="email"), operator="exists", value=True)),
    (
        {"fact": "a", "operator": "is_empty", "value": None},
        Leaf(left=Reference(fact="a"), operator="isEmpty", value=True),
    ),
    ({**A, "value": {"fact": "job.total"}}, Leaf(left=Reference(fact="a"), operator="equal", value=TOTAL)),
    (
        {**A, "value": {"source": "fact", "fact": "job", "path": "$.total"}},
        Leaf(left=Reference(fact="a"), operator="equal", value=TOTAL),
    ),
    (
        {**A, "value": {"literal": {"fact": "x"}}},
        Leaf(left=Reference(fact="a"), operator="equal", value={"fact": "x"}),
    ),
    (
        {**A, "priority": 5, "name": "n"},
        Leaf(left=Reference(fact="a"), operator="equal", value=1, priority=5, name="n"),
    ),
    (
        {"fact": "a.b", "path": "$", "operator": "equal", "value": 1},
        Leaf(left=Reference(fact="a.b"), operator="equal", value=1),
    ),
]


@pytest.mark.parametrize(("document", "condition"), READ)
def test_a_document_means_a_condition(document: Any, condition: Any) -> None:
    """Trees, lists and the accepted spellings are read as one form, which reads back from its own writing."""
    parsed = parse_condition(document)
    assert parsed.condition == condition
    if condition is not None:
        assert parse_condition(write_condition(condition)).condition == condition


REFUSED: list[tuple[Any, list[tuple[str, tuple[Any, ...], str]]]] = [
    (None, [("AF201", (), "not null")]),
    (5, [("AF201", (), "quote a line")]),
    (True, [("AF201", (), "quote a line")]),
    ({}, [("AF201", (), "no condition")]),
    ({"al": [A]}, [("AF201", (), "did you mean all?")]),
    ({"all": A}, [("AF201", ("all",), "takes a list")]),
    ({"not": [A]}, [("AF201", ("not",), "one condition")]),
    ({"all": [A], "any": [A]}, [("AF202", (), "stand in one map")]),
    ({"all": [A], "fact": "a"}, [("AF202", (), "stand in one map")]),
    ({"all": [A], "foo": 1}, [("AF203", ("foo",), "not known")]),
    ({"all": [A], "onSuccess": 1}, [("AF216", ("onSuccess",), "under actions")]),
    ({"event": {"type": "x"}}, [("AF216", ("event",), "under actions")]),
    ({**A, "valeu": 1}, [("AF203", ("valeu",), "did you mean value?")]),
    ({**A, "params": {}}, [("AF216", ("params",), "no parameters")]),
    ({**A, "source": "secret"}, [("AF207", ("source",), "fact only")]),
    ({"fact": "a", "operator": "equal"}, [("AF204", (), "needs its value")]),
    ({"fact": "a", "value": 1}, [("AF204", (), "needs its operator")]),
    ({"operator": "equal", "value": 1}, [("AF204", (), "needs its fact")]),
    ({"fact": 5, "operator": "equal", "value": 1}, [("AF208", ("fact",), "name of a value")]),
    ({"fact": "a..", "operator": "equal", "value": 1}, [("AF209", ("fact",), "behind `..`")]),
    ({"fact": "a", "path": "$.b[1:2]", "operator": "equal", "value": 1}, [("AF210", ("path",), "a slice")]),
    ({"fact": "a", "path": 5, "operator": "equal", "value": 1}, [("AF209", ("path",), "is a text")]),
    ({"fact": "a", "operator": "equl", "value": 1}, [("AF205", ("operator",), "did you mean equal?")]),
    ({"fact": "a", "operator": 5, "value": 1}, [("AF205", ("operator",), "is a text")]),
    ({"fact": "a", "operator": "before", "value": 1}, [("AF217", ("operator",), "not do yet")]),
    ({"fact": "a", "operator": "someFacts:equal", "value": 1}, [("AF206", ("operator",), "did you mean someFact?")]),
    ({"fact": "a", "operator": "in", "value": "abc"}, [("AF207", ("value",), "containsText")]),
    ({"fact": "a", "operator": "in", "value": None}, [("AF207", ("value",), "needs a list")]),
    ({"fact": "a", "operator": "someValue:in", "value": [1]}, [("AF207", ("value",), "needs a list")]),
    ({"fact": "a", "operator": "someValue:equal", "value": 1}, [("AF207", ("value",), "someValue needs a list")]),
    ({"fact": "a", "operator": "matches", "value": "(?=a)"}, [("AF211", ("value",), "lookahead")]),
    ({"fact": "a", "operator": "matches", "value": "a" * 1001}, [("AF211", ("value",), "at most 1000")]),
    ({"fact": "a", "operator": "matches", "value": "\ud800"}, [("AF211", ("value",), "RE2 cannot")]),
    ({"fact": "a", "operator": "someValue:matches", "value": ["a", "("]}, [("AF211", ("value",), "RE2 cannot")]),
    (
        {"fact": "a", "operator": "matches", "value": {"fact": "b"}},
        [("AF207", ("value",), "written in the condition")],
    ),
    ({"fact": "a", "operator": "between", "value": [1]}, [("AF207", ("value",), "two bounds")]),
    ({"fact": "a", "operator": "exists", "value": False}, [("AF207", ("value",), "takes no value")]),
    ({**A, "value": {"fact": "b", "default": 1}}, [("AF216", ("value", "default"), "no default")]),
    ({**A, "value": {"fact": "b", "params": 1}}, [("AF216", ("value", "params"), "no parameters")]),
    ({**A, "value": {"fact": ""}}, [("AF208", ("value", "fact"), "name of a value")]),
    ({**A, "value": float("nan")}, [("AF207", ("value",), "NaN")]),
    ({**A, "value": {"x": {5: 1}}}, [("AF207", ("value",), "JSON")]),
    ({**A, "priority": "5"}, [("AF207", ("priority",), "whole number")]),
    ({**A, "priority": True}, [("AF207", ("priority",), "whole number")]),
    ({**A, "name": 5}, [("AF207", ("name",), "is a text")]),
    ({"condition": "x"}, [("AF212", ("condition",), "there are none")]),
    ({"condition": 5}, [("AF212", ("condition",), "no shared condition")]),
    (
        {"count": "payment.failed", "within": "24h", "operator": "equal", "value": 3},
        [("AF217", ("count",), "other events")],
    ),
    (
        {"all": ["a = 1", {"any": [{**A, "operator": "eq"}, {"fact": "b"}]}]},
        [
            ("AF222", ("all", 0), "use =="),
            ("AF205", ("all", 1, "any", 0, "operator"), "no operator"),
            ("AF204", ("all", 1, "any", 1), "operator"),
            ("AF204", ("all", 1, "any", 1), "value"),
        ],
    ),
]


@pytest.mark.parametrize(("document", "expected"), REFUSED)
def test_every_mistake_is_collected_with_its_pointer(
    document: Any, expected: list[tuple[str, tuple[Any, ...], str]]
) -> None:
    """A document with mistakes gives no condition, and all of its mistakes, each at its place."""
    parsed = parse_condition(document)
    assert parsed.condition is None
    assert [(error.code, error.pointer) for error in parsed.errors] == [(code, at) for code, at, _ in expected]
    for error, (_, _, words) in zip(parsed.errors, expected, strict=True):
        assert words in str(error)
        assert error.code in codes.CODES


def nest(depth: int) -> Any:
    """A condition under that many `not`."""
    document: Any = "a == 1"
    for _ in range(depth):
        document = {"not": document}
    return document


def test_depth_and_size_have_bounds() -> None:
    """64 levels and 2,000 parts load; one more of either does not, and 10,000 levels end no process."""
    assert parse_condition(nest(63)).condition is not None
    assert [error.code for error in parse_condition(nest(64)).errors] == ["AF214"]
    assert [error.code for error in parse_condition(nest(800)).errors] == ["AF214"]
    assert parse_condition(["a == 1"] * 1_999).condition is not None
    assert [error.code for error in parse_condition(["a == 1"] * 2_000).errors] == ["AF215"]
    assert [error.code for error in parse_condition(["a == 1 and b == 1"] * 1_000).errors] == ["AF215"]


def test_the_deepest_condition_compiles_and_evaluates() -> None:
    """What the bounds let in can be compiled and judged."""
    condition = parse_condition(nest(63)).condition
    assert condition is not None
    assert compile_condition(condition)({"a": 2}) is True


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"fact": "a", "operator": "notEqual", "value": None}, "AF241"),
        ({"fact": "a", "operator": "not:equal", "value": None}, "AF241"),
        ({"any": []}, "AF242"),
        ({"all": []}, "AF242"),
        ({"fact": "a", "operator": "equal", "value": [1]}, "AF243"),
        ({"fact": "a", "operator": "lessThan", "value": None}, "AF244"),
        ({"fact": "a", "operator": "greaterThan", "value": True}, "AF244"),
    ],
)
def test_what_loads_but_means_something_else_is_warned_of(document: Any, code: str) -> None:
    """Forms that json-rules-engine takes and that surprise load with a warning."""
    parsed = parse_condition(document)
    assert parsed.condition is not None
    assert [warning.code for warning in parsed.warnings] == [code]


def test_a_shared_condition_stands_where_its_name_is() -> None:
    """`{condition: name}` is the shared tree, with its name, and with the priority of the place that uses it."""
    shared, errors = resolve_shared(
        {"big": {"all": ["job.total > 5"], "priority": 9}, "vip": {"any": [{"condition": "big"}, "job.vip == true"]}}
    )
    assert errors == []
    parsed = parse_condition({"all": [{"condition": "vip", "priority": 2}]}, shared=shared)
    (vip,) = parsed.condition.conditions  # type: ignore[union-attr]  # it is an All
    assert (vip.name, vip.priority) == ("vip", 2)
    assert (vip.conditions[0].name, vip.conditions[0].priority) == ("big", None)
    assert parse_condition(write_condition(parsed.condition)).condition == parsed.condition  # type: ignore[arg-type]  # there are no errors


def test_an_unknown_name_has_a_near_match() -> None:
    """A misspelt shared condition is an error that says which one was probably meant."""
    shared, _ = resolve_shared({"high_value": A})
    (error,) = parse_condition({"any": [{"condition": "high_vlue"}]}, shared=shared).errors
    assert (error.code, error.pointer) == ("AF212", ("any", 0, "condition"))
    assert "did you mean high_value?" in str(error)


def test_circles_of_shared_conditions_are_refused() -> None:
    """Conditions that refer to each other in a circle are errors that show it; the others load."""
    found, errors = resolve_shared(
        {
            "a": {"condition": "b"},
            "b": {"not": {"condition": "a"}},
            "self": {"all": [{"condition": "self"}]},
            "leads": {"condition": "a"},
            "good": A,
            "broken": "a = 1",
            "on_broken": {"condition": "broken"},
        }
    )
    assert set(found) == {"good"}
    told = {name: (error.code, error.message) for name, error in errors}
    assert told["a"] == ("AF213", "shared conditions form a circle: a -> b -> a")
    assert told["self"] == ("AF213", "shared conditions form a circle: self -> self")
    assert told["leads"] == ("AF213", "shared conditions form a circle: a -> b -> a")
    assert told["broken"][0] == "AF222"
    assert told["on_broken"] == ("AF212", "shared condition 'broken' has errors")


def test_shared_conditions_cannot_grow_without_bound() -> None:
    """Names that double each other are stopped by the bounds on depth and size."""
    documents: dict[str, Any] = {"c0": A}
    documents |= {f"c{n}": {"all": [{"condition": f"c{n - 1}"}, {"condition": f"c{n - 1}"}]} for n in range(1, 40)}
    found, errors = resolve_shared(documents)
    assert "c9" in found
    assert "c12" not in found
    assert errors[0][1].code == "AF215"


def test_shared_conditions_count_towards_the_depth() -> None:
    """A shared condition may not carry a tree below the 64th level."""
    shared, _ = resolve_shared({"deep": nest(40)})
    document: Any = {"condition": "deep"}
    for _ in range(24):
        document = {"not": document}
    (error,) = parse_condition(document, shared=shared).errors
    assert error.code == "AF214"
    assert parse_condition(document["not"]["not"], shared=shared).condition is not None


def test_references_are_listed_once_in_order() -> None:
    """Every reference of both sides is told, each once."""
    parsed = parse_condition(["b.x == 1", {"not": {**A, "value": {"fact": "c"}}}, "b.x == 2"])
    assert parsed.condition is not None
    assert references_of(parsed.condition) == (
        Reference(fact="b", path="$.x"),
        Reference(fact="a"),
        Reference(fact="c"),
    )


def test_every_code_is_explained() -> None:
    """Each code has one sentence, and no two mistakes share a code."""
    named = [value for name, value in vars(codes).items() if name.isupper() and isinstance(value, str)]
    assert sorted(named) == sorted(codes.CODES)
    assert all(sentence.endswith(".") for sentence in codes.CODES.values())
