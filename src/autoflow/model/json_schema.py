"""What the JSON Schemas for editors have in common: draft 7, which is the newest that editors of YAML understand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoflow.model.json import Json, JsonObject

DRAFT = "http://json-schema.org/draft-07/schema#"


def describe(schema: JsonObject, title: str, text: str, **more: Json) -> dict[str, Json]:
    """A schema with what an editor shows beside it: plain, and as Markdown where the text has names in it."""
    said: dict[str, Json] = {"title": title, "description": text.replace("`", "")}
    if "`" in text:
        said["markdownDescription"] = text
    return {**said, **_beside(schema), **said, **more}


def closed_map(properties: Mapping[str, Json], required: Sequence[str] = (), **more: Json) -> dict[str, Json]:
    """A map of these keys and no others."""
    keys: dict[str, Json] = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    return {**keys, **({"required": list(required)} if required else {}), **more}


def one_or_list(schema: Json) -> dict[str, Json]:
    """One such value, or a list of them."""
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


def choice(words: Mapping[Json, str]) -> dict[str, Json]:
    """One of some words, each with what it means."""
    return {"enum": list(words), "enumDescriptions": list(words.values())}


def _beside(schema: JsonObject) -> JsonObject:
    """Beside a bare reference draft 7 sees nothing."""
    return {"allOf": [schema]} if "$ref" in schema else schema
