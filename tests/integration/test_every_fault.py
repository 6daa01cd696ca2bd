"""One run of everything, with a fault at each of its changes and looks in turn: what was promised holds each time."""

import asyncio
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from autoflow.actions.base import Request
from autoflow.errors import StorageError
from autoflow.model.run import Delivered, Outcome, Reject, Retry
from support.faults import Fault, Faults
from support.line import START, Line

MINUTE = 60_000
RULES = """
id: late
trigger: { event: x }
delay: 5m
cancel_on: { event: stop, by: n }
actions:
  - webhook: { url: "https://first.example.com/{{ n }}", payload: {} }
  - webhook: { url: "https://second.example.com/{{ n }}", payload: {} }
---
id: chain
trigger: { event: x, when: n == 1 }
actions:
  - emit: { type: y, data: { n: 9 } }
  - log: { message: "made" }
---
id: end
trigger: { event: y }
actions: [ { log: { message: "the end of the chain" } } ]
---
id: doomed
trigger: { event: x, when: n == 3 }
actions: [ { http: { url: "https://doomed.example.com/", method: POST } } ]
---
id: told
trigger: { event: autoflow.action.dead_lettered }
actions: [ { log: { message: "{{ rule.id }} was given up" } } ]
---
id: watched
enabled: shadow
trigger: { event: x, when: n == 2 }
actions: [ { log: { message: "in the shadow" } } ]
"""
EVENTS = (("x", 1), ("x", 2), ("stop", 2), ("x", 3))
#: rule, event number -> how its run ends
ENDS = {
    ("late", "x1"): "done",
    ("late", "x2"): "cancelled",
    ("late", "x3"): "done",
    ("chain", "x1"): "done",
    ("end", "y"): "done",
    ("doomed", "x3"): "failed",
    ("told", "dead"): "done",
    ("watched", "x2"): "shadow",
}


class World:
    """A line that is looked at from outside: what went out, when, and what the file says."""

    def __init__(self, path: Path, fault: Fault, at: int) -> None:
        self.line = Line(path)
        self.sent: list[tuple[int, Request]] = []
        self.faults = self._prepare(fault, at)

    def _prepare(self, fault: Fault, at: int) -> Faults:
        self.line.executor._options = replace(self.line.executor._options, pauses=(0.0,))
        # No power fails here, and hundreds of lives are lived.
        self.line.store._connection.execute("PRAGMA synchronous = OFF")
        self.line.recorder.perform = self.perform  # type: ignore[method-assign]  # what the receivers answer
        return Faults(self.line.store, fault, at)

    async def perform(self, request: Request) -> Outcome:
        """Receivers: one that refuses, one that is slow the first time, and others."""
        assert not self.faults.dead, "a process that has ended sends nothing"
        self.sent.append((self.line.clock.now(), request))
        if request.rule_id == "doomed":
            return Reject(code="http-400", detail="no")
        if request.rule_id == "late" and request.attempt == 1 and "first" in request.params["url"]:
            return Retry(code="timeout", detail="slow")
        return Delivered(output={"n": 1})

    async def restart_if_dead(self) -> None:
        """As a supervisor does."""
        if self.faults.dead:
            self.line.store.close()
            self.line._open()
            self.faults = self._prepare(Fault.FAILS, 0)

    async def use_rules(self) -> None:
        """Start, or start again."""
        while True:
            try:
                await self.line.use(RULES)
            except StorageError:
                await self.restart_if_dead()
            else:
                return

    async def send_events(self) -> None:
        """Each sender sends its event until it is told that it is stored."""
        for kind, number in EVENTS:
            while True:
                try:
                    await self.line.emit(kind, {"n": number}, event_id=f"{kind}{number}")
                except StorageError:
                    if self.faults.dead:
                        await self.restart_if_dead()
                        await self.use_rules()
                else:
                    break

    async def work_off(self) -> None:
        """Let the daemon look until nothing waits; each look is as late as the next thing is due."""
        for _ in range(200):
            await self.line.dispatcher._pass()
            while self.line.dispatcher.busy:
                await asyncio.wait(self.line.dispatcher._busy.values())
            if self.faults.dead:
                await self.restart_if_dead()
                await self.use_rules()
                continue
            due = self.look("SELECT min(due_at), max(claim) FROM pending_triggers")[0]
            if due[0] is None:
                return
            moment = self.line.clock.now() + 10_000 if due[1] else due[0]
            self.line.clock.move_to(max(moment, self.line.clock.now() + 1))
        raise AssertionError("something waits for ever")

    def look(self, query: str) -> list[tuple]:
        """What the file says."""
        with sqlite3.connect(self.line.path) as connection:
            rows = connection.execute(query).fetchall()
        connection.close()
        return rows


async def live(path: Path, fault: Fault = Fault.FAILS, at: int = 0) -> World:
    """One life of everything."""
    world = World(path, fault, at)
    await world.use_rules()
    await world.send_events()
    await world.work_off()
    return world


def check(world: World, *, kills: int) -> None:
    """The promises, read off what went out and what the file says."""
    stored = [row[0] for row in world.look("SELECT id FROM events WHERE type IN ('x', 'stop')")]
    assert sorted(stored) == ["stop2", "x1", "x2", "x3"], "every answered event is stored once"
    runs = world.look(
        "SELECT r.rule_id, CASE WHEN e.type = 'y' THEN 'y' WHEN e.depth > 0 THEN 'dead' ELSE e.id END,"
        " r.status FROM runs r JOIN events e ON e.seq = r.event_seq"
    )
    assert {(rule, event): status for rule, event, status in runs} == ENDS, "every match ends as it should"
    assert len(runs) == len(ENDS), "and has one run"
    assert world.look("SELECT * FROM pending_triggers") == []
    assert len(world.look("SELECT * FROM dead_letters")) == 1
    open_attempts = world.look("SELECT * FROM attempts WHERE result IS NULL")
    assert open_attempts == [], "every attempt has a result, be it unknown"
    steps = world.look("SELECT run_id, step, key FROM run_steps WHERE status <> 'shadow'")
    assert len({key for _, _, key in steps}) == len(steps), "a key belongs to one step of one run"
    known = {run: set() for run, _, _ in steps}
    for run, _, key in steps:
        known[run].add(key)
    for at, request in world.sent:
        assert request.key in known[request.run_id]
        if request.rule_id == "late":
            assert at >= START + 5 * MINUTE, "nothing goes out early"
            assert not request.params["url"].endswith("/2"), "nor after it was cancelled"
    tries = Counter(
        (request.run_id, request.params.get("url"), request.params.get("message")) for _, request in world.sent
    )
    expected = {key: 2 if key[1] and "first" in key[1] else 1 for key in tries}
    repeats = max(tries[key] - expected[key] for key in tries)
    assert repeats <= kills, "a send repeats only where a crash hid its result, once each time"
    assert world.look("PRAGMA foreign_key_check") == []
    assert world.look("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("fault", list(Fault))
async def test_whatever_fails_and_whenever_it_dies_what_was_promised_holds(fault: Fault, tmp_path: Path) -> None:
    """A fault at each moment in turn: nothing is lost, nothing runs twice, nothing waits for ever."""
    plain = await live(tmp_path / "plain.db")
    check(plain, kills=0)
    plain.line.close()
    moments = plain.faults.seen
    assert moments > 30
    for at in range(1, moments + 1):
        world = await live(tmp_path / f"{at}.db", fault, at)
        try:
            check(world, kills=0 if fault is Fault.FAILS else 1)
        except AssertionError as error:
            error.add_note(f"fault {fault} at {at}")
            raise
        finally:
            world.line.close()
