"""Senders that write down what they were answered, and what the file must hold of it."""

import asyncio
import contextlib
import itertools
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from support.daemon import DaemonProcess

WAITING = "trigger: {event: deed}\ndelay: 1d\nactions:\n  - log: {message: seen}\n"
"""A rule under which an event is more than a row: something waits for it."""


@dataclass
class Senders:
    """What was sent to a daemon, over all its lives."""

    daemon: DaemonProcess
    accepted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    #: sent, and the line went dead before an answer came
    unanswered: set[str] = field(default_factory=set)
    padding: int = 0

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    async def send(self) -> int | None:
        """One event; its status, or None where no answer came. A refusal must be one that asks to try again."""
        event_id = f"e{next(self._numbers)}"
        body = {"type": "deed", "id": event_id, "data": {"padding": "x" * self.padding}}
        try:
            answer = await self.daemon.post(body)
        except httpx2.TransportError:
            self.unanswered.add(event_id)
            return None
        if answer.status_code == 202:
            self.accepted.add(event_id)
            return 202
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["status"] == 503
        self.refused.add(event_id)
        return 503

    async def send_many(self, number: int, *, beside: int = 4) -> None:
        """So many events by some senders at once."""

        async def send_some(some: int) -> None:
            for _ in range(some):
                await self.send()

        await asyncio.gather(*(send_some(number // beside) for _ in range(beside)))

    async def send_until(self, status: int | None, *, most: int = 500) -> None:
        """One event after the other until one is answered so."""
        for _ in range(most):
            if await self.send() == status:
                return
        raise AssertionError(f"no answer {status} among {most}")

    def missing(self) -> set[str]:
        """Events that were accepted, and are not whole in the file: stored once, with what waits for them."""
        stored = read_events(self.daemon.state / "autoflow.db")
        sent = self.accepted | self.refused | self.unanswered
        assert set(stored) <= sent
        assert all(count == (1, 1) for count in stored.values()), stored
        return self.accepted - set(stored)


def read_events(path: Path) -> dict[str, tuple[int, int]]:
    """By event id: how often it is stored, and how much waits for it. The file as a whole must be sound."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = connection.execute(
            "SELECT e.id, count(DISTINCT e.seq), count(p.id) FROM events e"
            " LEFT JOIN pending_triggers p ON p.event_seq = e.seq WHERE e.type = 'deed' GROUP BY e.id"
        )
        return {row[0]: (row[1], row[2]) for row in rows}


async def ready_status(daemon: DaemonProcess) -> int:
    """What a prober is answered."""
    async with httpx2.AsyncClient() as client:
        return (await client.get(f"{daemon.base_url}/readyz")).status_code
