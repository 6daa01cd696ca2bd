"""The daemon's engine on a virtual clock: scenarios and backtests drive it, event by event and due time by due time.

Only the clock, the alarm, the actions and the place of the database are swapped. Whoever makes a rig hands it the
way to open its store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from autoflow.actions.base import Actions
from autoflow.clock import Clock, Millis, VirtualClock
from autoflow.engine import Receipt
from autoflow.line import Line, LineOptions, make_line
from autoflow.model.event import Event
from autoflow.model.rule import Rule
from autoflow.rules.context import LoadContext
from autoflow.rules.rulebook import Rulebook
from autoflow.runs.action_set import ActionSet
from autoflow.store import waiting
from autoflow.store.base import Reading, Store
from autoflow.templates import TemplateLibrary
from autoflow.testing.doubles import VirtualAlarm

T = TypeVar("T")

OpenStore = Callable[[Clock], Store]
"""Opens the rig's store; asked again at each restart, for the same file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RigOptions:
    """What the rules of a rig are checked against, and how its line works."""

    context: LoadContext
    library: TemplateLibrary
    actions: Actions
    #: without jitter
    line: LineOptions = field(default_factory=lambda: LineOptions(random=lambda: 0.0))


class Rig:
    """One daemon's insides, on a clock that stands still until it is moved."""

    def __init__(self, open_store: OpenStore, options: RigOptions, *, start: Millis) -> None:
        self.clock = VirtualClock(start)
        self._open_store = open_store
        self._options = options
        self._rules: Sequence[Rule] = ()
        self.store: Store
        self.line: Line
        self._open()

    def _open(self) -> None:
        options = self._options
        self.store = self._open_store(self.clock)
        self.line = make_line(
            self.store, clock=self.clock, alarm=VirtualAlarm(), context=options.context, options=options.line
        )
        self.line.executor.actions = ActionSet(
            types=options.context.action_types, actions=options.actions, library=options.library
        )

    @property
    def rulebook(self) -> Rulebook:
        """The rules in force."""
        return self.line.engine.rulebook

    async def use(self, rules: Sequence[Rule]) -> Rulebook:
        """Put these rules in force."""
        self._rules = rules
        return await self.line.engine.install(rules, self.line.versions)

    async def take(self, events: Sequence[Event]) -> list[Receipt]:
        """Take events as they stand; what they lead to is performed by `run_due` or `advance_to`."""
        return await self.line.engine.take(events)

    async def run_due(self) -> None:
        """Perform everything that is due now, and what follows from it at once."""
        await self.line.dispatcher.run_due()

    async def advance_to(self, moment: Millis) -> None:
        """Let time pass, stopping at each due moment and nowhere else."""
        await self.run_due()
        while (due := await self.next_due()) is not None and due <= moment:
            self.clock.move_to(max(due, self.clock.now()))
            await self.run_due()
        self.clock.move_to(moment)

    async def run_until_idle(self, *, limit: Millis) -> bool:
        """Let time pass until nothing waits any more; False where something still waits at the limit."""
        await self.run_due()
        while (due := await self.next_due()) is not None:
            if due > limit:
                return False
            self.clock.move_to(max(due, self.clock.now()))
            await self.run_due()
        return True

    async def next_due(self) -> Millis | None:
        """When the next thing is due; None where nothing waits."""
        return await self.store.read(waiting.next_due)

    async def read(self, look: Callable[[Reading], T]) -> T:
        """Run `look` on what is stored."""
        return await self.store.read(look)

    async def restart(self, *, down: Millis = 0) -> None:
        """As after a kill: what was not committed is gone, so much time passes, and the same file is opened again."""
        self.store.close()
        self.clock.move_to(self.clock.now() + down)
        self._open()
        await self.use(self._rules)

    async def __aenter__(self) -> Rig:
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()
