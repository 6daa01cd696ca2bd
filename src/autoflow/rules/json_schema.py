"""The JSON Schema (draft-07) of rule files, for editors. Made of the actions and the keys there are.

It describes the canonical spelling; what the loader accepts besides is for files that move here from elsewhere, and
`autoflow fmt` writes them so.
"""

from __future__ import annotations

from collections.abc import Mapping

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.actions.types import ActionType, Param, ParamKind
from autoflow.matching.operators import DECORATORS, OPERATORS
from autoflow.model.json import Json, JsonObject
from autoflow.model.json_schema import DRAFT, choice, closed_map, describe, one_or_list
from autoflow.model.retry import PRESETS
from autoflow.rules.vocabulary import RULE_KEYS

_EVENT = r"^(\*|[^\s*{},\"']+(\.\*)?)$"
_SPAN = r"^(\d+(ms|s|m|h|d|w))+$"
_REF = r"^\$?\.?[^\s{}]+$"
_PRESETS_SAID = {
    "standard": "6 attempts in about 7 hours",
    "patient": "10 attempts in 3 days",
    "quick": "4 attempts in 36 seconds",
    "none": "one attempt",
}
_CHANGES_SAID: dict[Json, str] = {
    "finish_old": "it goes on under the version it began with",
    "cancel": "it is cancelled",
}
_TEXT: dict[str, Json] = {"type": "string", "minLength": 1}
_WORD: dict[str, Json] = {"type": "string", "pattern": r"^\S+$", "maxLength": 255}


_ANY_TESTS: JsonObject = {"type": "array", "items": {"type": "object"}}


def rule_json_schema(
    actions: Mapping[str, ActionType] = ACTION_TYPES, tests: JsonObject = _ANY_TESTS
) -> dict[str, Json]:
    """The schema of a rule file: one rule, or `rules:` with a list of them; `tests` is that of tests in a rule."""
    # A file's keys alone, or else a rule: an editor that knows which one it is shows the mistakes of that one only.
    only_shared: Json = {"required": ["shared_conditions"], "propertyNames": {"enum": list(_file_keys())}}
    is_file: Json = {"anyOf": [{"required": ["rules"]}, only_shared]}
    return {
        "$schema": DRAFT,
        "title": "autoflow rule file",
        "description": "When this event comes, wait, unless that one comes; check; act.",
        "type": "object",
        "if": is_file,
        "then": {"$ref": "#/definitions/file"},
        "else": {"$ref": "#/definitions/rule"},
        "definitions": {
            "rule": _rule_schema(),
            "file": _file_schema(),
            "pattern": _pattern_schema(),
            "cancel_on": _cancel_schema(),
            "references": _references_schema(),
            "condition": _condition_schema(),
            "operator": _operator_schema(),
            "span": {"type": "string", "pattern": _SPAN, "examples": ["30s", "5m", "1h30m", "7d"]},
            "retry": _retry_schema(),
            "typed": _typed_schema(),
            "tests": dict(tests),
            "step": {"oneOf": [_step_schema(kind) for name, kind in actions.items() if name == kind.name]},
        },
    }


def _rule_schema() -> dict[str, Json]:
    keys = {**_naming_keys(), **_acting_keys()}
    ordered: dict[str, Json] = {key: keys[key] for key in RULE_KEYS}
    ordered["shared_conditions"] = _shared_schema()
    ordered["$schema"] = {"type": "string", "description": "This schema, for editors that look for it here."}
    example = {"trigger": {"event": "job.created"}, "actions": [{"log": {"message": "{{ job.id }}"}}]}
    return closed_map(ordered, ["trigger", "actions"], title="Rule", examples=[example])


def _naming_keys() -> dict[str, Json]:
    """Keys that say what the rule is and whose."""
    an_id: Json = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$", "maxLength": 128}
    about = "What the rule is known by in its account: another id is another rule. Default: the file's name."
    enabled = {True: "it judges and acts", False: "it does nothing", "shadow": "it is judged and recorded, only"}
    return {
        "id": describe(an_id, "Id", about, examples=["notify-technician"]),
        "name": describe(_TEXT, "Name", "For people; never a template. Default: the id."),
        "description": describe({"type": ["string", "null"]}, "Description", "For people; never a template."),
        "labels": describe(
            {"type": "array", "items": _WORD},
            "Labels",
            "Words to find rules by: `autoflow rules list --label crm`.",
            default=[],
            examples=[["crm", "sms"]],
        ),
        "account": describe(_WORD, "Account", "The tenant whose events it sees.", default="default"),
        "enabled": describe(
            choice(enabled), "Enabled", "`shadow`: it is judged and recorded, and never acts.", default=True
        ),
    }


