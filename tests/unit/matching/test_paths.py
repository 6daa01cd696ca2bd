"""References and paths: what they are read as, what they find, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from autoflow.errors import ConditionError
from autoflow.matching.paths import MISSING, compile_reference, parse_path, parse_reference, write_reference
from autoflow.model.condition import Reference
from autoflow.templates.facts import freeze_facts

READ = [
    ("job", "job", None),
    ("$.job", "job", None),
    ("job.id", "job", "$.id"),
    ("$.job.client.id", "job", "$.client.id"),
    ("items[0].id", "items", "$[0].id"),
    ("job.0", "job", "$[0]"),
    ('job["any text"]', "job", '$["any text"]'),
    ("job['any text'].b", "job", '$["any text"].b'),
    ('job["id"]', "job", "$.id"),
    ('["job-total"].x', "job-total", "$.x"),
    ("job[*].id", "job", "$[*].id"),
    ("job.*", "job", "$[*]"),
    ("job..id", "job", "$..id"),
    ('job["a\\"b"]', "job", '$["a\\"b"]'),
    ("straße.größe", "straße", "$.größe"),
]


@pytest.mark.parametrize(("text", "fact", "path"), READ)
def test_a_reference_is_read_and_written(text: str, fact: str, path: str | None) -> None:
    """A dotted text has one meaning, and what is written of it reads back the same."""
    reference = parse_reference(text)
    assert reference == Reference(fact=fact, path=path)
    assert parse_reference(write_reference(reference)) == reference


PATHS = [
    ("$", None),
    ("$.a", "$.a"),
    ("a", "$.a"),
    ("a.b[0]", "$.a.b[0]"),
    ("$['a'].b", "$.a.b"),
    ("$.first-name", '$["first-name"]'),
    ("[0].a", "$[0].a"),
    ("$..[0]", "$..[0]"),
    ("$..*", "$..[*]"),
]


@pytest.mark.parametrize(("text", "path"), PATHS)
def test_a_path_has_one_spelling(text: str, path: str | None) -> None:
    """A path keeps its meaning, in one spelling, however it was written."""
    assert parse_path(text) == path


FACTS: dict[str, Any] = {
    "job": {
        "a": {"b": 1, "n": None, "0": "zero"},
        "list": [{"id": 1}, {"id": 2}, 3, [4]],
        "text": "ab😀",
        "empty": "",
        "id": 7,
    },
    "one": {"deep": [{"id": 1}]},
    "top": {"id": 1},
    "word": "text",
    "number": 5,
    "nothing": None,
    "array": [{"id": 1}],
}

FOUND = [
    ("job.a.b", 1),
    ("job.a.n", None),
    ("job.a.x", MISSING),
    ("job.a.n.x", MISSING),
    ("job.a.b.x", MISSING),
    ("job.a[0]", "zero"),
    ("job.list[0].id", 1),
    ("job.list[9]", MISSING),
    ("job.list.length", 4),
    ("job.list.x", MISSING),
    ("job.text.length", 4),
    ("job.text[0]", "a"),
    ("job.text[2]", "\ud83d"),
    ("job.text[9]", MISSING),
    ("job.empty.length", MISSING),
    ("word.x", "text"),
    ("number.x.y", 5),
    ("nothing.x", None),
    ("word..x", "text"),
    ("unknown", MISSING),
    ("unknown.x", MISSING),
    ("unknown.x.y", MISSING),
    ("unknown[*]", MISSING),
    ("job.list[*].id", [1, 2]),
    ("array[*].id", [1]),
    ("array[0].id", 1),
    ("array.length", 1),
    ("job.list[*].zz", MISSING),
    ("job.a.*", [1, None, "zero"]),
    ("job.text.*", MISSING),
    ("job..id", [7, 1, 2]),
    ("one..id", [1]),
    ("top..id", 1),
    ("top..zz", MISSING),
    ("job.list..[0]", [{"id": 1}, 4]),
]


@pytest.mark.parametrize(("text", "value"), FOUND)
def test_a_reference_finds_what_json_rules_engine_would(text: str, value: Any) -> None:
    """A path finds one value or a list, MISSING where nothing is, and leaves facts without members alone."""
    load = compile_reference(parse_reference(text))
    assert load(FACTS) == value
    assert (load(FACTS) is MISSING) is (value is MISSING)


@pytest.mark.parametrize(("text", "value"), FOUND)
def test_the_facts_of_templates_can_be_read_too(text: str, value: Any) -> None:
    """Facts that hide their methods from templates answer references all the same."""
    found = compile_reference(parse_reference(text))(freeze_facts(FACTS))
    assert (found is MISSING) is (value is MISSING)
    assert value is MISSING or found == value


REFUSED = [
    ("$.a[1:2]", "AF210", "a slice", 3),
    ("$.a[::2]", "AF210", "a slice", 3),
    ("$.a[0,1]", "AF210", "a union", 3),
    ("$.a['x','y']", "AF210", "a union", 3),
    ("$.a[-1]", "AF210", "an index from the end", 3),
    ("$.a[?(@.b)]", "AF210", "a filter", 3),
    ("$.a[(@.length-1)]", "AF210", "a script expression", 3),
    ("$.a^", "AF210", "a parent selector", 3),
    ("$.a~", "AF210", "a selector of names", 3),
    ("$.a.@number()", "AF210", "a selector of types", 3),
    ("$.a.`b", "AF210", "an escaped name", 3),
    ("$.a[b]", "AF209", "in brackets stand", 3),
    ("$.a[01]", "AF209", "in brackets stand", 3),
    ("$..", "AF209", "behind `..`", 1),
    ("$.", "AF209", "behind the dot", 1),
    ("$.a b", "AF209", "' ' has no meaning", 3),
    ("$" + ".a" * 33, "AF210", "at most 32 steps", 1),
    ("$..a..b..c", "AF210", "2 times `..`", 1),
    ('$["\\q"]', "AF226", "escape", 2),
    ("(a)", "AF210", "a filter", 0),
]


@pytest.mark.parametrize(("path", "code", "words", "column"), REFUSED)
def test_a_path_that_cannot_be_followed_is_refused_by_name(path: str, code: str, words: str, column: int) -> None:
    """What json-rules-engine would run as code, and what means nothing, is found on load with its place."""
    with pytest.raises(ConditionError) as caught:
        parse_path(path)
    assert (caught.value.code, caught.value.column) == (code, column)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "column"), [("", 0), ("-a", 0), ("5", 0), ("[0]", 0), ("a b", 1), ("a.b!", 3), ("$", 1)]
)
def test_a_reference_that_means_nothing_is_refused(text: str, column: int) -> None:
    """A text that is no reference is an error at the first character that does not fit."""
    with pytest.raises(ConditionError) as caught:
        parse_reference(text)
    assert caught.value.code == "AF208"
    assert caught.value.column == column


def test_deep_events_do_not_exhaust_the_stack() -> None:
    """`..` goes through a list nested 20,000 deep."""
    deep: Any = {"id": 1}
    for _ in range(20_000):
        deep = [deep]
    assert compile_reference(parse_reference("job..id"))({"job": deep}) == [1]
