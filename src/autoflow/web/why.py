"""Why each rule did or did not act on a stored event: judged again by the version of that time, never by today's.

What became of it stands in the store (`evidence`); what did not come to anything is worked out anew, for it leaves no
row: the event never changes, nor does a version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.errors import RulesError
from autoflow.model.event import Event
from autoflow.model.json import Json, JsonObject
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import load_document
from autoflow.rules.rulebook import pattern_names
from autoflow.rules.verdict import Stage, Verdict, judge_rule, verdict_to_json
from autoflow.store.events import event_of
from autoflow.store.versions import StoredVersion
from autoflow.web.evidence import Evidence, Missing, Wanted
from autoflow.web.fates import Fate, Outcome, fate_of
from autoflow.web.views import time_of

_CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={})
_UNREAD_ACTIONS: Json = [{"log": {"message": "-"}}]
"""In place of a rule's own: they decide nothing, and may name what is no longer there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """One version, and what it says of the event."""

    version: StoredVersion
    fate: Fate
    verdict: Verdict | None = None


def tell_why(evidence: Evidence, wanted: Wanted, *, everything: bool) -> dict[str, Json] | Missing:
    """The answer; rules that are not triggered by such an event are only counted, unless everything is asked for."""
    event = event_of(evidence.event)
    then = [version for version in evidence.then.values() if wanted.rule in (None, version.rule_id)]
    later = [version for version in evidence.now.values() if wanted.rule in (None, version.rule_id)]
    known = {version.key for version in then}
    new = [version for version in later if version.key not in known]
    if wanted.rule is not None and not then and not new:
        return _no_such_rule(evidence, wanted.rule)
    judged = [_judge(evidence, event, version) for version in then]
    judged += [_judge_absent(event, version) for version in new]
    judged.sort(key=lambda one: (_ORDER[one.fate.outcome], one.version.key))
    shown = [one for one in judged if everything or wanted.rule is not None or one.fate.outcome not in _FOLDED]
    today = {version.key: version for version in later}
    return {
        "schema_version": 1,
        "event": _event_to_json(evidence, event),
        "generation": {
            "id": evidence.event["generation"],
            "since": time_of(evidence.then_since),
            "rules": len(evidence.then),
            "in_force": evidence.event["generation"] == evidence.generation_now,
        },
        "items": [_to_json(one, _now(one.version, evidence, today)) for one in shown],
        "counts": dict(Counter(one.fate.outcome.value for one in judged)),
        "notes": [] if evidence.ended or wanted.rule is not None else _notes(event, judged),
        "next_cursor": None,
    }


_ORDER = {outcome: place for place, outcome in enumerate(Outcome)}
_FOLDED = frozenset({Outcome.TYPE, Outcome.ACCOUNT, Outcome.ABSENT_TYPE})


def _judge(evidence: Evidence, event: Event, version: StoredVersion) -> _Judged:
    """One of the versions that were in force when the event arrived."""
    fate = fate_of(evidence, version)
    if fate is None and (folded := _unmeant(event, version)) is not None:
        return _Judged(version=version, fate=folded)
    try:
        verdict = _verdict(event, version)
    except RulesError as error:
        return _Judged(version=version, fate=fate or Fate(outcome=Outcome.UNREADABLE, because=error.message))
    return _Judged(version=version, fate=fate or _miss(evidence, version, verdict), verdict=verdict)


def _judge_absent(event: Event, version: StoredVersion) -> _Judged:
    """A rule of today that was not there when the event arrived."""
    if _unmeant(event, version) is not None:
        return _Judged(version=version, fate=Fate(outcome=Outcome.ABSENT_TYPE, because="it was not in force yet"))
    said = "it was not in force yet when the event arrived"
    try:
        verdict = _verdict(event, version)
    except RulesError as error:
        return _Judged(version=version, fate=Fate(outcome=Outcome.ABSENT, because=f"{said}: {error.message}"))
    return _Judged(
        version=version, fate=Fate(outcome=Outcome.ABSENT, because=f"{said}; {_would(verdict)}"), verdict=verdict
    )


def _verdict(event: Event, version: StoredVersion) -> Verdict:
    rule = load_document({**version.document, "actions": _UNREAD_ACTIONS}, _CONTEXT)
    return judge_rule(rule, event)


def _unmeant(event: Event, version: StoredVersion) -> Fate | None:
    """Why a rule is not even looked at for such an event; None where it is."""
    names = _trigger_names(version.document)
    if names.isdisjoint(pattern_names(event.type)):
        waits_for = ", ".join(sorted(names))
        return Fate(outcome=Outcome.TYPE, because=f"it waits for {waits_for}; the event is {event.type}")
    if version.account != event.account:
        because = f"it is of account {version.account}; the event is of {event.account}"
        return Fate(outcome=Outcome.ACCOUNT, because=because)
    return None


def _trigger_names(document: JsonObject) -> frozenset[str]:
    trigger = document["trigger"]
    names: set[str] = set()
    for pattern in trigger if isinstance(trigger, list) else [trigger]:
        named = pattern["event"]
        names.update(named if isinstance(named, list) else [named])
    return frozenset(names)


