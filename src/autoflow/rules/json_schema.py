"""The JSON Schema (draft-07) of rule files, for editors. Made of the actions and the keys there are.

It describes the canonical spelling; what the loader accepts besides is for files that move here from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.actions.types import ActionType, Param, ParamKind
from autoflow.model.json import Json
from autoflow.model.retry import PRESETS
from autoflow.rules.vocabulary import RULE_KEYS

_EVENT = r"^(\*|[^\s*{},\"']+(\.\*)?)$"
_SPAN = r"^(\d+(ms|s|m|h|d|w))+$"
_REF = r"^\$?\.?[^\s{}]+$"

_TYPED: Json = {
    "title": "Typed value",
    "description": "A fact's value with its type kept.",
    "type": "object",
    "properties": {
        "fact": {"type": "string", "description": "A reference, for example job.total."},
        "default": {"description": "What stands in where the fact is missing."},
    },
    "required": ["fact"],
    "additionalProperties": False,
    "examples": [{"fact": "job.total"}],
}


def rule_json_schema(actions: Mapping[str, ActionType] = ACTION_TYPES) -> dict[str, Json]:
    """The schema of a rule file: one rule, or `rules:` with a list of them."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "autoflow rule file",
        "description": "When this event comes, wait, unless that one comes; check; act.",
        "oneOf": [{"$ref": "#/definitions/rule"}, {"$ref": "#/definitions/file"}],
        "definitions": {
            "rule": _rule_schema(),
            "file": _file_schema(),
            "pattern": _pattern_schema(),
            "cancel_on": _cancel_schema(),
            "references": _references_schema(),
            "condition": _condition_schema(),
            "span": {"type": "string", "pattern": _SPAN, "examples": ["30s", "5m", "1h30m", "7d"]},
            "retry": _retry_schema(),
            "typed": _TYPED,
            "step": {"oneOf": [_step_schema(kind) for kind in _kinds(actions)]},
        },
    }


def _kinds(actions: Mapping[str, ActionType]) -> list[ActionType]:
    return [kind for name, kind in actions.items() if name == kind.name]


def _one_or_list(schema: Json) -> dict[str, Json]:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


def _object(properties: Mapping[str, Json], required: Sequence[str], **more: Json) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def _rule_schema() -> dict[str, Json]:
    keys = {**_naming_keys(), **_acting_keys()}
    ordered = {key: keys[key] for key in RULE_KEYS}
    ordered["shared_conditions"] = _shared_schema()
    example = {"trigger": {"event": "job.created"}, "actions": [{"log": {"message": "{{ job.id }}"}}]}
    return _object(ordered, ["trigger", "actions"], title="Rule", examples=[example])


def _naming_keys() -> dict[str, Json]:
    """Keys that say what the rule is and whose."""
    return {
        "id": {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9._-]*$",
            "maxLength": 128,
            "description": "What the rule is known by in its account. Default: the file's name.",
            "examples": ["notify-technician"],
        },
        "name": {"type": "string", "minLength": 1, "description": "For people; never a template."},
        "description": {"type": "string", "description": "For people; never a template."},
        "labels": {
            "type": "array",
            "items": {"type": "string", "pattern": r"^\S+$"},
            "description": "Words to find rules by.",
            "examples": [["crm", "sms"]],
        },
        "account": {
            "type": "string",
            "default": "default",
            "pattern": r"^\S+$",
            "description": "The tenant whose events it sees.",
        },
        "enabled": {
            "enum": [True, False, "shadow"],
            "default": True,
            "description": "shadow: it is judged and recorded, and never acts.",
        },
    }


def _acting_keys() -> dict[str, Json]:
    """Keys that say when it acts and what it does."""
    return {
        "trigger": {
            **_one_or_list({"$ref": "#/definitions/pattern"}),
            "description": "What wakes the rule: any of these events.",
            "examples": [{"event": "job.created"}],
        },
        "delay": {"$ref": "#/definitions/span"},
        "cancel_on": {
            **_one_or_list({"$ref": "#/definitions/cancel_on"}),
            "description": "What makes waiting and running work of the same key unnecessary.",
        },
        "when": {"$ref": "#/definitions/condition"},
        "retry": {"$ref": "#/definitions/retry"},
        "on_change": {
            "enum": ["finish_old", "cancel"],
            "default": "finish_old",
            "description": "What becomes of waiting work when this rule is edited, disabled or removed.",
        },
        "actions": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/definitions/step"},
            "description": "What it does, in this order.",
        },
    }


def _shared_schema() -> dict[str, Json]:
    return {
        "type": "object",
        "additionalProperties": {"$ref": "#/definitions/condition"},
        "description": "Conditions by name, for `{ condition: name }` anywhere in the account.",
    }


