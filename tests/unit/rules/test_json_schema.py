"""The JSON Schema of rule files and the loader hold each other: what one takes the other takes, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.cli.schemas import SCHEMAS, make_schema
from autoflow.matching.operators import OPERATORS, SYNONYMS
from autoflow.model.json import Json
from autoflow.model.retry import parse_retry
from autoflow.rules import builder, parts, schema
from autoflow.rules.formatting import format_text
from autoflow.rules.loader import LoadContext, load_text
from autoflow.rules.vocabulary import NOT_YET_RULE_KEYS
from autoflow.settings.schema import config_schema
from autoflow.strict_yaml import read_yaml
from support.documents import PAGES, read_blocks

ROOT = Path(__file__).parents[3]
CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
RULES = make_schema("rule")
DEFINITIONS = RULES["definitions"]
RULE: dict[str, Any] = {"trigger": {"event": "a"}, "actions": [{"log": {"message": "x"}}]}


@lru_cache
def validator() -> Draft7Validator:
    """The schema at work."""
    return Draft7Validator(RULES)


def complaints(value: Json) -> list[str]:
    """What an editor would mark."""
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator().iter_errors(value)]


def texts() -> Iterator[tuple[str, str]]:
    """Every YAML and JSON of the repository that may be a rule file, with the name it goes by."""
    for folder in ("rules", "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".yaml", ".yml", ".json") and path.stat().st_size < 50_000:
                yield str(path.relative_to(ROOT)), path.read_bytes().decode(errors="replace")
    for page in (*PAGES, *sorted((ROOT / "src" / "autoflow" / "cli" / "pages").glob("*.md"))):
        yield from ((str(block), block.text) for block in read_blocks(page) if block.language in ("yaml", "json"))


GOOD = {
    name: text for name, text in texts() if (loaded := load_text(text, "x.yaml", CONTEXT)).rules and not loaded.errors
}


def test_there_are_rules_to_look_at() -> None:
    """The test below would hold of nothing."""
    assert len(GOOD) > 60


@pytest.mark.parametrize("name", GOOD)
def test_what_the_loader_takes_an_editor_takes(name: str) -> None:
    """Every good rule of the repository, in its canonical spelling, is valid by the schema."""
    formatted = format_text(GOOD[name], "x.yaml")
    assert formatted.problems == ()
    for document in read_yaml(formatted.text, path="x").documents:
        if document.value is not None:
            assert complaints(document.value) == []


def test_each_key_of_the_loader_is_in_the_schema_and_the_other_way_round() -> None:
    """Rule, file, pattern, cancel_on, step and action: the very same keys, the same of them required."""
    own = {"$schema", parts.SHARED}
    assert set(DEFINITIONS["rule"]["properties"]) - own == set(schema._RULE_KEYS)
    assert set(DEFINITIONS["file"]["properties"]) == set(parts._FILE_KEYS)
    assert set(DEFINITIONS["pattern"]["properties"]) == set(schema._PATTERN_KEYS)
    assert set(DEFINITIONS["cancel_on"]["properties"]) == set(schema._CANCEL_KEYS)
    for name, keys in (("pattern", schema._PATTERN_KEYS), ("cancel_on", schema._CANCEL_KEYS)):
        assert set(DEFINITIONS[name]["required"]) == {key for key, what in keys.items() if what.needed}
    needed = {key for key, what in schema._RULE_KEYS.items() if what.needed} - {"id"}
    assert set(DEFINITIONS["rule"]["required"]) == needed
    for step in DEFINITIONS["step"]["oneOf"]:
        assert set(step["properties"]) == {step["title"], *builder.STEP_KEYS}
        params = step["properties"][step["title"]]
        kind = ACTION_TYPES[step["title"]]
        assert set(params["properties"]) == {param.name for param in kind.params}
        assert set(params.get("required", ())) == {param.name for param in kind.params if param.required}


def maps(part: Json) -> Iterator[dict[str, Any]]:
    """Every map inside of a schema."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from maps(inner)


