"""Every key of a scenario file, with what may stand there: read by the reader, the schema and the docs' test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.failpoints import Failpoint
from autoflow.model.json import Json
from autoflow.model.retry import PRESETS, parse_retry
from autoflow.model.run import Delivered, Outcome, Reject, Retry
from autoflow.model.span import UNITS
from autoflow.rules.findings import known_words, near_match
from autoflow.strict_yaml import Pointer
from autoflow.testing import codes
from autoflow.testing.emits import EMIT
from autoflow.testing.expected import EXPECT_KEYS, ITEM_KEYS, WANTED
from autoflow.testing.fields import (
    ANYTHING,
    DATETIME,
    FLAG,
    MOMENT,
    SPAN,
    TEXT,
    ZONE,
    Key,
    Keys,
    Kind,
    Notes,
    lists,
    maps,
    names,
    note_shape,
    numbers,
    one_or_list,
    read_keys,
    schema_of,
    texts,
)
from autoflow.testing.rule_sets import RULES
from autoflow.testing.scenario import (
    Advance,
    ClockKeys,
    ConfigKeys,
    Deed,
    Expectation,
    JumpTo,
    Matter,
    Mocks,
    Operate,
    Replies,
    Restart,
    RunUntilIdle,
    Step,
    Use,
    Verb,
)

_PLACES = (
    "store.before_commit",
    "store.after_commit",
    "dispatch.after_claim",
    "action.before_send",
    "action.after_send",
    "run.before_finish_commit",
)
DEATHS = {name: Failpoint(place) for place in _PLACES for name in (place.partition(".")[2], place)}
"""Where a daemon can die in a scenario, by its short name and its whole one."""

IDLE_LIMIT = 366 * UNITS["d"]
MOST_EVERY = 1_000_000


def _read_reply(value: Json, at: Pointer, notes: Notes) -> Outcome | None:
    if value == "ok":
        return Delivered(output={})
    read = read_keys(value, REPLY_KEYS, at, notes)
    if read is None:
        return None
    said = [name for name in ("ok", "output", "error", "reject") if name in read]
    if len(said) > 1 and said != ["ok", "output"]:
        notes.add((*at, said[1]), f"a reply is {said[0]} or {said[1]}, not both", on_key=True)
    if "reject" in read:
        return Reject(code=read["reject"], detail=read.get("detail", f"the scenario says {read['reject']}"))
    if "error" in read or "retry_after" in read:
        code = read.get("error", "http-429")
        detail = read.get("detail", f"the scenario says {code}")
        return Retry(code=code, detail=detail, after=read.get("retry_after"))
    if not said and value.keys() <= REPLY_KEYS.keys():
        notes.add(at, "the reply says nothing", known_words(REPLY_KEYS))
    return Delivered(output=read.get("output", {}))


def _read_replies(value: Json, at: Pointer, notes: Notes) -> Replies | None:
    read = read_keys(value, REPLIES_KEYS, at, notes)
    if read is not None and not read and value.keys() <= REPLIES_KEYS.keys():
        notes.add(at, "it says neither replies nor always", "write replies: [ { error: timeout }, { ok: true } ]")
    return None if read is None else Replies(**read)


def _read_actions(value: Json, at: Pointer, notes: Notes) -> Any:
    known = {kind.name for kind in ACTION_TYPES.values()}
    for name in value if isinstance(value, dict) else ():
        if name not in known:
            hint = near_match(name, known) or known_words(known)
            notes.add((*at, name), f"there is no action {name!r}", hint, code=codes.UNKNOWN_NAME, on_key=True)
    return names(REPLIES, "actions").read(value, at, notes)


def _read_output(value: Json, at: Pointer, notes: Notes) -> Any:
    if isinstance(value, dict):
        return value
    note_shape(value, at, "a map", notes)
    return None


def _read_retry(value: Json, at: Pointer, notes: Notes) -> Any:
    try:
        return parse_retry(value)
    except ValueError as error:
        notes.add(at, str(error), near_match(value, PRESETS) if isinstance(value, str) else None)
        return None


def _read_idle(value: Json, at: Pointer, notes: Notes) -> RunUntilIdle | None:
    if value is True:
        return RunUntilIdle(limit=IDLE_LIMIT)
    limit = SPAN.read(value, at, notes)
    return None if limit is None else RunUntilIdle(limit=limit)


def _read_death(text: str) -> Failpoint:
    if text not in DEATHS:
        short = [name for name in DEATHS if "." not in name]
        raise ValueError(f"there is no place {text!r} to die at; {near_match(text, short) or known_words(short)}")
    return DEATHS[text]


def _read_restart(value: Json, at: Pointer, notes: Notes) -> Restart | None:
    if value is True:
        return Restart()
    read = read_keys(value, RESTART_KEYS, at, notes)
    if read is not None and "passing" in read and "at" not in read:
        notes.add((*at, "passing"), "passing counts how often a place is passed, and there is no at", on_key=True)
    return None if read is None else Restart(**read)


def _operate(verb: Verb, keys: Keys) -> Kind:
    """An operator's act on everything (true), or on what is meant."""

    def read(value: Json, at: Pointer, notes: Notes) -> Operate | None:
        if value is True:
            return Operate(verb=verb)
        meant = read_keys(value, keys, at, notes)
        return None if meant is None else Operate(verb=verb, meant=meant)

    return Kind(read=read, schema={"anyOf": [{"const": True}, schema_of(keys)]})


