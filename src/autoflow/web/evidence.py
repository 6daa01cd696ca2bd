"""What the store knows of one event: what became of it, under which rules, and how often it came. For `why`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from autoflow.clock import to_rfc3339
from autoflow.errors import UsageError
from autoflow.store.base import Reading, Row
from autoflow.store.versions import StoredVersion, load_versions
from autoflow.store.waiting import ended_by
from autoflow.web.paging import number_of

RECENT = 200
"""The newest events, among which an id that was misspelt is looked for."""
MOST_NEAR = 5
MOST_ENDED = 50
ENDED_WITHIN = 60_000
"""Milliseconds after an event's arrival in which what it ended is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which event is asked about, by its id or number, and which rule."""

    event: str
    source: str | None = None
    account: str | None = None
    #: None: every rule
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """There is no such thing to tell about."""

    detail: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that is needed to tell why, read in one moment."""

    event: Row
    #: how often its id came again; None where that is not kept any more
    repeats: Row | None
    #: the rules that judged it, by the number of their version
    then: Mapping[int, StoredVersion]
    then_since: int
    #: the rules that run now, without those that ran then
    now: Mapping[int, StoredVersion]
    #: how many rules run now, and under which number of their set
    generation_now: int
    #: by the number of a version
    runs: Mapping[int, Row] = field(default_factory=dict)
    pending: Mapping[int, Row] = field(default_factory=dict)
    errors: Mapping[int, str] = field(default_factory=dict)
    #: by run
    letters: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    attempts: Mapping[str, Row] = field(default_factory=dict)
    #: work of other events that this one ended
    ended: Sequence[Row] = ()
    #: (account, id) of the versions that run now as they did then
    unchanged: frozenset[tuple[str, str]] = frozenset()


def gather(view: Reading, wanted: Wanted) -> Evidence | Missing:
    """What is known of the event. UsageError where several are meant."""
    event = _find_event(view, wanted)
    if isinstance(event, Missing):
        return event
    seq = event["seq"]
    generation, last = view.row("generation_by_id", id=event["generation"]), view.row("last_generation")
    then = _versions(view, generation)
    current = _versions(view, last)
    pending = {row["version"]: row for row in view.rows("pending_of_event", event_seq=seq)}
    letters: dict[str, list[Row]] = {}
    for letter in view.rows("dead_letters_of_event", event_seq=seq):
        letters.setdefault(letter["run_id"], []).append(letter)
    return Evidence(
        event=event,
        repeats=view.row("repeats_of", id=event["id"], source=event["source"], account=event["account"], seq=seq),
        then=then,
        then_since=generation["created_at"] if generation else 0,
        now={number: version for number, version in current.items() if number not in then},
        generation_now=last["id"] if last else 0,
        runs={row["version"]: row for row in view.rows("runs_of_event", event_seq=seq)},
        pending=pending,
        errors={row["version"]: row["message"] for row in view.rows("judgement_errors_of", event_seq=seq)},
        letters=letters,
        attempts=_last_attempts(view, pending),
        ended=_ended(view, event),
        unchanged=frozenset(version.key for number, version in then.items() if number in current),
    )


def _ended(view: Reading, event: Row) -> Sequence[Row]:
    """It was ended in the commit that took the event, or at its next step."""
    since = event["received_at"]
    reason = ended_by(event["id"], event["type"])
    return view.rows("runs_ended_by", since=since, until=since + ENDED_WITHIN, reason=reason, limit=MOST_ENDED)


def _last_attempts(view: Reading, pending: Mapping[int, Row]) -> Mapping[str, Row]:
    found = {row["run_id"]: view.row("last_attempt", run_id=row["run_id"]) for row in pending.values()}
    return {run: attempt for run, attempt in found.items() if attempt is not None}


def _versions(view: Reading, generation: Row | None) -> Mapping[int, StoredVersion]:
    return load_versions(view, json.loads(generation["versions"])) if generation else {}


def _find_event(view: Reading, wanted: Wanted) -> Row | Missing:
    """The event of that id, else the one of that number."""
    found = [
        row
        for row in view.rows("events_by_id", id=wanted.event)
        if wanted.source in (None, row["source"]) and wanted.account in (None, row["account"])
    ]
    if len(found) > 1:
        raise _ambiguous(wanted, found)
    if found:
        return found[0]
    number = number_of(wanted.event)
    by_number = view.row("event_by_seq", seq=number) if number >= 0 else None
    return by_number or _missing(view, wanted, number)


def _ambiguous(wanted: Wanted, found: Sequence[Row]) -> UsageError:
    places = "; ".join(f"--source {row['source']} --account {row['account']}" for row in found[:MOST_NEAR])
    return UsageError(f"{len(found)} events have the id {wanted.event}", hint=f"say which: {places}")


def _missing(view: Reading, wanted: Wanted, number: int) -> Missing:
    """Why there is no such event: it went, it is another one's, or it was never there."""
    keys = view.rows("keys_by_id", id=wanted.event)
    kept = next((row for row in keys if row["kept"]), None)
    if kept is not None:
        whose = f"of source {kept['source']} and account {kept['account']}"
        return Missing(detail=f"there is no such event {wanted.event}", hint=f"there is one {whose}")
    if keys:
        when = to_rfc3339(keys[-1]["received_at"])
        return Missing(
            detail=f"event {wanted.event} arrived at {when} and was removed since: it was older than is kept",
            hint="`retention` in the config says how long events are kept",
        )
    told = view.row("event_range")
    assert told is not None  # noqa: S101 - an aggregate has one row
    if 0 < number <= told["last"]:
        return Missing(
            detail=f"event number {number} was removed: it was older than is kept",
            hint="`retention` in the config says how long events are kept",
        )
    hint = _another_kind(view, wanted.event) or _near(view, wanted.event, told["since"])
    return Missing(detail=f"there is no event {wanted.event}", hint=hint)


def _another_kind(view: Reading, wanted: str) -> str | None:
    """What is known under that name, where it is a run or a rule."""
    run = view.row("run_by_id", id=wanted)
    if run is not None:
        return f"this is a run: its event is {run['event_id']}, its rule {run['rule_id']}"
    rules = {version.rule_id for version in _versions(view, view.row("last_generation")).values()}
    return f"this is a rule: write the event first, `autoflow why EVENT {wanted}`" if wanted in rules else None


def _near(view: Reading, wanted: str, since: int | None) -> str:
    """Ids that begin so, else some that look alike; else since when events are kept."""
    near = [row["id"] for row in view.rows("ids_between", first=wanted, after=wanted + "\U0010ffff", limit=MOST_NEAR)]
    if not near:
        recent = view.rows("list_events", before=1 << 62, type=None, account=None, limit=RECENT)
        near = get_close_matches(wanted, [row["id"] for row in recent], n=1)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if since is None:
        return "no event has arrived yet"
    return f"see `autoflow events list`; the oldest that is kept arrived at {to_rfc3339(since)}"
