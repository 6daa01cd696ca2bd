"""The strict YAML reader: what stays text, what is refused, and where everything stands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from autoflow.model.problem import Problem
from autoflow.strict_yaml import (
    DUPLICATE_KEY,
    KEY_NOT_TEXT,
    MAX_BYTES,
    NOT_A_NUMBER,
    SYNTAX,
    TOO_MUCH,
    UNKNOWN_TAG,
    Pointer,
    YamlRead,
    decode_text,
    plain,
    read_yaml,
    split_lines,
)
from autoflow.strict_yaml import read as reading


def read_value(text: str) -> Any:
    read = read_yaml(text, path="a.yaml")
    assert not read.all_problems
    (document,) = read.documents
    return document.value


def codes_of(text: str) -> list[str]:
    return [problem.code for problem in read_yaml(text, path="a.yaml").all_problems]


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "yes",
        "on",
        "off",
        "y",
        "12:30",
        "22:22:10",
        "2026-01-01",
        "0777",
        "+15557654321",
        "1_000",
        "0b1",
        "=",
        "<<",
    ],
)
def test_what_looks_like_something_else_in_yaml_1_1_stays_text(text: str) -> None:
    """Only JSON's words and numbers have another type than text."""
    assert read_value(f"key: {text}") == {"key": text}


@pytest.mark.parametrize("key", ["on", "no", "12:30", "2026-01-01"])
def test_such_words_are_keys_too(key: str) -> None:
    """`on:` is a key called on, not the key true."""
    assert read_value(f"{key}: 1") == {key: 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("5", 5),
        ("-3", -3),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("!!str 5", "5"),
        ("'5'", "5"),
        ('"true"', "true"),
    ],
)
def test_the_core_words_and_numbers(text: str, value: object) -> None:
    """What YAML 1.2 calls a null, a boolean or a number is one; quoted it is text."""
    found = read_value(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)


def test_a_key_given_twice_is_named_with_both_places() -> None:
    """The second one is marked, the first one is told."""
    (problem,) = read_yaml("a: 1\nb:\n  c: 1\n  c: 2\n", path="a.yaml").all_problems
    assert (problem.code, problem.line, problem.column) == (DUPLICATE_KEY, 4, 3)
    assert "line 3" in problem.message


@pytest.mark.parametrize("text", ["5: x", "true: x", "? [a]\n: x", "{{ x }}: y", "~: x", "a: {{ b }}"])
def test_a_key_that_is_no_text_is_refused(text: str) -> None:
    """JSON has text keys only, and so have rules."""
    assert KEY_NOT_TEXT in codes_of(text)


@pytest.mark.parametrize("text", ["a: !x y", "a: !!python/object:os.system x", "a: !!set {b}", "a: !x [1]"])
def test_tags_are_refused(text: str) -> None:
    """Nothing in a file chooses a type, least of all a Python one."""
    assert UNKNOWN_TAG in codes_of(text)


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan", "1e999", "9" * 2000])
def test_numbers_that_json_cannot_hold_are_refused(text: str) -> None:
    """An infinity would surface much later, where it is stored."""
    assert codes_of(f"a: {text}") == [NOT_A_NUMBER]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500,
        "[" * 200_000,
        "- " * 100 + "x",
        "&a [*a]",
        "a: &a { b: *a }",
        "a: &a [1,1,1]\n" + "".join(f"k{n}: *a\n" for n in range(101)),
        "a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n",
        "x" * (MAX_BYTES + 1),
    ],
    ids=["deep", "very deep", "deep lists", "cycle", "cycle in map", "aliases", "bomb", "size"],
)
def test_too_much_is_refused(text: str) -> None:
    """Depth, aliases and size are bounded, whatever the file holds."""
    assert codes_of(text) == [TOO_MUCH]


