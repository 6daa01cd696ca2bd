"""Several mistakes in one file: all of them are told at once, those too that stand beside what is not YAML."""

from __future__ import annotations

import pytest

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.rules.loader import LoadContext, LoadResult, load_text
from autoflow.strict_yaml import read_yaml
from autoflow.templates import check_template

CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={}, check_template=check_template)
GOOD = "trigger: { event: a }\nactions: [ log: { message: x } ]\n"
LIST = "rules:\n  - id: one\n    dely: 1\n    trigger: { event: a }\n    actions: [ log: { message: x } ]\n"
LAST = "  - id: three\n    trigger: { event: a }\n    actions: []\n"


def load(text: str) -> LoadResult:
    return load_text(text, "a.yaml", CONTEXT)


def found(text: str) -> list[str]:
    return [f"{problem.line} {problem.code}" for problem in load(text).problems]


def test_every_mistake_of_a_file_is_told() -> None:
    """Two bad rules, bad keys, a bad condition and bad actions: each in its line, none hidden by another."""
    text = """
id: One
trigger: { event: "a b" }
dely: 5
delay: 5
labels: [1]
when:
  - job.total = 5
  - all: [ { fact: x, operator: eq }, { any: 5 } ]
actions:
  - sms: { mesage: "{{ x | nope }}", recipient: 5 }
  - webhook: { url: "ftp://x", payload: "secret://env/X" }
    retry: 9
---
id: two
trigger: { evnt: a }
when: a ==
actions:
  - log: { message: "{{ a. }}" }
  - 7
"""
    assert found(text) == [
        "2 AF116", "3 AF120", "4 AF110", "5 AF122", "6 AF113", "8 AF222", "9 AF204", "9 AF205", "9 AF201",
        "11 AF132", "11 AF110", "11 AF113", "12 AF133", "12 AF134", "13 AF123",
        "16 AF112", "16 AF110", "17 AF223", "19 AF300", "20 AF113",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a key that cannot be read hides no other key, and what it would hold is not called missing
        ('trigger: { event: a, when: "x" in y }\ndely: 1\n' + GOOD.split("\n")[1], ["1 AF101", "2 AF110"]),
        ("dely: 1\n" + GOOD + "when: {{ x } }\nlabls: []\n", ["1 AF110", "4 AF103", "5 AF110"]),
        ('trigger: { event: a }\nactions:\n  - log: { message: "x }\ndely: 1\n', ["3 AF101", "4 AF110"]),
        ("trigger: { event: a }\nactions:[ log: { message: x } ]\ndely: 1\n", ["2 AF101", "3 AF110"]),
        ("name: 'x\n" + GOOD + "delay: 5\n", ["1 AF101", "4 AF122"]),
        # nor does a rule hide the other rules of its list, whether they stand before or behind it
        (
            LIST + "  - id: two\n    trigger: { event: a\n    actions: []\n" + LAST + "ruls: 1\n",
            ["3 AF110", "7 AF101", "11 AF115", "12 AF110"],
        ),
        ("rules:\n- id: a\n  trigger: *\n- id: b\n  trigger: 5\n  actions: []\n", ["3 AF101", "5 AF113", "6 AF115"]),
        # several of them are all told
        ("name: x: y\ntrigger: { event: a }\nactions: []\ndescription: a: b\n", ["1 AF101", "3 AF115", "4 AF101"]),
        # documents around it are read as ever
        ("id: one\ndelay: 5\n" + GOOD + "---\nid: two\nname: 'x\n---\nid: three\n" + GOOD, ["2 AF122", "7 AF101"]),
        # what has no keys of its own to cut stays hidden, and nothing is made up
        ("{ trigger: { event: a }, name: [ }\n", ["1 AF101"]),
        ("- [\n- a: b: c\n", ["2 AF101"]),
    ],
)  # fmt: skip
def test_what_is_not_yaml_hides_nothing_around_it(text: str, expected: list[str]) -> None:
    """The mistake is told once, and everything else that is wrong in the rest of its document."""
    assert found(text) == expected


def test_no_rule_of_such_a_document_is_used() -> None:
    """Nobody knows what the part would have said that cannot be read."""
    rest = "trigger: { event: a }\n    actions: [ log: { message: x } ]\n"
    text = f"rules:\n  - id: one\n    {rest}  - id: two\n    name: x: y\n    {rest}---\nid: three\n{GOOD}"
    assert [rule.id for rule in load(text).rules] == ["three"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_rest_keeps_its_places(end: str) -> None:
    """Lines and columns are those of the file, whatever was cut out before them."""
    text = f"id: one\n{GOOD}---\nname: x: y\n{GOOD}é: 1\n".replace("\n", end)
    [_, problem] = load(text).problems
    assert (problem.line, problem.column, problem.end_column) == (8, 1, 2)


def test_others_get_only_what_could_be_read() -> None:
    """The config asks for nothing else: a part of it alone would be another config."""
    text = "a: x: y\nb: 1\n"
    assert read_yaml(text, path="config.yaml").documents == ()
    [document] = read_yaml(text, path="config.yaml", mend=True).documents
    assert (document.value, document.unread) == ({"a": None, "b": 1}, ((1, 1),))
