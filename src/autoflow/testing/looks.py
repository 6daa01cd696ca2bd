"""Looks at a scenario in progress: what is expected beside what is, and what happened that nobody expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from autoflow.actions.kinds import EMIT
from autoflow.model.event import Event
from autoflow.model.json import Json
from autoflow.model.rule import Enabled, Rule
from autoflow.model.run import AttemptResult
from autoflow.preview import describe_unmatched
from autoflow.rules.findings import near_match
from autoflow.rules.verdict import Stage, Verdict, judge_rule, verdict_to_json
from autoflow.store.base import Reading, Row
from autoflow.testing import codes
from autoflow.testing.aftermath import Aftermath, find_aftermaths
from autoflow.testing.cast import Cast
from autoflow.testing.rig import Rig
from autoflow.testing.rule_sets import place_of
from autoflow.testing.scenario import Expectation, Matter, Spot, Step
from autoflow.testing.verdicts import (
    Difference,
    Failure,
    Reason,
    compare_items,
    compare_outcome,
    compare_verdict,
    unexpected,
)
from autoflow.testing.views import Seen, Views, ended_runs, letter_rows, made_events, waiting_rows

if TYPE_CHECKING:
    from autoflow.testing.player import World

MOST_REASONS = 3
_ACTING = (Matter.ACTIONS, Matter.ATTEMPTS, Matter.PENDING, Matter.RUNS, Matter.EVENTS, Matter.WHY)
"""What conditions decide on."""


@dataclass(slots=True)
class _Marks:
    """Up to where everything was looked at."""

    actions: int = 0
    attempts: int = 0
    letter: int = 0
    event: int = 0


class Looks:
    """What was looked at so far, and what is there to see."""

    def __init__(self, rig: Rig, cast: Cast, world: World, zone: ZoneInfo) -> None:
        self.views = Views(zone)
        #: those in force
        self.rules: Sequence[Rule] = ()
        self._rig = rig
        self._cast = cast
        self._world = world
        self._marks = _Marks()
        #: attempts that were expected as such, or by the event they made
        self._expected: set[int] = set()
        #: with their ends: a run that is replayed ends again
        self._seen_runs: set[tuple[str, ...]] = set()
        self._corrected = 0
        self._events: Sequence[Event] = ()
        self._outcomes: Sequence[Mapping[str, Any]] = ()
        self._is_refusal_open = False

    def note_outcomes(self, events: Sequence[Event], statuses: Sequence[str]) -> None:
        """These events arrived last."""
        self._events = events
        self._outcomes = [{"status": status} for status in statuses]
        self._is_refusal_open = False

    def note_refusal(self, reason: str) -> None:
        """What arrived last was refused as a whole."""
        self._events = ()
        self._outcomes = [{"status": "rejected", "error": reason}]
        self._is_refusal_open = True

    async def correct_attempts(self) -> None:
        """What was kept of attempts: an answer that a crash swallowed is unknown, an event can be made too late."""
        self.views.number_keys(self._cast.attempts[self._corrected :])
        known: dict[str, dict[tuple[str, int], Any]] = {}
        for index in range(self._corrected, len(self._cast.attempts)):
            attempt = self._cast.attempts[index]
            if attempt.run_id not in known:
                rows = await self._rig.read(_attempts_look(attempt.run_id))
                known[attempt.run_id] = {(row["step"], row["number"]): row for row in rows}
            row = known[attempt.run_id].get((attempt.step, attempt.number))
            if row is not None and row["result"] is not None:
                self._cast.correct(index, AttemptResult(row["result"]), row["code"], row["detail"])
        self._corrected = len(self._cast.attempts)

    async def judge(self, expect: Expectation) -> tuple[Failure, ...]:
        """What is not as it is expected now."""
        failures = []
        for matter, wanted in expect.matters.items():
            for difference in await self._compare(matter, wanted, expect):
                spot = expect.spot.below(matter.value)
                failures.append(await self._fail(spot, codes.NOT_MET, difference, matter))
        return tuple(failures)

    def judge_refusal(self, step: Step) -> tuple[Failure, ...]:
        """An event that was refused, and nobody expected it."""
        if not self._is_refusal_open:
            return ()
        self._is_refusal_open = False
        reason = self._outcomes[0]["error"]
        return (Failure(spot=step.spot, code=codes.UNEXPECTED, message=f"the event was rejected: {reason}"),)

    async def judge_end(self, spot: Spot) -> tuple[Failure, ...]:
        """What happened up to the end, and nobody expected it."""
        found = [(Matter.ACTIONS, self._actions()), (Matter.DEAD_LETTERS, await self._letters())]
        left = [(matter, unexpected(matter, seen)) for matter, seen in found if seen]
        return tuple([await self._fail(spot, codes.UNEXPECTED, one, matter) for matter, one in left])

    async def _compare(self, matter: Matter, wanted: Json, expect: Expectation) -> list[Difference]:
        if matter is Matter.WHY:
            found = [self._compare_why(rule, verdict) for rule, verdict in wanted.items()]
        elif matter is Matter.OUTCOME:
            self._is_refusal_open = False
            found = [compare_outcome(wanted, self._outcomes)]
        else:
            seen = await self._find(matter, expect)
            found = [compare_items(matter.value, wanted, seen, exactly=expect.exactly)]
        return [difference for difference in found if difference is not None]

    async def _find(self, matter: Matter, expect: Expectation) -> list[Seen]:
        """All there is of a matter that was not looked at yet; it is, now."""
        match matter:
            case Matter.ACTIONS:
                seen = self._actions(without_emits=_leaves_emits(expect))
                self._marks.actions = len(self._cast.attempts)
            case Matter.ATTEMPTS:
                seen = self._attempts()
            case Matter.PENDING:
                now = self._rig.clock.now()
                seen = [self.views.pending(row, now) for row in await self._rig.read(waiting_rows)]
            case Matter.RUNS:
                seen = await self._runs()
            case Matter.DEAD_LETTERS:
                seen = await self._letters()
            case _:
                seen = await self._made_events()
        return seen

    def _actions(self, *, without_emits: bool = False) -> list[Seen]:
        return [
            self.views.attempt(attempt, with_result=False)
            for index, attempt in enumerate(self._cast.attempts)
            if index >= self._marks.actions
            and attempt.is_taken
            and index not in self._expected
            and not (without_emits and attempt.type == EMIT.name)
        ]

    def _attempts(self) -> list[Seen]:
        first, self._marks.attempts = self._marks.attempts, len(self._cast.attempts)
        self._expected.update(range(first, self._marks.attempts))
        return [self.views.attempt(attempt, with_result=True) for attempt in self._cast.attempts[first:]]

    async def _runs(self) -> list[Seen]:
        new = [(row, steps) for row, steps in await self._rig.read(ended_runs) if _end_of(row) not in self._seen_runs]
        self._seen_runs.update(_end_of(row) for row, _ in new)
        return [self.views.run(row, steps) for row, steps in new]

    async def _letters(self) -> list[Seen]:
        rows = [row for row in await self._rig.read(letter_rows) if row["id"] > self._marks.letter]
        self._marks.letter = max((row["id"] for row in rows), default=self._marks.letter)
        return [self.views.letter(row) for row in rows]

    async def _made_events(self) -> list[Seen]:
        first = self._marks.event
        made = await self._rig.read(lambda view: made_events(view, first))
        self._marks.event = max((row["seq"] for row, _ in made), default=first)
        emits = (index for index, attempt in enumerate(self._cast.attempts) if attempt.type == EMIT.name)
        self._expected.update(emits)
        return [self.views.event(row, rule) for row, rule in made]

    def _compare_why(self, rule_id: str, wanted: Json) -> Difference | None:
        found = self._explain(rule_id)
        return compare_verdict(rule_id, wanted, found.word, found.verdict)

    def _explain(self, rule_id: str) -> _Said:
        """What a rule says about the last events: of several the first one that comes furthest with it."""
        rules = [rule for rule in self.rules if rule.id == rule_id]
        if not rules:
            return _Said(NOT_LOADED)
        if all(rule.enabled is Enabled.OFF for rule in rules):
            return _Said(DISABLED)
        said = [(judge_rule(rule, event), event) for event in self._events for rule in rules]
        if not said:
            return _Said(NOT_TRIGGERED)
        verdict, event = min(said, key=lambda one: _STAGES.index(one[0].stage))
        return _Said(_WORDS[verdict.stage], verdict, event)

    async def _fail(self, spot: Spot, code: str, difference: Difference, matter: Matter) -> Failure:
        reasons: tuple[Reason, ...] = ()
        if matter in _ACTING:
            reasons = self._reasons(difference.rules, await self._aftermaths(difference, matter))
        if difference.is_about_values:
            reasons = tuple(replace(reason, told=None) for reason in reasons)
        return Failure(
            spot=spot, code=code, message=difference.message, matter=matter, diff=difference.lines, reasons=reasons
        )

    async def _aftermaths(self, difference: Difference, matter: Matter) -> list[Aftermath]:
        """What became of all work, where something did not come."""
        if not difference.is_lacking or matter is Matter.PENDING:
            return []
        now = self._rig.clock.now()
        return await self._rig.read(lambda view: find_aftermaths(view, self.views, now))

    def _reasons(self, named: Sequence[str], aftermaths: Sequence[Aftermath]) -> tuple[Reason, ...]:
        """Why the rules that are meant did or did not fire; where none is named, those that the last events woke."""
        wanted = dict.fromkeys(named) or dict.fromkeys(
            rule.id for rule in self.rules if self._explain(rule.id).word not in (NOT_TRIGGERED, DISABLED)
        )
        reasons = [reason for name in wanted for reason in self._reasons_of(name)]
        reasons = _join(reasons, aftermaths) if named else _join(reasons, aftermaths) + self._older(aftermaths)
        if not reasons and self._events:
            told = describe_unmatched(self.rules, self._events[-1])
            return (Reason(rule="", place="", event="", verdict=told),)
        return tuple(reasons[:MOST_REASONS])

    def _older(self, aftermaths: Sequence[Aftermath]) -> list[Reason]:
        """What came of earlier events, which may be what was expected."""
        last = {event.id for event in self._events}
        places = {(rule.account, rule.id): place_of(rule) for rule in self.rules}
        return [
            Reason(
                rule=one.rule,
                place=places.get((one.account, one.rule), ""),
                event=f"{one.event_type} {one.event}",
                verdict="fired",
                became=one.told,
            )
            for one in aftermaths
            if one.event not in last
        ]

    def _reasons_of(self, name: str) -> list[Reason]:
        found = [self._reason(rule) for rule in self.rules if rule.id == name]
        if found:
            return found
        hint = near_match(name, [rule.id for rule in self.rules])
        told = f"there is no rule {name!r} in force{f'; {hint}' if hint else ''}"
        return [Reason(rule="", place="", event="", verdict=told)]

    def _reason(self, rule: Rule) -> Reason:
        word, verdict, event = self._explain(rule.id)
        event = event or (self._events[-1] if self._events else None)
        error = f": {verdict.error}" if verdict is not None and verdict.error is not None else ""
        return Reason(
            rule=rule.id,
            place=place_of(rule),
            event=f"{event.type} {event.id}" if event else "",
            verdict=f"{_IN_WORDS[word]}{error}",
            told=verdict_to_json(verdict) if verdict is not None else None,
        )


class _Said(NamedTuple):
    """What a rule says about an event, in the word that `why` expects."""

    word: str
    verdict: Verdict | None = None
    event: Event | None = None


NOT_LOADED, NOT_TRIGGERED, DISABLED = "not_loaded", "not_triggered", "disabled"
_WORDS = {
    Stage.HIT: "fires",
    Stage.CONDITION: "miss",
    Stage.ERROR: "error",
    Stage.TRIGGER: NOT_TRIGGERED,
    Stage.TYPE: NOT_TRIGGERED,
    Stage.ACCOUNT: NOT_TRIGGERED,
}
"""What `why` calls how far an event came, the furthest first."""
_STAGES = tuple(_WORDS)
_IN_WORDS = {
    "fires": "fires",
    "miss": "does not fire",
    "error": "cannot be judged",
    NOT_TRIGGERED: "is not triggered",
    DISABLED: "is disabled",
}


def _join(reasons: Sequence[Reason], aftermaths: Sequence[Aftermath]) -> list[Reason]:
    """Each reason with what became of that event under that rule."""
    told = {(one.rule, f"{one.event_type} {one.event}"): one.told for one in aftermaths}
    return [replace(reason, became=told.get((reason.rule, reason.event), "")) for reason in reasons]


def _end_of(row: Row) -> tuple[str, ...]:
    return row["id"], row["status"], str(row["finished_at"])


def _leaves_emits(expect: Expectation) -> bool:
    """Whether emits are looked at as the events that they make."""
    wanted = expect.matters[Matter.ACTIONS]
    listed = [item.get("type") for item in wanted] if isinstance(wanted, list) else []
    return Matter.EVENTS in expect.matters and EMIT.name not in listed


def _attempts_look(run_id: str) -> Callable[[Reading], Sequence[Any]]:
    return lambda view: view.rows("attempts_of_run", run_id=run_id)
