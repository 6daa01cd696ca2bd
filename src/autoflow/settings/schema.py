"""The config as a JSON Schema, for editors: from the same tables that the reader reads."""

from __future__ import annotations

from typing import Any

from autoflow.model.json import JsonObject
from autoflow.settings.keys import KEYS, NOTIFIERS
from autoflow.settings.notifiers import TRANSPORTS, Transport


def config_schema() -> JsonObject:
    """The JSON Schema (draft 7) of config.yaml."""
    properties: dict[str, Any] = {}
    for key in KEYS.values():
        section, _, name = key.name.rpartition(".")
        place = properties
        if section:
            place = properties.setdefault(section, _map({}))["properties"]
        described = {"description": f"{key.doc} Default: {key.default}."}
        # ${VAR} may stand wherever a value may
        place[name] = {**described, "anyOf": [key.kind.schema, {"type": "string", "pattern": r"\$\{"}]}
    kinds = [_transport(kind, name, way) for kind, ways in TRANSPORTS.items() for name, way in ways.items()]
    properties[NOTIFIERS] = {"type": "object", "additionalProperties": {"anyOf": kinds}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The config of autoflow",
        **_map(properties),
    }


def _transport(kind: str, name: str, transport: Transport) -> JsonObject:
    properties: dict[str, Any] = {"type": {"const": kind}, "transport": {"const": name}}
    for option, rule in transport.options.items():
        properties[option] = {"description": rule.doc, **rule.kind.schema}
    required = [option for option, rule in transport.options.items() if rule.required]
    if len(TRANSPORTS[kind]) > 1:
        required = ["transport", *required]
    return {"description": f"{kind}: {transport.doc}", **_map(properties), "required": required}


def _map(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}
