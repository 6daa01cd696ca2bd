"""Everything between a door and a receiver in one process, and a look from outside at what is on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from autoflow.intake.gate import Gate
from autoflow.model.event import Event
from support.line import Line

RULE = 'id: r\ntrigger: { event: x }\nactions: [ { webhook: { url: "https://sink.example.com/", payload: {} } } ]\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What somebody who opens the file at this moment finds, and what was told and sent."""

    answered: bool = False
    events: int = 0
    #: of what waits: how much somebody is at work on
    claimed: int = 0
    #: attempts that were counted, and those of which it is known what became of them
    begun: int = 0
    ended: int = 0
    sent: int = 0


class Stage:
    """One rule in a directory, and one event on its way."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "autoflow.db"
        (home / "rules").mkdir()
        self.write_rule(RULE)
        self.line = Line(self.path)
        self.gate = Gate(self.line.engine, self.line.store, self.line.metrics)
        self.reloader = self.line.make_reloader(self.home)
        self.answered = False

    def write_rule(self, text: str) -> None:
        """The one rule file."""
        (self.home / "rules" / "r.yaml").write_text(text)

    def restart(self) -> None:
        """As after the end of the process: all but the file is new."""
        self.line.store.close()
        self.line._open()
        self.gate = Gate(self.line.engine, self.line.store, self.line.metrics)
        self.reloader = self.line.make_reloader(self.home)

    async def take(self) -> None:
        """Offer the event, and hear of it."""
        event = Event(
            id="e1", type="x", time=self.line.clock.now(), received_at=self.line.clock.now(), raw=b"{}", data={}
        )
        await self.gate.take([event], transport="http")
        self.answered = True

    async def go_all_the_way(self) -> None:
        """From the offer to the end of the run."""
        await self.take()
        await self.line.advance(0)

    async def edit(self) -> None:
        """Another rule, read."""
        self.write_rule(RULE.replace("id: r", "id: s"))
        await self.reloader.reload()

    def rules(self) -> list[str]:
        """The rules that judge what arrives now."""
        return [version.rule.id for version in self.line.engine.rulebook.versions]

    async def settle(self) -> None:
        """Let everything that was begun come to its end."""
        while self.line.dispatcher.busy:
            await asyncio.sleep(0)

    def count(self, query: str) -> int:
        """A number from the file."""
        with closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute(query).fetchone()[0])

    def look(self) -> Seen:
        """What there is at this moment."""
        return Seen(
            answered=self.answered,
            events=self.count("SELECT count(*) FROM events WHERE type = 'x'"),
            claimed=self.count("SELECT count(*) FROM pending_triggers WHERE claim IS NOT NULL AND claim <> 0"),
            begun=self.count("SELECT count(*) FROM attempts"),
            ended=self.count("SELECT count(*) FROM attempts WHERE result IS NOT NULL"),
            sent=len(self.line.recorder.sent),
        )

    def close(self) -> None:
        """Let go of the file."""
        self.line.store.close()
