"""The JSON Schema of scenario files and the reader take the same files."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from autoflow.strict_yaml import read_yaml
from autoflow.testing.json_schema import scenario_json_schema
from autoflow.testing.reader import read_scenarios

ROOT = Path(__file__).parents[3]
FILES = sorted(path for folder in ("rules", "tests") for path in (ROOT / folder).rglob("*.test.yaml"))
STEPS = "tests: [ {{ name: t, steps: [ {} ] }} ]"


def is_valid(value: Any) -> bool:
    return Draft7Validator(scenario_json_schema()).is_valid(value)


def test_the_schema_is_one() -> None:
    """Of the draft that editors read, with a title and a sentence for each key of a file."""
    schema = scenario_json_schema()
    Draft7Validator.check_schema(schema)
    assert all({"title", "description"} <= part.keys() for part in schema["properties"].values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_the_reader_takes_an_editor_takes(path: Path) -> None:
    """Each scenario file of the repository without mistakes is valid."""
    if read_scenarios([path]).problems:
        return
    for document in read_yaml(path.read_text(), path=str(path)).documents:
        errors = [error.message for error in Draft7Validator(scenario_json_schema()).iter_errors(document.value)]
        assert errors == []


@pytest.mark.parametrize(
    "step",
    [
        "{ advance: 5 }",
        "{ advnce: 5m }",
        "{ emit: a }",
        "{ restart: { at: nowhere } }",
        "{ restart: now }",
        "{ cancel: { rul: x } }",
        "{ expect: { actoins: [] } }",
        "{ expect: { actions: [ { typ: sms } ] } }",
        "{ expect: { outcome: maybe } }",
        "{ expect: { why: { r: maybe } } }",
        "{ use: 5 }",
    ],
)
def test_what_the_reader_refuses_an_editor_marks(step: str, tmp_path: Path) -> None:
    """Wrong keys, wrong shapes and wrong words."""
    path = tmp_path / "a.test.yaml"
    path.write_text(STEPS.format(step))
    assert read_scenarios([path]).problems != ()
    [document] = read_yaml(path.read_text(), path=str(path)).documents
    assert not is_valid(document.value)
