"""What is shipped loads: the rules, and the documents that editors and newcomers read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.event import DEFAULT_ACCOUNT, Event, facts_of
from autoflow.model.rule import Enabled
from autoflow.rules.json_schema import rule_json_schema
from autoflow.rules.loader import LoadContext, load_directory, load_text
from autoflow.rules.vocabulary import RULE_KEYS
from autoflow.templates import TemplateLibrary, check_template

ROOT = Path(__file__).parents[3]
LIBRARY = TemplateLibrary.load(ROOT / "templates")
CONTEXT = LoadContext(
    action_types=ACTION_TYPES,
    notifiers={"email": "email", "sms": "sms"},
    templates=LIBRARY.names,
    check_template=check_template,
)


def test_the_shipped_rules_are_clean() -> None:
    """No error, no warning, no note; all of the default account."""
    result = load_directory(ROOT / "rules", CONTEXT)
    assert not LIBRARY.problems
    assert [str(problem) for problem in result.problems] == []
    assert {rule.account for rule in result.rules} == {DEFAULT_ACCOUNT}
    assert len(result.files) == 5
    assert len(result.rules) == 7
    assert [rule.id for rule in result.rules if rule.enabled is Enabled.SHADOW] == ["thank-for-feedback"]


@pytest.mark.parametrize("path", sorted((ROOT / "templates").glob("*.txt")), ids=lambda path: path.stem)
def test_shipped_templates_fit_the_examples(path: Path) -> None:
    """Each template can be written for the example's data."""
    example = {"new-high-value-job": "job-created", "invoice-reminder": "invoice-sent"}[path.stem]
    data = json.loads((ROOT / "examples" / f"{example}.json").read_text(encoding="utf-8"))
    event = Event(id="1", type="x", time=0, received_at=0, raw=b"", data=data)
    message = LIBRARY.render(path.stem, facts_of(event))
    assert message.text
    assert "{{" not in message.text


PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(yaml|json)([^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_of_the_page_loads(example: tuple[str, str, str]) -> None:
    """An example marked `refused` gives an error; one marked `part` stands inside a whole rule."""
    kind, mark, text = example
    if "part" in mark:
        keys = yaml.safe_load(text)
        rest = {"trigger: { event: job.created }": "trigger", "actions: [ log: { message: x } ]": "actions"}
        text += "\n".join(line for line, key in rest.items() if key not in keys)
    result = load_text(text, f"example.{kind}", CONTEXT)
    if "refused" in mark:
        assert result.errors
    else:
        assert [str(problem) for problem in result.errors] == []
        assert result.rules


def test_every_key_and_parameter_is_on_the_page() -> None:
    """A key, an action or a parameter that is not described cannot be released."""
    names = {*RULE_KEYS, "shared_conditions", "rules"}
    for kind in ACTION_TYPES.values():
        names |= {kind.name, *kind.aliases}
        for param in kind.params:
            names |= {param.name, *param.aliases}
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []


def test_the_schema_covers_every_key_and_action() -> None:
    """One branch a step kind, every key described, nothing besides."""
    schema = rule_json_schema()
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    rule = schema["definitions"]["rule"]
    assert set(rule["properties"]) == {*RULE_KEYS, "shared_conditions", "$schema"}
    assert rule["additionalProperties"] is False
    branches = schema["definitions"]["step"]["oneOf"]
    assert {branch["title"] for branch in branches} == {kind.name for kind in ACTION_TYPES.values()}
    for branch in branches:
        kind = ACTION_TYPES[branch["title"]]
        params = branch["properties"][kind.name]
        assert set(params["properties"]) == {param.name for param in kind.params}
        assert all(prop["description"] for prop in params["properties"].values())
        assert branch["required"] == [kind.name]


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    """An editor can follow each of them."""
    schema = rule_json_schema()
    text = json.dumps(schema)
    assert set(re.findall(r"#/definitions/(\w+)", text)) <= set(schema["definitions"])