def _miss(evidence: Evidence, version: StoredVersion, verdict: Verdict) -> Fate:
    """Why nothing came of it, though the rule waits for such events."""
    if version.document.get("enabled", True) is False:
        return Fate(outcome=Outcome.DISABLED, because=f"it was disabled; {_would(verdict)}")
    error = evidence.errors.get(version.id) or (str(verdict.error) if verdict.error else None)
    if verdict.stage is Stage.ERROR or (error is not None and verdict.stage is not Stage.HIT):
        return Fate(outcome=Outcome.ERROR, because=error or "it could not be judged")
    match verdict.stage:
        case Stage.TRIGGER:
            return Fate(outcome=Outcome.TRIGGER, because=f"its trigger was not met: {_needed(verdict)}")
        case Stage.CONDITION:
            because = f"its condition did not hold: {_needed(verdict)}"
            return Fate(outcome=Outcome.CONDITION, because=because)
        case _:
            return Fate(outcome=Outcome.REMOVED, because="it acted; its run is not kept any more")


def _would(verdict: Verdict) -> str:
    match verdict.stage:
        case Stage.HIT:
            return "else it would have acted"
        case Stage.TRIGGER:
            return f"its trigger would not have been met: {_needed(verdict)}"
        case Stage.CONDITION:
            return f"its condition would not have held: {_needed(verdict)}"
        case _:
            return f"it could not have been judged: {verdict.error}"


def _needed(verdict: Verdict) -> str:
    """The first thing that would have had to differ, and how many more."""
    if verdict.remedy is None:
        return "it holds for no event"
    first, *more = verdict.remedy.changes
    return f"{first.text}; and {len(more)} more" if more else first.text


def _notes(event: Event, judged: Sequence[_Judged]) -> list[Json]:
    """What may be the matter where no rule waits for such an event."""
    if any(one.fate.outcome not in _FOLDED for one in judged):
        return []
    notes: list[Json] = [f"no rule waited for {event.type}"]
    ours = [one.version for one in judged if one.version.account == event.account]
    names = {name for version in ours for name in _trigger_names(version.document)}
    if near := get_close_matches(event.type, names, n=1):
        notes.append(f"a trigger waits for {near[0]}")
    others = sorted({one.version.account for one in judged if one.fate.outcome is Outcome.ACCOUNT})
    if others:
        notes.append(f"rules of account {', '.join(others)} wait for it; the event is of account {event.account}")
    return notes


def _no_such_rule(evidence: Evidence, rule: str) -> Missing:
    known = {version.rule_id for version in (*evidence.then.values(), *evidence.now.values())}
    near = get_close_matches(rule, known, n=1)
    return Missing(
        detail=f"there was no rule {rule} when event {evidence.event['id']} arrived, and there is none now",
        hint=f"did you mean {near[0]}?" if near else "see `autoflow rules list`",
    )


def _event_to_json(evidence: Evidence, event: Event) -> JsonObject:
    row, repeats = evidence.event, evidence.repeats
    return {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "account": event.account,
        "seq": row["seq"],
        "received_at": time_of(event.received_at),
        "matched": row["matched"],
        "made_by": row["parent_run"],
        "ended": [{"rule": ended["rule_id"], "run": ended["id"]} for ended in evidence.ended],
        "duplicates": None
        if repeats is None
        else {
            "count": repeats["repeats"],
            "other_bodies": repeats["other_bodies"],
            "last_at": time_of(repeats["repeated_at"]),
        },
    }


def _now(version: StoredVersion, evidence: Evidence, today: Mapping[tuple[str, str], StoredVersion]) -> JsonObject:
    """What has become of the rule since: what runs now may say something else."""
    if version.key in evidence.unchanged:
        return {"state": "same"}
    current = today.get(version.key)
    if current is None:
        return {"state": "removed"}
    return {"state": "new" if current is version else "changed", **_place(current)}


def _place(version: StoredVersion) -> JsonObject:
    origin = version.provenance
    return {
        "hash": version.hash,
        "path": origin.path,
        "line": origin.line,
        "commit": origin.commit,
        "author": origin.author,
        "dirty": origin.dirty,
    }


def _to_json(one: _Judged, now: JsonObject) -> dict[str, Json]:
    version, fate = one.version, one.fate
    why: JsonObject = (
        verdict_to_json(one.verdict)
        if one.verdict
        else {"trigger_conditions": None, "conditions": None, "changes": [], "changes_suffice": None}
    )
    return {
        "rule": version.rule_id,
        "account": version.account,
        "name": version.document.get("name", version.rule_id),
        "enabled": version.document.get("enabled", True),
        "outcome": fate.outcome.value,
        "because": fate.because,
        **why,
        "run": fate.run,
        "pending": fate.pending,
        "due_at": fate.due_at,
        "dead_letters": list(fate.dead_letters),
        "shadow": fate.shadow,
        "version": _place(version),
        "now": now,
    }