@pytest.mark.parametrize("whole", [make_schema(kind) for kind in SCHEMAS], ids=SCHEMAS)
def test_editors_have_something_to_show(whole: dict[str, Any]) -> None:
    """Every key has title and description, every map of known keys is closed, every enum tells of each word."""
    Draft7Validator.check_schema(whole)
    for part in maps(whole):
        if part.get("type") == "object" and "properties" in part:
            # an event may hold its type and data under the names that its sender has for them
            assert part.get("additionalProperties") is False or "$file" in part["properties"]
        if "enumDescriptions" in part:
            assert len(part["enumDescriptions"]) == len(part["enum"])
    keys = [
        key for name in ("rule", "file", "pattern", "cancel_on") for key in DEFINITIONS[name]["properties"].items()
    ]
    keys += list(config_schema()["properties"].items())
    bare = [name for name, part in keys if name != "$schema" and not {"title", "description"} <= part.keys()]
    assert bare == []
    assert [part for part in maps(whole) if "`" in str(part.get("description", ""))] == []


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_can_be_written(operator: str) -> None:
    """By its own name, and behind a decorator; the spellings of others are what `fmt` is for."""
    for word in (operator, f"not:{operator}"):
        leaf = {"fact": "a", "operator": word, "value": 1}
        assert complaints({**RULE, "when": leaf}) == []
    for synonym, name in SYNONYMS.items():
        if name == operator:
            assert complaints({**RULE, "when": {"fact": "a", "operator": synonym, "value": 1}}) != []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {**RULE, "trigger": {"event": "a", "by": "job.id"}},
        {**RULE, "trigger": "a"},
        {**RULE, "delay": 5},
        {**RULE, "delay": {"value": 5, "unit": "minutes"}},
        {**RULE, "cancel_on": {"event": "a"}},
        {**RULE, "enabled": "no"},
        {**RULE, "id": "With Spaces"},
        {**RULE, "conditions": "a.b == 1"},
        {**RULE, "actions": []},
        {**RULE, "actions": [{"log": {"message": "x"}, "sms": {"recipient": "1", "message": "x"}}]},
        {**RULE, "actions": [{"sms": {"recipient": "1"}}]},
        {**RULE, "actions": [{"sms": {"recipient": "1", "message": "x", "template": "y"}}]},
        {**RULE, "actions": [{"type": "log", "params": {"message": "x"}}]},
        {**RULE, "retry": {"schedule": ["5"]}},
        {**RULE, "when": {"all": [], "any": []}},
        {"rules": [{**RULE, "id": "a"}], "id": "b"},
        {"rules": RULE},
        *({**RULE, key: 1} for key in sorted(NOT_YET_RULE_KEYS)),
    ],
    ids=json.dumps,
)
def test_an_editor_marks_what_is_wrong(wrong: Json) -> None:
    """Also accepted spellings: who writes a new rule is led to the canonical one."""
    assert complaints(wrong) != []


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "max_attempts": st.integers(-1, 60),
            "base": st.sampled_from(["1s", "5", "2m30s", "x"]),
            "factor": st.integers(0, 120) | st.just(1.5),
            "cap": st.sampled_from(["6h", "", "1d"]),
            "schedule": st.lists(st.sampled_from(["0s", "1m", "7"]), max_size=2),
        },
    )
)
def test_retry_policies_are_taken_by_both_or_by_none(policy: dict[str, Json]) -> None:
    """What an editor marks the loader refuses, and it refuses nothing that an editor lets pass."""
    try:
        parse_retry(policy)
    except ValueError:
        refused = True
    else:
        refused = False
    assert bool(complaints({**RULE, "retry": policy})) is refused


def scenarios() -> Iterator[tuple[str, Json]]:
    """Every scenario file of the repository, and every one that a page shows."""
    for folder in ("rules", "tests", "src"):
        for path in sorted((ROOT / folder).rglob("*test.yaml")):
            yield str(path.relative_to(ROOT)), read_yaml(path.read_text(), path="x").documents[0].value
    for block in read_blocks(ROOT / "docs" / "testing.md"):
        for document in read_yaml(block.text, path="x").documents if block.language == "yaml" else ():
            if isinstance(document.value, dict) and "tests" in document.value and "trigger" not in document.value:
                yield str(block), document.value


SCENARIOS = dict(scenarios())


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_editor_takes_the_scenarios_that_there_are(name: str) -> None:
    """Those that are played, and those that the page shows."""
    assert [error.message for error in Draft7Validator(make_schema("test")).iter_errors(SCENARIOS[name])] == []


@pytest.mark.parametrize(
    "step",
    [{"emti": {}}, {"advance": 5}, {"expect": {"actoins": 1}}, {"restart": {"at": "lunch"}}, {"emit": "a"}],
    ids=json.dumps,
)
def test_an_editor_marks_what_is_wrong_in_a_scenario(step: Json) -> None:
    """In a file of its own, and in the tests inside a rule."""
    tests = [{"name": "x", "steps": [step]}]
    assert not Draft7Validator(make_schema("test")).is_valid({"tests": tests})
    assert complaints({**RULE, "tests": tests}) != []