def _read_expect(value: Json, at: Pointer, notes: Notes) -> Expectation | None:
    read = read_keys(value, EXPECT_KEYS, at, notes)
    if read is None:
        return None
    exactly = read.pop("exactly", False)
    matters = {matter: read[matter] for matter in Matter if matter in read}
    if not value.keys() - {"exactly"}:
        notes.add(at, "it expects nothing", known_words(Matter))
    return Expectation(spot=notes.spot(at), matters=matters, exactly=exactly)


def _read_step(value: Json, at: Pointer, notes: Notes) -> Step | None:
    read = read_keys(value, STEP_KEYS, at, notes)
    if read is None or not isinstance(value, dict):
        return None
    kinds = [name for name in value if name in DEED_KEYS]
    if len(kinds) > 1:
        message = f"two things in one step: {kinds[0]} and {kinds[1]}"
        notes.add((*at, kinds[1]), message, "begin a new step with '-'", code=codes.STEP_KIND, on_key=True)
    elif not kinds and "expect" not in value and value.keys() <= STEP_KEYS.keys():
        notes.add(at, "the step says nothing to do", known_words(STEP_KEYS), code=codes.STEP_KIND)
    deed: Deed | None = read.get(kinds[0]) if kinds else None
    title = _title_of(kinds[0], value[kinds[0]]) if kinds else "expect"
    return Step(spot=notes.spot(at), deed=deed, title=title, expect=read.get("expect"))


def _wrapped(kind: Kind, make: Callable[[Any], Deed]) -> Kind:
    """The deed of a value."""

    def read(value: Json, at: Pointer, notes: Notes) -> Deed | None:
        found = kind.read(value, at, notes)
        return None if found is None else make(found)

    return Kind(read=read, schema=kind.schema)


def _title_of(kind: str, value: Json) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return f"{kind} {value}"
    if kind == "emit" and isinstance(value, dict) and isinstance(value.get("type"), str):
        return f"emit {value['type']}"
    if kind == "restart" and isinstance(value, dict):
        return " ".join(["restart", *(f"{name} {value[name]}" for name in ("at", "down") if name in value)])
    return kind