def _file_schema() -> dict[str, Json]:
    keys: dict[str, Json] = {
        "account": {"type": "string", "description": "The account of the rules below that name none."},
        "shared_conditions": _shared_schema(),
        "rules": {"type": "array", "items": {"$ref": "#/definitions/rule"}},
    }
    either: Json = [{"required": ["rules"]}, {"required": ["shared_conditions"]}]
    return _object(keys, [], title="Several rules", anyOf=either)


def _pattern_keys() -> dict[str, Json]:
    return {
        "event": {
            **_one_or_list({"type": "string", "pattern": _EVENT}),
            "description": 'A name, a prefix ending in `.*`, `"*"`, or a list of them.',
            "examples": ["job.created", "job.*", ["job.created", "job.updated"]],
        },
        "source": {
            **_one_or_list({"type": "string"}),
            "description": "The event's source. Default: any.",
        },
        "when": {"$ref": "#/definitions/condition"},
    }


def _pattern_schema() -> dict[str, Json]:
    return _object(_pattern_keys(), ["event"], title="Event pattern")


def _cancel_schema() -> dict[str, Json]:
    keys = {**_pattern_keys(), "by": {"$ref": "#/definitions/references"}}
    return _object(keys, ["event", "by"], title="Event pattern with keys")


def _references_schema() -> dict[str, Json]:
    reference: Json = {"type": "string", "pattern": _REF}
    return {
        "description": "What must be equal: a reference, several, or pairs of this rule's event and the other's.",
        "anyOf": [
            reference,
            {"type": "array", "items": reference},
            {"type": "object", "additionalProperties": reference, "minProperties": 1},
        ],
        "examples": ["job.id", ["session.id", "button.id"], {"cart.id": "order.cart_id"}, []],
    }


def _condition_schema() -> dict[str, Json]:
    parts: Json = {"type": "array", "items": {"$ref": "#/definitions/condition"}}
    return {
        "title": "Condition",
        "description": "A line, a list of lines that must all hold, or a tree.",
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"const": True},
            parts,
            {"type": "object", "properties": {"all": parts}, "required": ["all"]},
            {"type": "object", "properties": {"any": parts}, "required": ["any"]},
            {"type": "object", "properties": {"not": {"$ref": "#/definitions/condition"}}, "required": ["not"]},
            {"type": "object", "properties": {"condition": {"type": "string"}}, "required": ["condition"]},
            {
                "type": "object",
                "properties": {
                    "fact": {"type": "string"},
                    "path": {"type": "string"},
                    "operator": {"type": "string"},
                },
                "required": ["fact", "operator"],
            },
        ],
        "examples": ['job.status == "Done"', ["job.total >= 2000", "job.client.phone exists"]],
    }


def _retry_schema() -> dict[str, Json]:
    span: Json = {"$ref": "#/definitions/span"}
    formula: dict[str, Json] = {
        "max_attempts": {"type": "integer", "minimum": 1, "maximum": 50, "description": "The first attempt counts."},
        "base": span,
        "factor": {"type": "number", "minimum": 1, "maximum": 100},
        "cap": span,
    }
    return {
        "title": "Retry policy",
        "description": "How often an attempt is repeated.",
        "anyOf": [
            {"enum": list(PRESETS)},
            _object({"schedule": {"type": "array", "items": span, "minItems": 1}}, ["schedule"]),
            _object(formula, []),
        ],
        "examples": ["patient", {"schedule": ["0s", "1m", "5m"]}, {"max_attempts": 3, "base": "2s"}],
    }


def _step_schema(kind: ActionType) -> dict[str, Json]:
    params = _object(
        {param.name: _param_schema(param) for param in kind.params},
        [param.name for param in kind.params if param.required],
        description=kind.doc,
    )
    if kind.one_of:
        params["allOf"] = [{"oneOf": [{"required": [name]} for name in names]} for names in kind.one_of]
    keys = {
        kind.name: params,
        "id": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "description": "Unique in the rule."},
        "retry": {"$ref": "#/definitions/retry"},
    }
    return _object(keys, [kind.name], title=kind.name, description=kind.doc)


def _param_schema(param: Param) -> dict[str, Json]:
    text: dict[str, Json] = {"type": "string", "minLength": 1}
    schema: dict[str, Json]
    match param.kind:
        case ParamKind.RECIPIENT:
            one: Json = {"anyOf": [text, {"$ref": "#/definitions/typed"}]}
            schema = _one_or_list(one)
        case ParamKind.VALUE:
            schema = {}
        case ParamKind.HEADERS:
            schema = {"type": "object", "additionalProperties": {"type": "string"}}
        case ParamKind.URL:
            schema = {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"}
        case ParamKind.WORD if param.choices:
            schema = {"enum": list(param.choices)}
        case _:
            schema = dict(text)
    return {**schema, "description": param.doc}