def _acting_keys() -> dict[str, Json]:
    """Keys that say when it acts and what it does."""
    return {
        "trigger": describe(
            one_or_list({"$ref": "#/definitions/pattern"}),
            "Trigger",
            "What wakes the rule: any of these events.",
            examples=[{"event": "job.created"}],
        ),
        "delay": describe(
            {"$ref": "#/definitions/span"},
            "Delay",
            "How long it waits, counted from the event's arrival: `30s`, `5m`, `1h30m`, `7d`.",
            examples=["5m", "1h30m"],
        ),
        "cancel_on": describe(
            {
                "anyOf": [
                    {"$ref": "#/definitions/cancel_on"},
                    {"type": "array", "items": {"$ref": "#/definitions/cancel_on"}},
                ]
            },
            "Cancel on",
            "What makes waiting and running work of the same key unnecessary.",
            examples=[{"event": "job.reopened", "by": "job.id"}],
        ),
        "when": describe({"$ref": "#/definitions/condition"}, "When", "What must hold for the rule to act."),
        "retry": describe(
            {"anyOf": [{"$ref": "#/definitions/retry"}, {"type": "null"}]},
            "Retry",
            "For its steps that have none of their own. Default: the config's.",
        ),
        "on_change": describe(
            choice(_CHANGES_SAID),
            "On change",
            "What becomes of waiting work when this rule is edited, disabled or removed.",
            default="finish_old",
        ),
        "actions": describe(
            {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/step"}},
            "Actions",
            "What it does, in this order.",
            examples=[[{"log": {"message": "{{ job.id }}"}}]],
        ),
        "tests": describe(
            {"anyOf": [{"$ref": "#/definitions/tests"}, {"type": "null"}]},
            "Tests",
            "Scenarios that are played by `autoflow test`, as in `*.test.yaml`.",
        ),
    }


def _shared_schema() -> dict[str, Json]:
    return describe(
        {"type": "object", "additionalProperties": {"$ref": "#/definitions/condition"}},
        "Shared conditions",
        "Conditions by name, for `{ condition: name }` anywhere in the account.",
        examples=[{"is-urgent": 'ticket.priority == "urgent"'}],
    )


def _file_keys() -> dict[str, Json]:
    return {
        "account": describe(_WORD, "Account", "The account of the rules below that name none.", default="default"),
        "shared_conditions": _shared_schema(),
        "rules": describe({"type": "array", "items": {"$ref": "#/definitions/rule"}}, "Rules", "A list of rules."),
        "tests": describe({"$ref": "#/definitions/tests"}, "Tests", "Scenarios of these rules: `autoflow test`."),
    }


def _file_schema() -> dict[str, Json]:
    return closed_map(_file_keys(), title="Several rules")


def _pattern_keys() -> dict[str, Json]:
    return {
        "event": describe(
            one_or_list({"type": "string", "pattern": _EVENT, "maxLength": 255}),
            "Event",
            'A name, a prefix ending in `.*`, `"*"`, or a list of them.',
            examples=["job.created", "job.*", ["job.created", "job.updated"]],
        ),
        "source": describe(
            one_or_list(_WORD), "Source", "Who said it: the event's source. Default: any.", examples=["crm"]
        ),
        "when": describe(
            {"$ref": "#/definitions/condition"}, "When", "A condition on that event, judged on arrival."
        ),
    }


def _pattern_schema() -> dict[str, Json]:
    return closed_map(_pattern_keys(), ["event"], title="Event pattern")


def _cancel_schema() -> dict[str, Json]:
    by = describe(
        {"$ref": "#/definitions/references"},
        "By",
        "What must be equal in both events: a reference, several, pairs, or `[]` for every run of this rule.",
        examples=["job.id", ["session.id", "button.id"], {"cart.id": "order.cart_id"}, []],
    )
    return closed_map({**_pattern_keys(), "by": by}, ["event", "by"], title="Event pattern with keys")


def _references_schema() -> dict[str, Json]:
    reference: Json = {"type": "string", "pattern": _REF}
    return {
        "anyOf": [
            reference,
            {"type": "array", "items": reference},
            {"type": "object", "additionalProperties": reference, "minProperties": 1},
        ],
    }


def _condition_schema() -> dict[str, Json]:
    parts: Json = {"type": "array", "items": {"$ref": "#/definitions/condition"}}
    one: Json = {"$ref": "#/definitions/condition"}
    return {
        "title": "Condition",
        "description": "A line, a list of lines that must all hold, or a tree.",
        "anyOf": [
            _TEXT,
            {"const": True},
            parts,
            _part_schema({"all": parts}, "All must hold"),
            _part_schema({"any": parts}, "One must hold"),
            _part_schema({"not": one}, "Must not hold"),
            _part_schema({"condition": {"type": "string"}}, "A shared condition, by its name"),
            _leaf_schema(),
        ],
        "examples": ['job.status == "Done"', ["job.total >= 2000", "job.client.phone exists"]],
    }


def _part_schema(keys: Mapping[str, Json], title: str) -> dict[str, Json]:
    more: dict[str, Json] = {"name": {"type": "string"}, "priority": {"type": "integer"}}
    return closed_map({**keys, **more}, list(keys), title=title)


def _leaf_schema() -> dict[str, Json]:
    keys: dict[str, Json] = {
        "fact": {"type": "string", "description": "A name of the event's data, or a reference: job.total."},
        "path": {"type": "string", "description": "Where in the fact: $.client.type."},
        "operator": {"$ref": "#/definitions/operator"},
        "value": {"description": "What it is compared with: any value, or { fact: ... } for another fact."},
        "name": {"type": "string"},
        "priority": {"type": "integer"},
    }
    return closed_map(keys, ["fact", "operator"], title="A comparison")


def _operator_schema() -> dict[str, Json]:
    names = "|".join(OPERATORS)
    decorated = {"type": "string", "pattern": rf"^(({'|'.join(DECORATORS)}):)+({names})$"}
    return {"anyOf": [choice({name: operator.meaning for name, operator in OPERATORS.items()}), decorated]}


def _retry_schema() -> dict[str, Json]:
    span: Json = {"$ref": "#/definitions/span"}
    formula: dict[str, Json] = {
        "max_attempts": {
            "type": "integer", "minimum": 1, "maximum": 50, "default": 6, "description": "The first attempt counts.",
        },
        "base": describe(span, "Base", "The first wait.", default="1m"),
        "factor": {"type": "number", "minimum": 1, "maximum": 100, "default": 2},
        "cap": describe(span, "Cap", "No wait is longer.", default="6h"),
    }  # fmt: skip
    return {
        "title": "Retry policy",
        "description": "How often an attempt is repeated.",
        "anyOf": [
            choice({name: _PRESETS_SAID[name] for name in PRESETS}),
            closed_map({"schedule": {"type": "array", "items": span, "minItems": 1, "maxItems": 50}}, ["schedule"]),
            closed_map(formula),
        ],
        "examples": ["patient", {"schedule": ["0s", "1m", "5m"]}, {"max_attempts": 3, "base": "2s"}],
    }


def _typed_schema() -> dict[str, Json]:
    keys: dict[str, Json] = {
        "fact": {"type": "string", "description": "A reference, for example job.total."},
        "default": {"description": "What stands in where the fact is missing."},
    }
    about = "A fact's value with its type kept."
    return closed_map(keys, ["fact"], title="Typed value", description=about, examples=[{"fact": "job.total"}])


def _step_schema(kind: ActionType) -> dict[str, Json]:
    params = closed_map(
        {param.name: _param_schema(param) for param in kind.params},
        [param.name for param in kind.params if param.required],
    )
    if kind.one_of:
        params["allOf"] = [{"oneOf": [{"required": [name]} for name in names]} for names in kind.one_of]
    keys = {
        kind.name: describe(params, kind.name, kind.doc),
        "id": describe({"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}, "Id", "Unique in the rule."),
        "retry": describe({"$ref": "#/definitions/retry"}, "Retry", "For this step. Default: the rule's."),
    }
    return closed_map(keys, [kind.name], title=kind.name, description=kind.doc)


def _param_schema(param: Param) -> dict[str, Json]:
    schema: dict[str, Json]
    match param.kind:
        case ParamKind.RECIPIENT:
            schema = one_or_list({"anyOf": [_TEXT, {"$ref": "#/definitions/typed"}]})
        case ParamKind.VALUE:
            schema = {}
        case ParamKind.HEADERS:
            schema = {"type": "object", "additionalProperties": {"type": "string"}}
        case ParamKind.URL:
            schema = {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"}
        case ParamKind.WORD if param.choices:
            schema = {"enum": list(param.choices)}
        case ParamKind.TEXT:
            schema = {"type": "string"}
        case _:
            schema = _TEXT
    return describe(schema, param.name, param.doc)
