"""The canonical document and the hash: one meaning, one spelling, one number."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.json import canonical_json
from autoflow.model.rule import Rule
from autoflow.rules.loader import LoadContext, load_document, load_text

CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})

# PyYAML writes U+0085, U+2028 and U+2029 into quoted text as they are, and reads them as line ends.
# It also leaves texts such as 0E0 unquoted, which are numbers in YAML 1.2 and texts in the YAML 1.1 that it writes.
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), min_size=1, max_size=10).filter(
    lambda text: not NUMBER.fullmatch(text)
)
NAMES = st.sampled_from(["job", "client", "total", "Total2", "größe", "id"])
REFERENCES = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
EVENTS = st.sampled_from(["job.created", "job.*", "*", "META_LEAD", "com.example/x.y", "user.sign-up"])
SPANS = st.sampled_from(["30s", "5m", "1h30m", "7d", "500ms", "2w"])
VALUES = st.sampled_from([5, 2.5, True, None, "Done", 'it\'s "so"', "{{ job.id }}", ["a", 1], {"x": {"y": []}}])
LEAVES = st.builds(
    lambda fact, path, value: {"fact": fact, "path": f"$.{path}", "operator": "notEqual", "value": value},
    NAMES,
    NAMES,
    st.sampled_from([5, "Done", False]),
)
LINES = st.builds(lambda ref, value: f"{ref} == {json.dumps(value)}", REFERENCES, st.sampled_from([5, "Done", True]))
CONDITIONS = st.recursive(
    LEAVES | LINES,
    lambda parts: (
        st.builds(lambda key, value: {key: value}, st.sampled_from(["all", "any"]), st.lists(parts, max_size=3))
        | st.builds(lambda value: {"not": value}, parts)
    ),
    max_leaves=5,
)
BY = (
    REFERENCES
    | st.lists(REFERENCES, max_size=3, unique=True)
    | st.dictionaries(REFERENCES, REFERENCES, min_size=1, max_size=2)
)
PATTERNS = st.fixed_dictionaries(
    {"event": EVENTS | st.lists(EVENTS, min_size=1, max_size=2)}, optional={"when": CONDITIONS}
)
CANCELS = st.fixed_dictionaries({"event": EVENTS, "by": BY}, optional={"source": st.just("crm"), "when": CONDITIONS})
STEPS = st.one_of(
    st.builds(lambda text: {"log": {"message": text}}, TEXTS),
    st.builds(lambda value: {"emit": {"type": "a.b", "data": {"x": value}}}, VALUES),
    st.builds(lambda ref: {"sms": {"recipient": {"fact": ref}, "message": "x"}, "retry": "quick"}, REFERENCES),
)
RULES = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "notify-technician", "b.c_d"]),
        "trigger": PATTERNS | st.lists(PATTERNS, min_size=1, max_size=2),
        "actions": st.lists(STEPS, min_size=1, max_size=3),
    },
    optional={
        "name": TEXTS,
        "account": st.just("acme"),
        "enabled": st.sampled_from([True, False, "shadow"]),
        "delay": SPANS,
        "cancel_on": CANCELS | st.lists(CANCELS, min_size=1, max_size=2),
        "when": CONDITIONS | st.lists(LINES, min_size=1, max_size=2),
        "retry": st.sampled_from(["patient", {"schedule": ["0s", "5s"]}, {"max_attempts": 2}]),
        "on_change": st.sampled_from(["finish_old", "cancel"]),
    },
)


def load_rule(text: str, path: str = "rule.yaml") -> Rule:
    result = load_text(text, path, CONTEXT)
    assert not result.errors, [str(problem) for problem in result.errors]
    return result.rules[0]


def reorder(value: Any, turn: Callable[[list[Any]], list[Any]]) -> Any:
    """The same maps with their keys in another order; lists stay as they are."""
    if isinstance(value, dict):
        return {key: reorder(value[key], turn) for key in turn(list(value))}
    return [reorder(item, turn) for item in value] if isinstance(value, list) else value


def respell(rule: dict[str, Any]) -> dict[str, Any]:
    """The same rule in spellings of the seeds."""
    other = {"_id": rule["id"], "createdAt": "yesterday", **rule}
    for canonical, accepted in [("account", "accountId"), ("name", "title"), ("enabled", "is_active")]:
        if canonical in other:
            other[accepted] = other.pop(canonical)
    if isinstance(other["trigger"], dict) and isinstance(other["trigger"]["event"], str):
        other["trigger"] = {"eventName" if key == "event" else key: value for key, value in other["trigger"].items()}
    if "when" in other and not isinstance(other["when"], list):
        other["conditions"] = other.pop("when")
    other["actions"] = [
        {"type": kind, "params": step[kind], **{key: value for key, value in step.items() if key != kind}}
        for step in rule["actions"]
        for kind in [next(iter(step))]
    ]
    return other


@given(rule=RULES)
def test_the_document_loads_as_an_equal_rule(rule: dict[str, Any]) -> None:
    """What the store keeps is the rule, also after its keys were sorted."""
    loaded = load_rule(json.dumps(rule), "rule.json")
    assert load_document(loaded.document, CONTEXT) == loaded
    again = load_document(json.loads(canonical_json(loaded.document)), CONTEXT)
    assert again == loaded
    assert canonical_json(again.document) == canonical_json(loaded.document)


@given(rule=RULES, style=st.sampled_from([None, "'", '"']), flow=st.sampled_from([True, False, None]))
def test_neither_style_nor_comments_nor_order_nor_spelling_change_the_hash(
    rule: dict[str, Any], style: str | None, flow: bool | None
) -> None:
    """The hash is of the meaning, not of the text."""
    expected = load_rule(json.dumps(rule), "rule.json").hash
    ordered = reorder(rule, lambda keys: list(reversed(keys)))
    text = yaml.safe_dump(ordered, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=1000)
    assert load_rule(f"# a comment\n---\n{text}\n# another\n").hash == expected
    assert load_rule(yaml.safe_dump(rule, default_style=None, sort_keys=True)).hash == expected
    if style:
        assert load_rule(_quoted(rule, style)).hash == expected
    assert load_rule(json.dumps(respell(rule), indent=2), "rule.json").hash == expected


def _quoted(rule: dict[str, Any], style: str) -> str:
    """All texts quoted; other scalars as they are."""

    class Dumper(yaml.SafeDumper):
        pass

    Dumper.add_representer(
        str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    )
    return yaml.dump(rule, Dumper=Dumper, allow_unicode=True)


BASE = """
id: a
trigger: { event: job.created }
cancel_on: { event: b, by: { x.y: z } }
when: job.total > 5
actions: [ log: { message: x } ]
"""


@pytest.mark.parametrize(
    "change",
    [
        ("event: job.created", "event: job.updated"),
        ("x.y: z", "x.y: zz"),
        ("total > 5", "total > 6"),
        ("total > 5", "total >= 5"),
        ("message: x", "message: y"),
        ("id: a\n", "id: a\nenabled: false\n"),
        ("id: a\n", "id: a\ndelay: 1ms\n"),
        ("id: a\n", "id: a\nretry: none\n"),
        ("id: a\n", "id: a\non_change: cancel\n"),
        ("id: a\n", "id: a\naccount: acme\n"),
    ],
)
def test_another_meaning_is_another_hash(change: tuple[str, str]) -> None:
    """Every edit that changes what the rule does makes a new version."""
    assert load_rule(BASE.replace(*change)).hash != load_rule(BASE).hash


@pytest.mark.parametrize("line", ["name: Another", "description: Words", "labels: [x]"])
def test_words_for_people_do_not_make_a_new_version(line: str) -> None:
    """A better description leaves waiting work alone."""
    assert load_rule(f"{line}\n{BASE}").hash == load_rule(BASE).hash


def test_pairs_have_no_order() -> None:
    """The keys of a wait are the same in whatever order they are written."""
    one = load_rule(BASE.replace("{ x.y: z }", "[a.b, c.d]"))
    other = load_rule(BASE.replace("{ x.y: z }", "{ c.d: c.d, a.b: a.b }"))
    assert one == other


def test_the_document_is_plain_and_short() -> None:
    """It holds the canonical spelling, and nothing that would be so anyway."""
    text = """
trigger: [ { eventName: a } ]
delay: { value: 0, unit: minutes }
actions: [ { type: send_sms, params: { to: '1', body: x } } ]
"""
    assert load_rule(text).document == {
        "id": "rule",
        "account": "default",
        "enabled": True,
        "trigger": {"event": "a"},
        "actions": [{"sms": {"recipient": "1", "message": "x"}}],
    }
