"""The JSON Schemas that editors are given: printed by `schema`, written by `init`."""

from __future__ import annotations

from autoflow.model.json import JsonObject

SCHEMAS = ("rule", "config", "test")


def make_schema(kind: str) -> JsonObject:
    """The schema of that kind of file."""
    if kind == "config":
        from autoflow.settings.schema import config_schema

        return config_schema()
    from autoflow.testing.json_schema import scenario_json_schema, tests_json_schema

    if kind == "test":
        return scenario_json_schema()
    from autoflow.rules.json_schema import rule_json_schema

    return rule_json_schema(tests=tests_json_schema())
