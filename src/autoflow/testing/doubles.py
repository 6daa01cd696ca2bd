"""What stands in for the world in a rehearsal: an alarm that never rings by itself, and actions that send nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from autoflow.actions.base import Action, Request
from autoflow.actions.emit import EmitAction
from autoflow.actions.kinds import EMIT
from autoflow.model.json import JsonObject
from autoflow.model.run import Outcome

Reply = Callable[[str, Request], Outcome]
"""What an action of that type answers to a request; called once an attempt."""


class VirtualAlarm:
    """Remembers what it was armed for; whoever holds the clock moves it there."""

    def __init__(self) -> None:
        self.armed: int | None = None
        self.told: Callable[[int], None] = lambda due_at: None
        self._rung = asyncio.Event()

    def arm(self, due_at: int) -> None:
        """Remember the earliest moment."""
        self.armed = due_at if self.armed is None else min(self.armed, due_at)
        self.told(due_at)
        self._rung.set()

    def ring(self) -> None:
        """Wake whoever waits: something may be due."""
        self.told(0)
        self._rung.set()

    def wake(self) -> None:
        """Wake whoever waits."""
        self._rung.set()

    async def wait(self) -> None:
        """Return when it was armed or rung."""
        await self._rung.wait()
        self._rung.clear()
        self.armed = None


class Double:
    """An action that asks somebody else what came of it, and sends nothing."""

    def __init__(self, action_type: str, reply: Reply) -> None:
        self._type = action_type
        self._reply = reply

    def target(self, params: JsonObject) -> str | None:
        """Nothing is sent out, so nothing is shared out by it."""
        return None

    async def perform(self, request: Request) -> Outcome:
        """What this attempt came to."""
        return self._reply(self._type, request)


class InnerDouble(Double):
    """The same, performed many at once: what answers anything but Delivered is asked again."""

    def act(self, request: Request) -> Outcome:
        """What this attempt came to, at once."""
        return self._reply(self._type, request)


class Doubles(Mapping[str, Action]):
    """Doubles of all action types, for whichever notifier a rule names; only `emit` is the real one."""

    def __init__(self, types: Iterable[str], reply: Reply, *, inner: bool = False) -> None:
        kind = InnerDouble if inner else Double
        self._actions: dict[str, Action] = {name: kind(name, reply) for name in types}
        self._actions[EMIT.name] = EmitAction()

    def __getitem__(self, name: str) -> Action:
        return self._actions[name.partition(":")[0]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)