def test_aliases_within_the_limits_are_read() -> None:
    """A value written once may be used again."""
    assert read_value("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}


def test_a_document_that_cannot_be_read_does_not_hide_its_neighbours() -> None:
    """Reading goes on at the next `---`, with the right line numbers."""
    read = read_yaml("a: 1\n---\nb: [\n---\nc: {\n---\nd: 4\nd: 5\n", path="a.yaml")
    assert [document.value for document in read.documents] == [{"a": 1}, {"d": 4}]
    assert [problem.code for problem in read.all_problems] == [SYNTAX, SYNTAX, DUPLICATE_KEY]
    assert read.all_problems[-1].line == 8


@pytest.mark.parametrize(("text", "line", "column"), [("a: x\x00y", 1, 5), ("a: 1\nb: \ud800", 2, 4)])
def test_characters_that_cannot_be_are_problems(text: str, line: int, column: int) -> None:
    """They are told with their place and never raised."""
    (problem,) = read_yaml(text, path="a.yaml").all_problems
    assert (problem.code, problem.line, problem.column) == (SYNTAX, line, column)


def test_bytes_that_are_no_text_are_a_problem() -> None:
    """A file in another encoding is told, with the place of the first wrong byte."""
    found = decode_text("a: 1\nb: Grüße".encode("latin-1"), path="a.yaml")
    assert isinstance(found, Problem)
    assert (found.line, found.column) == (2, 6)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Files of some editors begin with one."""
    assert decode_text(b"\xef\xbb\xbfa: 1", path="a.yaml") == "a: 1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=20), children, max_size=4),
    max_leaves=12,
)


@given(
    value=st.dictionaries(st.text(max_size=20), JSON, max_size=5),
    indent=st.sampled_from([None, 1, 4, "\t"]),
    escaped=st.booleans(),
)
@example(value={"smile": "😀 \x85 \u2028"}, indent=None, escaped=True)
@example(value={"smile": "😀 \x85 \u2028"}, indent=None, escaped=False)
def test_json_is_read_as_what_it_means(value: object, indent: int | str | None, escaped: bool) -> None:
    """Every JSON document in a .json file has the value that a JSON reader finds."""
    read = read_yaml(json.dumps(value, indent=indent, ensure_ascii=escaped), path="a.json")
    assert not read.all_problems
    assert [document.value for document in read.documents] == [value]


PLAIN = st.text(alphabet="abcdefgh xyz_-.#:'\"{}[]&*!|>%@`äß\\", max_size=12)
TREES = st.recursive(
    PLAIN | st.integers() | st.booleans() | st.none(),
    lambda children: (
        st.lists(children, min_size=1, max_size=3)
        | st.dictionaries(PLAIN.filter(bool), children, min_size=1, max_size=3)
    ),
    max_leaves=10,
)


@given(
    tree=st.dictionaries(PLAIN.filter(bool), TREES, min_size=1, max_size=4),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    flow=st.sampled_from([True, False, None]),
    indent=st.integers(2, 6),
)
def test_the_place_of_a_value_is_where_it_stands(
    tree: object, style: str | None, flow: bool | None, indent: int
) -> None:
    """Whatever the style, the text between the two marks of a value is, read alone, that value."""
    text = yaml.safe_dump(
        tree, default_style=style, default_flow_style=flow, indent=indent, allow_unicode=True, width=40
    )
    read = read_yaml(text, path="a.yaml")
    (document,) = read.documents
    lines = split_lines(text)
    for pointer, value in walk(document.value):
        place = document.value_at(pointer)
        stretch = cut(lines, place.line, place.column, place.end_line, place.end_column)
        if isinstance(value, dict | list) or place.style in ("|", ">") or place.line != place.end_line:
            continue
        again = read_yaml(stretch, path="a.yaml")
        found = again.documents[0].value if again.documents else None
        assert found == value, (pointer, stretch)


@given(tree=st.dictionaries(PLAIN.filter(bool), TREES, min_size=1, max_size=4), flow=st.booleans())
def test_every_part_has_a_place_of_its_own(tree: object, flow: bool) -> None:
    """A key stands before its value, and each part inside of what it belongs to."""
    (document,) = read_yaml(yaml.safe_dump(tree, default_flow_style=flow), path="a.yaml").documents
    for pointer, _ in walk(document.value):
        assert document.has(pointer)
        place, outer = document.value_at(pointer), document.value_at(pointer[:-1])
        assert (outer.line, outer.column) <= (place.line, place.column)
        assert (place.end_line, place.end_column) <= (max(outer.end_line, place.end_line), 10_000)
        if pointer and isinstance(pointer[-1], str):
            key = document.key_at(pointer)
            assert (key.line, key.column) < (place.line, place.column)


def test_what_is_not_there_is_found_at_its_nearest_container() -> None:
    """A missing key is reported where it should have been."""
    (document,) = read_yaml("a:\n  b: 1\n", path="a.yaml").documents
    assert document.value_at(("a", "zz", 3)) == document.value_at(("a",))
    assert not document.has(("a", "zz"))


def walk(value: Any, at: Pointer = ()) -> list[tuple[Pointer, Any]]:
    parts: list[tuple[Pointer, Any]] = [(at, value)]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        parts += walk(item, (*at, key))
    return parts


def cut(lines: Sequence[str], line: int, column: int, end_line: int, end_column: int) -> str:
    chosen = list(lines[line - 1 : end_line])
    chosen[-1] = chosen[-1][: end_column - 1]
    chosen[0] = chosen[0][column - 1 :]
    return "\n".join(chosen)


def test_a_file_full_of_errors_is_given_up() -> None:
    """Starting again costs time; after twenty times the rest is told in one sentence."""
    read = read_yaml("a: [\n---\n" * 30, path="a.yaml")
    assert [problem.code for problem in read.all_problems] == [SYNTAX] * 20 + [TOO_MUCH]


PIECES = st.sampled_from(
    [
        *("a", "b", ": ", ":", " ", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", "1", "1.50"),
        *("0x1f", ".inf", "1e999", "null", "true", "&x ", "*x", "!t ", "! ", "'t'", '"t"'),
        *("|\n  ", ">\n  ", "# c", "---\n", "...\n", "? ", "<<: ", "é", "\t", "~"),
        *("rules:\n", "- id: r\n  n: 1\n", "\x01", "\ud800"),
    ]
)


def read_the_long_way(text: str) -> YamlRead:
    """The same reader, without the short way."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "read_plainly", lambda text, path: None)
        return read_yaml(text, path="a.yaml")


def assert_both_ways_agree(text: str) -> None:
    """Values, problems and places, of the documents, their keys and everything in them."""
    short, long = read_yaml(text, path="a.yaml"), read_the_long_way(text)
    assert short == long
    for one, other in zip(short.documents, long.documents, strict=True):
        assert one.line_of(()) == other.line_of(())
        for pointer, _ in walk(one.value):
            assert one.value_at(pointer) == other.value_at(pointer)
            assert one.key_at(pointer) == other.key_at(pointer)
            assert one.line_of(pointer) == other.line_of(pointer)


@given(text=st.lists(PIECES, max_size=14).map("".join))
def test_the_short_way_and_the_long_way_agree_on_anything(text: str) -> None:
    """Whatever is written, right or wrong: which way was taken cannot be told from the outcome."""
    assert_both_ways_agree(text)


@given(tree=TREES, style=st.sampled_from([None, "'", '"', "|", ">"]), flow=st.sampled_from([True, False, None]))
def test_the_short_way_and_the_long_way_agree_on_data(tree: object, style: str | None, flow: bool | None) -> None:
    """Every style of writing it."""
    assert_both_ways_agree(yaml.safe_dump({"rules": [tree, tree]}, default_style=style, default_flow_style=flow))


def test_rule_files_take_the_short_way() -> None:
    """No tree is made of a rule without problems: that is a third of the time."""
    text = (
        'id: r\nwhen: [ a == 1, \'b == "x"\' ]\nactions:\n- log: { message: "{{ a }}" }\n---\nrules: [ { n: 1.5 } ]\n'
    )
    assert plain.read_plainly(text + "---\nrules: [ { n: 1.5 } ]\n", "a.yaml") is not None
