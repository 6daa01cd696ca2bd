"""Plays one scenario: a daemon's insides on a virtual clock, step by step, each looked at as it is expected.

Before it: the reader and the rule sets. After it: a report. What it needs of the world is handed in by the wiring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, assert_never
from zoneinfo import ZoneInfo

from autoflow.clock import Clock, Millis
from autoflow.errors import AutoflowError, IntakeError, UsageError
from autoflow.line import LineOptions
from autoflow.model.event import Event
from autoflow.model.rule import Rule
from autoflow.model.step import RetryPolicy
from autoflow.rules.context import LoadContext
from autoflow.store.base import Reading, Row, Store, Transaction
from autoflow.store.events import EventStatus, event_of
from autoflow.templates import TemplateLibrary
from autoflow.testing import codes
from autoflow.testing.cast import Attempt, Cast
from autoflow.testing.death import Death
from autoflow.testing.looks import Looks
from autoflow.testing.obstacles import find_obstacle
from autoflow.testing.rig import Rig, RigOptions
from autoflow.testing.rule_sets import RuleSet, RuleSets
from autoflow.testing.scenario import (
    Advance,
    Deed,
    Emit,
    JumpTo,
    Operate,
    Restart,
    RunUntilIdle,
    Scenario,
    Step,
    Use,
    Verb,
)
from autoflow.testing.times import next_time, start_of, zone_of
from autoflow.testing.verdicts import Failure
from autoflow.testing.views import event_rows, letter_rows, waiting_rows


class Disk(Protocol):
    """A database of one scenario."""

    def open(self, clock: Clock) -> Store:
        """Open it, as it was left or as it was frozen."""
        ...

    def freeze(self) -> None:
        """What is committed now, and nothing that follows, is found by the next that opens it. On any thread."""
        ...

    def remove(self) -> None:
        """Leave nothing of it."""
        ...


class Watcher(Protocol):
    """Sees what rules are made to do, beside the test itself."""

    def event_judged(self, event: Event, rules: Sequence[Rule]) -> None:
        """An event was stored; these rules were in force."""
        ...

    def action_fired(self, attempt: Attempt) -> None:
        """An action was attempted for the first time."""
        ...


Act = Callable[[Transaction, str], object | None]
"""What an operator does to one thing, by its number; None where nothing could be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What scenarios are played with, whichever they are."""

    context: LoadContext
    library: TemplateLibrary
    retry: RetryPolicy
    chain_depth: int
    rules: RuleSets
    #: an empty database
    make_disk: Callable[[], Disk]
    #: what arrives at a moment, to events, with the zone of times without one; IntakeError where it is refused
    decode: Callable[[Emit, Millis, ZoneInfo], list[Event]]
    acts: Mapping[Verb, Act]
    watcher: Watcher | None = None


class StopPlayingError(AutoflowError):
    """A step cannot be done as it is written; the test ends here, failed."""

    code = codes.NOT_PLAYED


async def play(scenario: Scenario, world: World) -> tuple[Failure, ...]:
    """Play a scenario to its end, or to the first step that is not as expected; what is not."""
    obstacle = find_obstacle(scenario, world.rules, world.context)
    if obstacle is not None:
        return (obstacle,)
    disk = world.make_disk()
    try:
        player = Player(scenario, world, disk)
        try:
            return await player.play(world.rules.of(scenario))
        finally:
            player.close()
    finally:
        disk.remove()


class Player:
    """One scenario in progress."""

    def __init__(self, scenario: Scenario, world: World, disk: Disk) -> None:
        self._scenario = scenario
        self._world = world
        self._disk = disk
        self._zone = zone_of(scenario.clock)
        self._cast = Cast(scenario.mocks)
        config = scenario.config
        line = LineOptions(
            random=lambda: 0.0,
            retry=config.retry or world.retry,
            chain_depth=world.chain_depth if config.chain_depth is None else config.chain_depth,
            shadow=bool(config.shadow),
        )
        options = RigOptions(context=world.context, library=world.library, actions=self._cast, line=line)
        self._rig = Rig(disk.open, options, start=start_of(scenario.clock))
        self._looks = Looks(self._rig, self._cast, world, self._zone)
        self._death: Death | None = None
        self._seen_events = 0
        self._told_actions: set[str] = set()

    def close(self) -> None:
        """Let go of the database."""
        if self._death is not None:
            self._death.disarm()
        self._rig.close()

    async def play(self, rules: RuleSet) -> tuple[Failure, ...]:
        """All steps, as far as they are as expected."""
        await self._use(rules)
        for number, step in enumerate(self._scenario.steps, start=1):
            try:
                failures = await self._take(step)
                if number == len(self._scenario.steps):
                    self._check_death()
            except StopPlayingError as error:
                failures = (Failure(spot=step.spot, code=error.code, message=error.message),)
            if failures:
                return tuple(replace(failure, step=number, title=step.title) for failure in failures)
        return await self._looks.judge_end(self._scenario.spot.below("name"))

    async def _take(self, step: Step) -> tuple[Failure, ...]:
        """One step, and what is not as it was expected after it."""
        dying = self._death
        if step.deed is not None:
            await self._do(step.deed)
            await self._note()
            if dying is not None and self._death is dying:
                self._check_death()
        failures = await self._looks.judge(step.expect) if step.expect is not None else ()
        return failures or self._looks.judge_refusal(step)

    async def _do(self, deed: Deed) -> None:
        now = self._rig.clock.now()
        match deed:
            case Emit():
                await self._emit(deed)
            case Advance(millis=millis):
                await self._advance_to(now + millis)
            case JumpTo(moment=moment):
                await self._jump_to(next_time(moment, self._zone, after=now))
            case RunUntilIdle(limit=limit):
                await self._run_until_idle(now + limit)
            case Restart():
                await self._restart(deed)
            case Use():
                await self._use_anew(deed)
            case Operate():
                await self._operate(deed)
            case _:
                assert_never(deed)

    async def _use(self, rules: RuleSet) -> None:
        self._cast.rules = {rule.key: rule for rule in rules.rules}
        self._looks.rules = rules.rules
        await self._rig.use(rules.rules)

    async def _use_anew(self, deed: Use) -> None:
        try:
            rules = self._world.rules.find(deed.rules, self._scenario)
        except UsageError as error:
            raise StopPlayingError(f"the rules cannot be used: {error}") from error
        if rules.result.errors:
            raise StopPlayingError(f"the rules cannot be used: {rules.result.errors[0]}")
        await self._use(rules)
        await self._rise()
        await self._run_due()

    async def _emit(self, emit: Emit) -> None:
        try:
            events = self._world.decode(emit, self._rig.clock.now(), self._zone)
        except IntakeError as error:
            told = "; ".join(f"{place}: {wrong}" if place else wrong for place, wrong in error.problems)
            self._looks.note_refusal(told or error.message)
            return
        receipts = await self._rig.take(events)
        died = self._death is not None and self._death.struck
        await self._rise()
        statuses = ["unanswered" if died else str(receipt.stored.status) for receipt in receipts]
        self._looks.note_outcomes(events, statuses)
        assert {*EventStatus} == {"accepted", "duplicate"}  # noqa: S101 - the words that expectations know
        await self._run_due()

    async def _run_due(self) -> None:
        """Perform what is due, in as many lives as it takes."""
        while True:
            await self._rig.run_due()
            if not await self._rise():
                return

    async def _advance_to(self, moment: Millis) -> None:
        """Each step ends with all done that is due: time stops where something comes due, and nowhere else."""
        while (due := await self._rig.next_due()) is not None and due <= moment:
            self._rig.clock.move_to(max(due, self._rig.clock.now()))
            await self._run_due()
        self._rig.clock.move_to(max(moment, self._rig.clock.now()))

    async def _jump_to(self, moment: Millis) -> None:
        now = self._rig.clock.now()
        if moment < now:
            raise StopPlayingError(f"that time is past: it is {self._looks.views.instant(now)} already")
        await self._advance_to(moment)

    async def _run_until_idle(self, limit: Millis) -> None:
        while (due := await self._rig.next_due()) is not None:
            if due > limit:
                raise StopPlayingError(f"something still waits at the limit, until {self._looks.views.instant(due)}")
            self._rig.clock.move_to(max(due, self._rig.clock.now()))
            await self._run_due()

    async def _restart(self, restart: Restart) -> None:
        if restart.at is None:
            await self._rig.restart(down=restart.down)
            await self._run_due()
        else:
            self._check_death()
            self._death = Death(restart, freeze=self._freeze)

    def _check_death(self) -> None:
        """A death that was to come, and did not."""
        if self._death is not None:
            raise StopPlayingError(f"it was to die at {self._death.point}, and never came there")

    def _freeze(self) -> None:
        """This life ends here: what is on the disk stays, and nothing is heard of it any more."""
        self._disk.freeze()
        self._cast.is_deaf = True

    async def _rise(self) -> bool:
        """Where the daemon died meanwhile, start it again; whether it had."""
        death = self._death
        if death is None or not death.struck:
            return False
        self._death = None
        death.disarm()
        await self._rig.restart(down=death.down)
        self._cast.is_deaf = False
        return True

    async def _operate(self, deed: Operate) -> None:
        verb, meant = deed.verb, deed.meant
        on_letters = verb in (Verb.REPLAY, Verb.DISCARD)
        look: Callable[[Reading], Sequence[Row]] = partial(letter_rows, status="dead") if on_letters else waiting_rows
        rows = [row for row in await self._rig.read(look) if _is_meant(row, meant)]
        if not rows:
            raise StopPlayingError(f"there is nothing to {verb.value.replace('_', ' ')}")
        act = self._world.acts[verb]
        for row in rows:
            await self._rig.store.transact(partial(_act_on, act, str(row["id"])))
        await self._rise()
        await self._run_due()

    async def _note(self) -> None:
        """Tell the watcher what was judged and fired in this step, and correct what the stage heard."""
        await self._looks.correct_attempts()
        watcher = self._world.watcher
        if watcher is None:
            return
        rows = await self._rig.read(lambda view: event_rows(view, self._seen_events))
        for row in rows:
            watcher.event_judged(event_of(row), self._looks.rules)
            self._seen_events = row["seq"]
        for attempt in self._cast.attempts:
            if attempt.key not in self._told_actions:
                self._told_actions.add(attempt.key)
                watcher.action_fired(attempt)


def _act_on(act: Act, number: str, tx: Transaction) -> None:
    act(tx, number)


_COLUMNS = {"rule": "rule_id", "account": "account", "event": "event_id", "type": "type"}


def _is_meant(row: Row, meant: Mapping[str, Any]) -> bool:
    return all(row[_COLUMNS[name]] == value for name, value in meant.items())
