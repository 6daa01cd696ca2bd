"""The accepted spellings of the language, turned into the canonical one. Before it: YAML; after it: the schema.

Where a part of the rule moves, `Findings.origins` remembers where it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from autoflow.actions.types import ActionType
from autoflow.model.json import Json, JsonObject
from autoflow.model.span import UNITS
from autoflow.rules import codes
from autoflow.rules.findings import Findings, known_words, near_match
from autoflow.rules.vocabulary import NOT_YET_STEP_TYPES
from autoflow.strict_yaml import Pointer

RULE_SPELLINGS = {
    **dict.fromkeys(("accountId", "account_id", "org_id", "organization_id", "tenant_id"), "account"),
    "is_active": "enabled",
    "title": "name",
    "conditions": "when",
    "trigger_event": "trigger",
    "retry_policy": "retry",
    "steps": "actions",
}
"""Keys of the seeds, and the keys they mean."""

SCHEMA_KEY = "$schema"
"""For editors only."""

IGNORED_KEYS = frozenset({"createdAt", "updatedAt", "created_at", "updated_at", SCHEMA_KEY})

PATTERN_SPELLINGS = {"eventName": "event", "event_name": "event", "event_type": "event", "eventType": "event"}
CANCEL_SPELLINGS = {**PATTERN_SPELLINGS, "match": "by", "key": "by"}
RETRY_SPELLINGS = {"attempts": "max_attempts", "maxAttempts": "max_attempts"}
UNIT_WORDS = {
    word: unit
    for unit, words in {
        "ms": "ms millisecond milliseconds",
        "s": "s sec second seconds",
        "m": "m min minute minutes",
        "h": "h hour hours",
        "d": "d day days",
        "w": "w week weeks",
    }.items()
    for word in words.split()
}
_HEX_ID = re.compile(r"[0-9a-fA-F]{6,}")
STEP_TYPE_KEYS = ("action_type", "actionType", "type")
STEP_PARAM_KEYS = ("params", "config", "parameters")


def respell_rule(document: JsonObject, actions: Mapping[str, ActionType], findings: Findings) -> dict[str, Json]:
    """The rule in canonical keys and shapes. Values are checked later."""
    rule = _rename(document, RULE_SPELLINGS, (), findings)
    for key in IGNORED_KEYS:
        rule.pop(key, None)
    _take_database_id(rule, findings)
    if "trigger" in rule:
        rule["trigger"] = _respell_triggers(rule["trigger"], findings)
    if "cancel_on" in rule:
        rule["cancel_on"] = _respell_patterns(rule["cancel_on"], ("cancel_on",), CANCEL_SPELLINGS, findings)
    if isinstance(rule.get("delay"), dict):
        _respell_delay(rule, findings)
    if isinstance(rule.get("retry"), dict):
        rule["retry"] = _respell_retry(rule["retry"], ("retry",), findings)
    if isinstance(rule.get("actions"), list):
        rule["actions"] = [
            _respell_step(step, ("actions", index), actions, findings) if isinstance(step, dict) else step
            for index, step in enumerate(rule["actions"])
        ]
    return rule


def _rename(written: JsonObject, spellings: Mapping[str, str], at: Pointer, findings: Findings) -> dict[str, Json]:
    if spellings.keys().isdisjoint(written):
        return dict(written)
    renamed: dict[str, Json] = {}
    wording: dict[str, str] = {}
    for key, value in written.items():
        name = spellings.get(key, key)
        if name in renamed:
            message = f"{wording[name]!r} and {key!r} mean the same"
            findings.add((*at, key), codes.TWO_SPELLINGS, message, f"keep {name!r}", on_key=True)
            continue
        renamed[name] = value
        wording[name] = key
    for name, key in wording.items():
        if name != key:
            findings.origins[(*at, name)] = (*findings.origin_of(at), key)
    return renamed


def _take_database_id(rule: dict[str, Json], findings: Findings) -> None:
    written = rule.pop("_id", None)
    if "id" in rule or written is None:
        return
    if isinstance(written, dict):
        written = written.get("$oid")
    rule["id"] = database_id(str(written))
    findings.origins[("id",)] = ("_id",)


def database_id(text: str) -> str:
    """The id that a database's own stands for: its digits, where it has some."""
    digits = _HEX_ID.search(text)
    return digits[0].lower() if digits else make_id(text)