REPLY_KEYS: Keys = {
    "ok": Key(FLAG, "It is delivered."),
    "output": Key(Kind(_read_output, {"type": "object"}), "It is delivered, and this is the step's output."),
    "error": Key(TEXT, "It failed in a way that may pass: a code such as timeout, connect or http-503."),
    "retry_after": Key(SPAN, "The least wait that the receiver asks for."),
    "reject": Key(TEXT, "It will never work: a code such as http-400."),
    "detail": Key(TEXT, "What the failure says of itself."),
}
REPLY = Kind(_read_reply, {"anyOf": [{"const": "ok"}, schema_of(REPLY_KEYS)]})
REPLIES_KEYS: Keys = {
    "replies": Key(lists(REPLY, least=1), "One an attempt, in their order."),
    "always": Key(REPLY, "What is answered when `replies` are used up, or at once. Default: it is delivered."),
}
REPLIES = Kind(_read_replies, schema_of(REPLIES_KEYS))
CLOCK_KEYS: Keys = {
    "start": Key(DATETIME, "When the test begins, in its zone. Default: 2026-01-01T00:00:00."),
    "timezone": Key(ZONE, "The zone of times without an offset. Default: the config's."),
}
MOCK_KEYS: Keys = {
    "actions": Key(Kind(_read_actions, names(REPLIES, "").schema), "By action, for example `sms`."),
    "notifiers": Key(names(REPLIES, "notifiers"), "By the name of a notifier of the config."),
    "rules": Key(names(REPLIES, "rules"), "By `rule`, or by `rule/step` (a step's id or number)."),
}
CONFIG_KEYS: Keys = {
    "retry": Key(Kind(_read_retry, {"type": ["string", "object"]}), "The retry policy of rules without one."),
    "chain_depth": Key(numbers(1, 1_000), "How long a chain of events that lead to events may grow."),
    "shadow": Key(FLAG, "Everything is judged and recorded, and nothing acts."),
}
RESTART_KEYS: Keys = {
    "down": Key(SPAN, "How long nothing runs before it is started again. Default: not at all."),
    "at": Key(
        texts(_read_death, "text", {"enum": list(DEATHS)}),
        "It dies at this place, in the next step. Without it: now, between two steps.",
    ),
    "passing": Key(numbers(1, MOST_EVERY), "At which passing of that place, counted from 1."),
}
_WAITING_KEYS: Keys = {
    "rule": Key(TEXT, "What waits under this rule."),
    "account": Key(TEXT, "What waits in this account."),
    "event": Key(TEXT, "What waits because of the event with this id."),
}
_LETTER_KEYS: Keys = {
    "rule": Key(TEXT, "What this rule was given up at."),
    "account": Key(TEXT, "What was given up in this account."),
    "event": Key(TEXT, "What was given up of the event with this id."),
    "type": Key(TEXT, "Actions of this type."),
}
DEED_KEYS: Keys = {
    "emit": Key(EMIT, "Events arrive: one, or a list of them in one request."),
    "advance": Key(_wrapped(SPAN, lambda millis: Advance(millis=millis)), "So much time passes."),
    "at": Key(
        _wrapped(MOMENT, lambda moment: JumpTo(moment=moment)),
        "Time passes until then: a time of day (the next one), or a day and a time.",
    ),
    "run_until_idle": Key(
        Kind(_read_idle, {"anyOf": [{"const": True}, SPAN.schema]}),
        "Time passes until nothing waits any more; the span is the longest that may take (default 366d).",
    ),
    "restart": Key(
        Kind(_read_restart, {"anyOf": [{"const": True}, schema_of(RESTART_KEYS)]}),
        "The daemon dies and is started again on the same database.",
    ),
    "use": Key(_wrapped(RULES, lambda rules: Use(rules=rules)), "Other rules come in force, as by a reload."),
    "cancel": Key(
        _operate(Verb.CANCEL, _WAITING_KEYS), "An operator cancels what waits: all of it, or what is meant."
    ),
    "run_now": Key(_operate(Verb.RUN_NOW, _WAITING_KEYS), "An operator lets what waits run now."),
    "replay": Key(_operate(Verb.REPLAY, _LETTER_KEYS), "An operator sends dead letters again."),
    "discard": Key(_operate(Verb.DISCARD, _LETTER_KEYS), "An operator discards dead letters."),
}
EXPECT = Kind(_read_expect, schema_of(EXPECT_KEYS))
STEP_KEYS: Keys = {**DEED_KEYS, "expect": Key(EXPECT, "What is to be so now; what is not named is not looked at.")}
STEP = Kind(_read_step, schema_of(STEP_KEYS))

CLOCK = maps(CLOCK_KEYS, ClockKeys)
MOCKS = maps(MOCK_KEYS, Mocks)
CONFIG = maps(CONFIG_KEYS, ConfigKeys)

_SHARED_KEYS: Keys = {
    "clock": Key(CLOCK, "When and where it begins."),
    "mocks": Key(MOCKS, "What actions answer. Without it everything is delivered."),
    "config": Key(CONFIG, "Keys of the config, as if they stood there."),
    "rules": Key(RULES, "Which rules are in force: files, directories, a git revision, or the rules themselves."),
}
TEST_KEYS: Keys = {
    "name": Key(TEXT, "What is told of it, unique in its file.", needed=True),
    "labels": Key(one_or_list(TEXT), "Words to choose it by: `-k`."),
    **_SHARED_KEYS,
    "steps": Key(lists(STEP, least=1), "What happens, in order.", needed=True),
}
COVERAGE_KEYS: Keys = {
    "leaves": Key(numbers(0, 100), "Comparisons of conditions that were seen true and seen false."),
    "actions": Key(numbers(0, 100), "Actions that were performed."),
}
FILE_KEYS: Keys = {
    **_SHARED_KEYS,
    "tests": Key(Kind(ANYTHING.read, {"type": "array", "items": schema_of(TEST_KEYS)}), "The tests.", needed=True),
    "coverage": Key(maps(COVERAGE_KEYS), "How much of the rules the tests of the file must have seen, in percent."),
}
"""What stands beside the tests counts for each of them that does not say it itself."""

ALL_TABLES: Mapping[str, Keys] = {
    "file": FILE_KEYS,
    "test": TEST_KEYS,
    "clock": CLOCK_KEYS,
    "mocks": MOCK_KEYS,
    "replies": REPLIES_KEYS,
    "reply": REPLY_KEYS,
    "config": CONFIG_KEYS,
    "coverage": COVERAGE_KEYS,
    "step": STEP_KEYS,
    "restart": RESTART_KEYS,
    "expect": EXPECT_KEYS,
    **ITEM_KEYS,
    "matcher": WANTED,
}
"""Every table, by what it is of."""
