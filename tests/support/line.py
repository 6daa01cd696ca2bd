"""The whole line on a virtual clock: real store, engine, executor and dispatcher; only the actions are doubles."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autoflow.actions.base import Request
from autoflow.actions.emit import EmitAction
from autoflow.actions.kinds import ACTION_TYPES
from autoflow.clock import VirtualClock
from autoflow.engine import Receipt
from autoflow.line import LineOptions, make_line
from autoflow.model.event import Event
from autoflow.model.json import JsonObject
from autoflow.model.retry import PRESETS
from autoflow.model.run import Delivered, Outcome
from autoflow.model.step import RetryPolicy
from autoflow.reload import Reloader, Sources
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import load_text
from autoflow.runs.action_set import ActionSet
from autoflow.store.sqlite.store import SqliteStore
from autoflow.templates import TemplateLibrary, check_template
from autoflow.testing.doubles import VirtualAlarm

START = 1_800_000_000_000
CONTEXT = LoadContext(action_types=ACTION_TYPES, notifiers={}, templates=None, check_template=check_template)


@dataclass
class Recorder:
    """An action that records its requests and answers what it was told to; `Delivered` when told nothing."""

    clock: VirtualClock
    replies: list[Outcome | BaseException | Callable[[Request], Outcome]] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    to: Callable[[JsonObject], str | None] = lambda params: str(params.get("url") or params.get("recipient"))

    def target(self, params: JsonObject) -> str | None:
        return self.to(params)

    async def perform(self, request: Request) -> Outcome:
        self.sent.append(request)
        reply = self.replies.pop(0) if self.replies else Delivered(output={})
        if isinstance(reply, BaseException):
            raise reply
        return reply(request) if callable(reply) else reply


class Line:
    """One daemon's insides. `restart` drops everything in memory and opens the same file again."""

    def __init__(self, path: Path, *, chain_depth: int = 16, slots: int = 8, shadow: bool = False) -> None:
        self.path = path
        self.clock = VirtualClock(START)
        self.recorder = Recorder(self.clock)
        self.retry: RetryPolicy = PRESETS["standard"]
        self._chain_depth = chain_depth
        self._slots = slots
        self._shadow = shadow
        self._number = 0
        self._open()

    def _open(self) -> None:
        self.alarm = VirtualAlarm()
        self.store = SqliteStore(self.path, clock=self.clock)
        options = LineOptions(
            random=lambda: 0.0,
            retry=self.retry,
            chain_depth=self._chain_depth,
            slots=self._slots,
            shadow=self._shadow,
        )
        line = make_line(self.store, clock=self.clock, alarm=self.alarm, context=CONTEXT, options=options)
        self.metrics, self.versions, self.executor = line.metrics, line.versions, line.executor
        self.engine, self.dispatcher = line.engine, line.dispatcher
        self.slots, self.express = line.slots, line.express
        actions = dict.fromkeys(("sms", "email", "webhook", "http", "log"), self.recorder)
        self.executor.actions = ActionSet(
            types=ACTION_TYPES, actions={**actions, "emit": EmitAction()}, library=TemplateLibrary()
        )

    async def restart(self, rules: str) -> None:
        """As after a kill: what was not committed is gone."""
        self.store.close()
        self._open()
        await self.use(rules)

    async def use(self, text: str) -> None:
        """Put these rules in force."""
        result = load_text(text, "rules.yaml", CONTEXT)
        assert not result.errors, [str(problem) for problem in result.errors]
        await self.engine.install(result.rules, self.versions)

    async def emit(self, event_type: str, data: JsonObject, *, event_id: str | None = None, **more: str) -> Receipt:
        """Take one event, now."""
        self._number += 1
        event = Event(
            id=event_id or f"e{self._number}",
            type=event_type,
            time=self.clock.now(),
            received_at=self.clock.now(),
            raw=json.dumps(data).encode(),
            data=data,
            **more,
        )
        [receipt] = await self.engine.take([event])
        return receipt

    async def advance(self, millis: int) -> None:
        """Let time pass, stopping at every due moment; then perform what is due."""
        end = self.clock.now() + millis
        await self.dispatcher.run_due()
        while (due := await self.next_due()) is not None and due <= end:
            self.clock.move_to(max(due, self.clock.now()))
            await self.dispatcher.run_due()
        self.clock.move_to(end)
        await self.dispatcher.run_due()  # somebody looks at that moment: what is not due yet stays

    async def next_due(self) -> int | None:
        """When the next thing is due."""
        row = await self.store.read(lambda view: view.row("next_due", after=-1))
        return row["due_at"] if row else None

    async def rows(self, query: str, **values: object) -> Sequence[JsonObject]:
        """Rows of a named query as dicts."""
        found = await self.store.read(lambda view: view.rows(query, **values))
        return [dict(zip(row.keys(), tuple(row), strict=True)) for row in found]

    async def runs(self) -> list[tuple[str, str]]:
        """(rule, status) of every run, oldest first."""
        rows = await self.rows("list_runs", before="~", status=None, rule=None, account=None, limit=200)
        return [(row["rule_id"], row["status"]) for row in reversed(rows)]

    async def dead_letters(self) -> Sequence[JsonObject]:
        """Every dead letter, newest first."""
        return await self.rows("list_dead_letters", before=1 << 62, status=None, rule=None, account=None, limit=200)

    def make_reloader(self, home: Path) -> Reloader:
        """What puts the files of this directory in force, as at a start; it tells nobody."""
        return Reloader(
            Sources(rules=home / "rules", templates=home / "templates", notifiers={}),
            engine=self.engine,
            executor=self.executor,
            versions=self.versions,
            store=self.store,
            tell=lambda _problems, _then: None,
        )

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()
