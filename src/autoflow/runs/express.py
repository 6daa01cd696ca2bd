"""Runs that begin with their event: its arrival stores them claimed, their first attempt counted, in one commit.

Before it: the gate, which asks for room as an event arrives. After it: the executor, which has only to send. A crash
leaves what it leaves of a run that was claimed and begun. Only where nothing that is due waits for its turn, where
there is room for the send, and where nothing about the run is unusual; all others are claimed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from autoflow.actions.types import ParamKind
from autoflow.model.event import Event
from autoflow.model.json import Json
from autoflow.model.pending import Pending
from autoflow.model.rule import Rule
from autoflow.model.step import Step
from autoflow.rules.versions import VersionBook
from autoflow.runs.executor import Executor, Work
from autoflow.runs.slots import Slot, Slots
from autoflow.store.history import StepRecord
from autoflow.store.waiting import MOST_PACKED, NewPending
from autoflow.templates import is_plain_template

KNOWN_STEPS = 4_096
"""Rule versions of which it is remembered how they begin."""


class Express(NamedTuple):
    """A run that is ready to be sent as soon as it is stored."""

    event: Event
    rule: Rule
    step: Step
    record: StepRecord
    slot: Slot

    def work(self, pending: Pending) -> Work:
        """Its first step, now that it is stored."""
        return Work(pending, self.event, self.rule, self.step, self.record)


class ExpressRuns:
    """Prepares what can begin with its event, and hands it on once that is on disk."""

    def __init__(self, versions: VersionBook, executor: Executor, *, slots: Slots) -> None:
        self._versions = versions
        self._executor = executor
        self._slots = slots
        #: by run: what is prepared, and not stored yet
        self._ready: dict[str, Express] = {}
        #: by version: whether its first step takes no engine
        self._plain: dict[int, bool] = {}
        self._settled = asyncio.Event()
        #: whether what is prepared may begin; asked and changed in transactions
        self.is_open = True
        #: whether nothing that is due waits for its turn; the dispatcher knows
        self.is_clear: Callable[[], bool] = lambda: False
        #: takes what has begun
        self.begin: Callable[[Express, Pending], None]

    @property
    def ready(self) -> Mapping[str, object]:
        """The runs that may be stored as begun at any moment, and that nobody else knows of yet."""
        return self._ready

    def prepare(self, new: NewPending, event: Event) -> NewPending:
        """The same with what its first step sends, where it may begin as it is stored."""
        target = new.target
        if target is None or new.waits or new.shadow or not self.is_clear() or new.due_at > event.received_at:
            return new
        rule = self._find(new.version_id) if len(event.raw) <= MOST_PACKED else None
        slot = self._slots.reserve(target) if rule is not None else None
        if rule is None or slot is None:
            return new
        record = self._render(new.run_id, event, rule.actions[0])
        if record is None:
            slot.leave()
            return new
        self._ready[new.run_id] = Express(event, rule, rule.actions[0], record, slot)
        return NewPending(*new[:-1], record)

    def settle(self, prepared: Iterable[str], begun: Sequence[Pending]) -> None:
        """Behind the commit: let go what has begun in the loop's next turn, and of the others their room."""
        if begun:
            asyncio.get_running_loop().call_soon(self._let_go, begun)
        stored = {pending.run_id for pending in begun}
        self.give_back(run_id for run_id in prepared if run_id not in stored)

    def give_back(self, prepared: Iterable[str]) -> None:
        """These were not stored, or have to be claimed."""
        for run_id in prepared:
            if one := self._ready.pop(run_id, None):
                one.slot.leave()
        self._note_settled()

    async def rest(self) -> None:
        """Return once nothing is prepared."""
        while self._ready:
            self._settled.clear()
            await self._settled.wait()

    def _let_go(self, begun: Sequence[Pending]) -> None:
        for pending in begun:
            self.begin(self._ready[pending.run_id], pending)
            del self._ready[pending.run_id]  # now that the dispatcher knows of it: a sweep asks for both
        self._note_settled()

    def _note_settled(self) -> None:
        if not self._ready:
            self._settled.set()

    def _render(self, run_id: str, event: Event, step: Step) -> StepRecord | None:
        """What it sends. Where that cannot be said the long way meets it again, and tells why."""
        try:
            record = self._executor.render(run_id, event, step)
        except Exception:  # told there, where it ends one run and keeps no event from its answer
            return None
        return record if isinstance(record, StepRecord) else None

    def _find(self, version_id: int) -> Rule | None:
        """The rule of a version that runs, where rendering its first step takes no engine."""
        version = self._versions.find(version_id)
        if version is None:
            return None
        takes_none = self._plain.get(version_id)
        if takes_none is None:
            if len(self._plain) >= KNOWN_STEPS:
                self._plain.clear()
            takes_none = self._plain[version_id] = self._takes_no_engine(version.rule.actions[0])
        return version.rule if takes_none else None

    def _takes_no_engine(self, step: Step) -> bool:
        action = self._executor.actions.types.get(step.type)
        if action is None or not _is_plain(step.params):
            return False
        kinds = [param.kind for name in step.params if (param := action.param(name))]
        return ParamKind.TEMPLATE not in kinds


def _is_plain(value: Json) -> bool:
    """Whether nothing in it is more than a text, a value, or a name to be inserted."""
    if isinstance(value, str):
        return is_plain_template(value)
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_plain, value))
