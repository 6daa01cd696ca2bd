"""What can be expected of a step, as it is written: its keys, their items' keys, and matchers. Read by `keys`."""

from __future__ import annotations

from collections.abc import Mapping

from autoflow.errors import ConditionError
from autoflow.model.condition import Leaf
from autoflow.model.json import Json
from autoflow.rules.findings import known_words, near_match
from autoflow.strict_yaml import Pointer
from autoflow.testing import codes
from autoflow.testing.fields import FLAG, Key, Keys, Kind, Notes, names, note_shape, read_keys, schema_of
from autoflow.testing.matchers import MATCHERS, is_matcher

OUTCOMES = ("accepted", "duplicate", "rejected", "unanswered")
VERDICTS = ("fires", "miss", "not_triggered", "disabled", "error")


def _read_wanted(value: Json, at: Pointer, notes: Notes) -> Json:
    """A value that something is compared with: what matchers take is checked."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            _read_wanted(part, (*at, index), notes)
    elif isinstance(value, dict):
        known = is_matcher(value)
        for name, part in value.items():
            if known:
                _check_matcher(name, part, (*at, name), notes)
            else:
                _read_wanted(part, (*at, name), notes)
    return value


def _check_matcher(name: str, value: Json, at: Pointer, notes: Notes) -> None:
    if name in ("any_of", "one_of") and not isinstance(value, list):
        note_shape(value, at, "a list", notes)
    elif name == "exists" and not isinstance(value, bool):
        note_shape(value, at, "true or false", notes)
    elif name in ("starts_with", "ends_with", "matches") and not isinstance(value, str):
        note_shape(value, at, "text", notes)
    elif name == "matches":
        _check_regex(value, at, notes)
    elif name != "equals":
        _read_wanted(value, at, notes)


def _check_regex(value: str, at: Pointer, notes: Notes) -> None:
    from autoflow.matching.regex import compile_regex  # with a library that few need

    try:
        compile_regex(value)
    except ConditionError as error:
        notes.findings.add_error(at, error)


def _items(keys: Keys) -> Kind:
    """A list of all there is, or how many that is."""

    def read(value: Json, at: Pointer, notes: Notes) -> Json:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if not isinstance(value, list):
            note_shape(value, at, "a number or a list", notes)
            return None
        for index, part in enumerate(value):
            read_keys(part, keys, (*at, index), notes)
        return value

    one: Json = schema_of(keys)
    return Kind(read=read, schema={"anyOf": [{"type": "integer", "minimum": 0}, {"type": "array", "items": one}]})


def _read_outcome(value: Json, at: Pointer, notes: Notes) -> Json:
    if isinstance(value, list):
        for index, part in enumerate(value):
            _read_outcome(part, (*at, index), notes)
    elif isinstance(value, dict):
        read_keys(value, OUTCOME_KEYS, at, notes)
    elif value not in OUTCOMES:
        hint = (near_match(value, OUTCOMES) if isinstance(value, str) else None) or known_words(OUTCOMES)
        notes.add(at, f"outcome cannot be {value!r}", hint)
    return value


def _read_verdict(value: Json, at: Pointer, notes: Notes) -> Json:
    if isinstance(value, dict):
        read_keys(value, WHY_KEYS, at, notes)
    elif value not in VERDICTS:
        hint = (near_match(value, VERDICTS) if isinstance(value, str) else None) or known_words(VERDICTS)
        notes.add(at, f"why cannot be {value!r}", hint)
    return value


def _read_leaf(value: Json, at: Pointer, notes: Notes) -> Json:
    from autoflow.matching.tree import parse_condition  # few scenarios ask for it

    parsed = parse_condition(value)
    for error in parsed.errors:
        notes.findings.add_condition(at, error)
    if parsed.condition is not None and not isinstance(parsed.condition, Leaf):
        notes.add(at, "this is more than one comparison", 'write one, for example job.status == "Done"')
    return value


def _read_plain(value: Json, at: Pointer, notes: Notes) -> Json:
    """A value that is no map: whoever writes one means a matcher."""
    if isinstance(value, dict) and not is_matcher(value):
        wrong = next((name for name in value if name not in MATCHERS), None)
        hint = (near_match(wrong, MATCHERS) if wrong else None) or known_words(MATCHERS)
        notes.add(at, "this is a value or a matcher, not another map", hint, code=codes.WRONG_SHAPE)
        return value
    return _read_wanted(value, at, notes)


WANT = Kind(_read_wanted, {})
PLAIN = Kind(_read_plain, {})
WANTED: Keys = {
    "contains": Key(WANT, "A part of the text, or an element of the list."),
    "starts_with": Key(WANT, "The text begins so."),
    "ends_with": Key(WANT, "The text ends so."),
    "matches": Key(WANT, "A regular expression (RE2) that is found in the text."),
    "exists": Key(WANT, "true: it is there and not null; false: it is not."),
    "any_of": Key(WANT, "A list of values or matchers of which one is met."),
    "one_of": Key(WANT, "The same."),
    "not": Key(WANT, "A value or matcher that is not met."),
    "equals": Key(WANT, "Exactly this, with no other keys."),
    "gt": Key(WANT, "More than this number or span."),
    "gte": Key(WANT, "At least this."),
    "lt": Key(WANT, "Less than this."),
    "lte": Key(WANT, "At most this."),
}
_WHO: Keys = {
    "rule": Key(PLAIN, "The rule's id."),
    "account": Key(PLAIN, "Its account."),
    "event": Key(PLAIN, "The id of the event that it is about."),
    "event_type": Key(PLAIN, "That event's type."),
}
_EXACTLY: Keys = {"exactly": Key(FLAG, "No other keys are allowed in what is compared.")}
ACTION_KEYS: Keys = {
    "type": Key(PLAIN, "The action, for example sms."),
    **_WHO,
    "params": Key(WANT, "What was sent, rendered."),
    "notifier": Key(PLAIN, "The notifier that the rule names."),
    "step": Key(PLAIN, "The step's id, or its number where it has none."),
    "at": Key(PLAIN, "When: a time of day, or a day and a time."),
    "attempt": Key(PLAIN, "Which attempt it was, counted from 1."),
    "key": Key(PLAIN, "Which idempotency key: 1 is the first one of this test, 2 the second."),
    **_EXACTLY,
}
ATTEMPT_KEYS: Keys = {
    **ACTION_KEYS,
    "result": Key(PLAIN, "delivered, retry, rejected, or unknown where the daemon died meanwhile."),
    "code": Key(PLAIN, "The code of the failure."),
    "detail": Key(PLAIN, "What the failure says of itself."),
}
PENDING_KEYS: Keys = {
    **_WHO,
    "kind": Key(PLAIN, "start: a rule's delay; retry: after a failed attempt; resume: between two steps."),
    "due": Key(PLAIN, "When it is due: a time of day, or a day and a time."),
    "in": Key(PLAIN, "How far away that is: 4m30s."),
    "step": Key(PLAIN, "The number of the step that is next."),
    "shadow": Key(PLAIN, "Whether it will act."),
    **_EXACTLY,
}
RUN_KEYS: Keys = {
    **_WHO,
    "status": Key(PLAIN, "done, failed, cancelled, shadow or running."),
    "error": Key(PLAIN, "Why it did not end well."),
    "at": Key(PLAIN, "When it ended."),
    "steps": Key(WANT, "Its steps: type, status, params."),
    **_EXACTLY,
}
LETTER_KEYS: Keys = {
    **_WHO,
    "type": Key(PLAIN, "The action that was given up."),
    "step": Key(PLAIN, "The number of its step."),
    "params": Key(WANT, "What it would have sent."),
    "reason": Key(PLAIN, "max_attempts, permanent, retry-after-too-long or poison."),
    "code": Key(PLAIN, "The code of the last failure."),
    "detail": Key(PLAIN, "What that failure says of itself."),
    "attempts": Key(PLAIN, "How many were made."),
    "at": Key(PLAIN, "When it was given up."),
    **_EXACTLY,
}
EVENT_KEYS: Keys = {
    "type": Key(PLAIN, "The event's type."),
    "data": Key(WANT, "Its data."),
    "subject": Key(PLAIN, "What it is about."),
    "account": Key(PLAIN, "Its account."),
    "rule": Key(PLAIN, "The rule that made it."),
    "depth": Key(PLAIN, "How many actions stand between it and an event from outside."),
    **_EXACTLY,
}
OUTCOME_KEYS: Keys = {
    "status": Key(Kind(_read_outcome, {"enum": list(OUTCOMES)}), "What became of the event."),
    "error": Key(PLAIN, "Why it was rejected."),
}
WHY_KEYS: Keys = {
    "result": Key(Kind(_read_verdict, {"enum": list(VERDICTS)}), "Whether it fires.", needed=True),
    "leaf": Key(Kind(_read_leaf, {"type": "string"}), "The comparison that decided, as a rule writes it."),
    "actual": Key(WANT, "What was found there."),
    "error": Key(PLAIN, "Why it could not be judged."),
}
_WORD: Json = {"enum": list(OUTCOMES)}
_OUTCOME = Kind(_read_outcome, {"anyOf": [_WORD, {"type": "array", "items": _WORD}, schema_of(OUTCOME_KEYS)]})
_VERDICT = Kind(_read_verdict, {"anyOf": [{"enum": list(VERDICTS)}, schema_of(WHY_KEYS)]})

EXPECT_KEYS: Keys = {
    "actions": Key(
        _items(ACTION_KEYS), "What was delivered since actions were last expected; a list holds all of it."
    ),
    "attempts": Key(_items(ATTEMPT_KEYS), "Every attempt since attempts were last expected."),
    "pending": Key(_items(PENDING_KEYS), "What waits now, soonest first."),
    "runs": Key(_items(RUN_KEYS), "The runs that ended since runs were last expected."),
    "dead_letters": Key(_items(LETTER_KEYS), "What was given up since dead letters were last expected."),
    "events": Key(_items(EVENT_KEYS), "The events that rules made since events were last expected."),
    "outcome": Key(_OUTCOME, "What became of the last events: a word for all of them, or a list."),
    "why": Key(names(_VERDICT, "rules"), "Why rules did or did not fire on the last event."),
    **_EXACTLY,
}
ITEM_KEYS: Mapping[str, Keys] = {
    "action": ACTION_KEYS,
    "attempt": ATTEMPT_KEYS,
    "waiting": PENDING_KEYS,
    "run": RUN_KEYS,
    "dead letter": LETTER_KEYS,
    "event": EVENT_KEYS,
    "outcome": OUTCOME_KEYS,
    "why": WHY_KEYS,
}
"""The keys of what is expected of one thing."""
