"""The config as a JSON Schema, for editors: from the same tables that the reader reads."""

from __future__ import annotations

from typing import Any

from autoflow.model.json import JsonObject
from autoflow.model.json_schema import DRAFT, closed_map, describe
from autoflow.settings.catalogue import EVENT_KEYS
from autoflow.settings.keys import EVENTS, KEYS, NOTIFIERS, SECTIONS_SAID, Key
from autoflow.settings.notifiers import TRANSPORTS, Transport
from autoflow.strict_yaml import read_yaml


def config_schema() -> JsonObject:
    """The JSON Schema (draft 7) of config.yaml."""
    properties: dict[str, Any] = {}
    for key in KEYS.values():
        section, _, name = key.name.rpartition(".")
        place = properties
        if section:
            place = properties.setdefault(section, describe(closed_map({}), section, SECTIONS_SAID[section]))
            place = place["properties"]
        place[name] = _key(key, name)
    kinds = [_transport(kind, name, way) for kind, ways in TRANSPORTS.items() for name, way in ways.items()]
    by_name = {"type": "object", "additionalProperties": {"anyOf": kinds}}
    properties[NOTIFIERS] = describe(by_name, NOTIFIERS, SECTIONS_SAID[NOTIFIERS])
    files = {
        key: describe(part.kind.schema, key, part.doc, examples=[part.example]) for key, part in EVENT_KEYS.items()
    }
    catalogue = {"type": "object", "additionalProperties": closed_map(files)}
    properties[EVENTS] = describe(catalogue, EVENTS, SECTIONS_SAID[EVENTS])
    return {
        "$schema": DRAFT,
        "title": "The config of autoflow",
        "description": "What the daemon listens on, keeps, may reach and sends by. Every key has a default.",
        **closed_map(properties),
    }


def _key(key: Key, name: str) -> dict[str, Any]:
    # ${VAR} may stand wherever a value may
    schema = {"anyOf": [key.kind.schema, {"type": "string", "pattern": r"\$\{"}]}
    [default] = read_yaml(key.default, path="").documents
    return describe(schema, name, f"{key.doc} Default: `{key.default}`.", default=default.value)


def _transport(kind: str, name: str, transport: Transport) -> JsonObject:
    properties: dict[str, Any] = {"type": {"const": kind}, "transport": {"const": name}}
    for option, rule in transport.options.items():
        example = {"examples": [f"secret://env/{option.upper()}"]} if rule.secret else {}
        properties[option] = describe(rule.kind.schema, option, rule.doc, **example)
    required = [option for option, rule in transport.options.items() if rule.required]
    if len(TRANSPORTS[kind]) > 1:
        required = ["transport", *required]
    if transport.one_of:
        either = [{"required": [option]} for option in transport.one_of]
        return describe(closed_map(properties, required, anyOf=either), f"{kind} by {name}", transport.doc)
    return describe(closed_map(properties, required), f"{kind} by {name}", transport.doc)
