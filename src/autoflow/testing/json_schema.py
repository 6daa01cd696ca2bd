"""The JSON Schema (draft-07) of scenario files, for editors: of the very tables that the reader reads."""

from __future__ import annotations

from autoflow.model.json import Json
from autoflow.model.json_schema import DRAFT
from autoflow.testing.fields import schema_of
from autoflow.testing.keys import FILE_KEYS, TEST_KEYS


def scenario_json_schema() -> dict[str, Json]:
    """The schema of a `*.test.yaml`."""
    example = {
        "name": "it is told at once",
        "steps": [{"emit": {"type": "job.created", "data": {"job": {}}}, "expect": {"actions": 1}}],
    }
    return {
        "$schema": DRAFT,
        "title": "autoflow scenario file",
        "description": "Tests of rules, played on a virtual clock by autoflow test.",
        **schema_of(FILE_KEYS),
        "examples": [{"tests": [example]}],
    }


def tests_json_schema() -> dict[str, Json]:
    """The schema of the `tests` inside a rule."""
    return {"type": "array", "items": schema_of(TEST_KEYS)}