def make_id(text: str) -> str:
    """A text as an id: lower case, everything that cannot stand in one as a hyphen."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")


def _respell_triggers(trigger: Json, findings: Findings) -> Json:
    origin = findings.origin_of(("trigger",))
    if origin == ("trigger_event",) and isinstance(trigger, str):
        findings.origins[("trigger", 0, "event")] = origin
        findings.origins[("trigger", 0)] = origin
        trigger = [{"event": trigger}]
    return _respell_patterns(trigger, ("trigger",), PATTERN_SPELLINGS, findings)


def _respell_patterns(value: Json, at: Pointer, spellings: Mapping[str, str], findings: Findings) -> Json:
    """One pattern or a list of them as a list."""
    if isinstance(value, dict):
        findings.origins.setdefault((*at, 0), findings.origin_of(at))
        value = [value]
    if not isinstance(value, list):
        return value
    return [
        _respell_pattern(item, (*at, index), spellings, findings) if isinstance(item, dict) else item
        for index, item in enumerate(value)
    ]


def _respell_pattern(
    written: JsonObject, at: Pointer, spellings: Mapping[str, str], findings: Findings
) -> dict[str, Json]:
    pattern = _rename(written, spellings, at, findings)
    if isinstance(pattern.get("type"), str) and "event" not in pattern:
        pattern = _unfold_typed(pattern, at, spellings, findings)
    for key in ("event", "source"):
        if isinstance(pattern.get(key), str):
            findings.origins.setdefault((*at, key, 0), findings.origin_of((*at, key)))
            pattern[key] = [pattern[key]]
    return pattern


def _unfold_typed(
    pattern: dict[str, Json], at: Pointer, spellings: Mapping[str, str], findings: Findings
) -> dict[str, Json]:
    """`{type, config}` of the seeds: the type names the event, or says that the config does."""
    origin = findings.origin_of(at)
    kind = pattern.pop("type")
    config = pattern.pop("config", None)
    if isinstance(config, dict):
        for key, value in config.items():
            name = spellings.get(key, key)
            pattern.setdefault(name, value)
            findings.origins[(*at, name)] = (*origin, "config", key)
    if kind.lower() != "event":
        pattern.setdefault("event", kind)
        findings.origins.setdefault((*at, "event"), (*origin, "type"))
    return pattern


def _respell_delay(rule: dict[str, Json], findings: Findings) -> None:
    """`{value, unit}` as a span. What cannot be read is noted and taken out, so that it is said once."""
    delay = rule["delay"]
    if set(delay) == {"until"}:
        return
    value, unit = delay.get("value"), delay.get("unit")
    hint = "write a span: delay: 5m"
    extra = sorted(set(delay) - {"value", "unit"})
    if extra:
        findings.add(("delay", extra[0]), codes.UNKNOWN_KEY, f"unknown key {extra[0]!r} in delay", hint, on_key=True)
    elif not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        findings.add(("delay", "value"), codes.WRONG_SPAN, "a delay's value is a number from 0", hint)
    elif not isinstance(unit, str) or unit.lower() not in UNIT_WORDS:
        known = known_words(("seconds", "minutes", "hours", "days", "weeks"))
        findings.add(("delay", "unit"), codes.WRONG_SPAN, f"unknown unit {unit!r}", f"{known}; or {hint}")
    else:
        rule["delay"] = f"{round(value * UNITS[UNIT_WORDS[unit.lower()]])}ms"
        return
    del rule["delay"]


def _respell_retry(retry: JsonObject, at: Pointer, findings: Findings) -> dict[str, Json]:
    renamed = _rename(retry, RETRY_SPELLINGS, at, findings)
    if renamed.get("strategy") in ("exponential", "exponential_backoff"):
        del renamed["strategy"]
    return renamed


def _respell_step(
    written: JsonObject, at: Pointer, actions: Mapping[str, ActionType], findings: Findings
) -> dict[str, Json]:
    step = _rename(written, {"retry_policy": "retry"}, at, findings)
    if not _kinds_in(step, actions):
        _unfold_step(step, at, actions, findings)
    for key in list(step):
        if key in actions and actions[key].name != key:
            findings.origins[(*at, actions[key].name)] = findings.origin_of((*at, key))
            step = {actions[key].name if name == key else name: value for name, value in step.items()}
    for name in _kinds_in(step, actions):
        if isinstance(step[name], dict):
            step[name] = _respell_params(step[name], (*at, name), actions[name], findings)
    if isinstance(step.get("retry"), dict):
        step["retry"] = _respell_retry(step["retry"], (*at, "retry"), findings)
    return step


def _kinds_in(step: JsonObject, actions: Mapping[str, ActionType]) -> list[str]:
    return [key for key in step if key in actions]


def _unfold_step(step: dict[str, Json], at: Pointer, actions: Mapping[str, ActionType], findings: Findings) -> None:
    """`{type: sms, params: {...}}` as `{sms: {...}}`. A type that is no action is noted."""
    types = [key for key in STEP_TYPE_KEYS if isinstance(step.get(key), str)]
    if not types:
        return
    word = types[0]
    name = find_action(step[word], actions)
    if name is None:
        _refuse_type(step[word], (*at, word), actions, findings)
        # One sentence is enough: the schema must not complain about this step again.
        step.clear()
        return
    for key in types:
        del step[key]
    params: Json = {}
    for key in STEP_PARAM_KEYS:
        if key in step:
            findings.origins[(*at, name)] = (*findings.origin_of(at), key)
            params = step.pop(key)
            break
    else:
        findings.origins[(*at, name)] = (*findings.origin_of(at), word)
    step[name] = params


def find_action(word: str, actions: Mapping[str, ActionType]) -> str | None:
    """The action meant by a word of the seeds: `sms`, `SEND_SMS`, `SendSms`."""
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()
    for spelling in (word, word.lower(), snake):
        if spelling in actions:
            return actions[spelling].name
    return None


def _refuse_type(word: str, at: Pointer, actions: Mapping[str, ActionType], findings: Findings) -> None:
    instead = NOT_YET_STEP_TYPES.get(word.lower())
    if instead:
        message = f"steps of type {word!r} ({instead}) are not there yet in this release"
        findings.add(at, codes.NOT_YET, message)
        return
    names = {kind.name for kind in actions.values()}
    findings.add(
        at, codes.UNKNOWN_ACTION, f"unknown action {word!r}", near_match(word, actions) or known_words(names)
    )


def _respell_params(params: JsonObject, at: Pointer, kind: ActionType, findings: Findings) -> dict[str, Json]:
    aliases = {alias: param.name for param in kind.params for alias in param.aliases}
    return _rename(params, aliases, at, findings)
