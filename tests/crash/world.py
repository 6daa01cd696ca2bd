"""A small crash loop on paper: logs and tables that hold every invariant, for tests to break one thing in.

Event 1 is sent at once and after a second; event 2 fails, is cut short by a kill that hides its success, and is sent
again; event 3 is cancelled by event 4; event 5 is given up, which event 6 tells; event 7 stands in a bad request.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from crash.evidence import Evidence, Row, read_evidence

T = 1_800_000_000_000
KILL = (T + 324.5, T + 326.5)
FLAKY_KEY = "act_flaky-0"


@dataclass(slots=True, kw_only=True)
class World:
    """The lines and rows before they are written."""

    sender: list[Row] = field(default_factory=list)
    sink: list[Row] = field(default_factory=list)
    loop: list[Row] = field(default_factory=list)
    tables: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    epoch: int = 2

    def event(self, seq: int, kind: str, *, at: int = T, told: float | None = None, **data: Any) -> Row:
        """An event that the sender offered and that was accepted."""
        name, data = f"e{seq}", {"n": seq, **data}
        offered = {"id": name, "type": kind, "source": "single", "data": data}
        self.sender.append({"did": "offer", "at": at - 1.5, "events": [offered], "bad": False})
        self.sender.append({"did": "answer", "at": told or at + 3.5, "events": [[name, "accepted"]]})
        return self.stored(seq, name, kind, data, at=at)

    def stored(self, seq: int, name: str, kind: str, data: Row, *, at: int, parent: str | None = None) -> Row:
        """Its row, and the row of its id."""
        source = "autoflow" if parent else "single"
        self.tables["event_keys"].append(
            {"id": name, "source": source, "account": "default", "seq": seq, "received_at": at}
        )
        row = {
            "seq": seq, "id": name, "source": source, "account": "default", "type": kind, "time": at,
            "received_at": at, "depth": int(parent is not None), "data": json.dumps(data), "generation": 1,
            "matched": 1, "parent_run": parent,
        }  # fmt: skip
        self.tables["events"].append(row)
        return row

    def run(self, seq: int, rule: str, *, due: int = T, status: str = "done") -> Row:
        """A run of a rule, and the rule's version."""
        versions = self.tables["rule_versions"]
        versions.append(
            {"id": len(versions) + 1, "account": "default", "rule_id": rule, "hash": rule, "document": "{}",
             "created_at": T}
        )  # fmt: skip
        row = {
            "id": f"run_{rule}", "account": "default", "rule_id": rule, "version": len(versions), "event_seq": seq,
            "status": status, "due_at": due, "started_at": due, "finished_at": due + 9,
        }  # fmt: skip
        self.tables["runs"].append(row)
        return row

    def step(self, run: Row, *, status: str = "done") -> Row:
        """The run's one step, without an attempt so far."""
        row = {
            "run_id": run["id"], "step": "0", "type": "webhook", "key": f"act_{run['rule_id']}-0", "params": "{}",
            "status": status, "attempts": 0, "started_at": run["due_at"], "target": "sink",
        }  # fmt: skip
        self.tables["run_steps"].append(row)
        return row

    def attempt(self, step: Row, at: int, result: str, answer: str, code: str | None = None) -> Row:
        """One attempt of a step, and the sink's line of it."""
        step["attempts"] += 1
        row = {
            "run_id": step["run_id"], "step": "0", "number": step["attempts"], "started_at": at,
            "finished_at": at + 4, "result": result, "code": code,
        }  # fmt: skip
        self.tables["attempts"].append(row)
        self.sink.append(
            {
                "did": "call", "at": at + 1.5, "key": step["key"], "attempt": step["attempts"], "run": step["run_id"],
                "rule": step["run_id"].removeprefix("run_"), "path": "/steady", "body": "{}", "answer": answer,
            }
        )  # fmt: skip
        return row

    def row(self, table: str, **wanted: Any) -> Row:
        """The one row of a table that has these values."""
        [found] = [row for row in self.tables[table] if wanted.items() <= row.items()]
        return found

    def drop(self, table: str, **wanted: Any) -> None:
        """Take that row away."""
        self.tables[table].remove(self.row(table, **wanted))

    def write(self, home: Path) -> Evidence:
        """Everything as files, read as the loop reads it."""
        database = home / "state" / "autoflow.db"
        database.parent.mkdir()
        connection = sqlite3.connect(database)
        schema = resources.files("autoflow.store.sqlite").joinpath("migrations/0001_initial.sql").read_text()
        connection.executescript(
            "PRAGMA synchronous = OFF; BEGIN;"
            + schema
            + f"UPDATE owner SET epoch = {self.epoch}; PRAGMA user_version = 1; COMMIT"
        )
        connection.execute("INSERT INTO generations VALUES (1, '[]', 0)")
        for table, rows in self.tables.items():
            for row in rows:
                names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
                connection.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", row)
        connection.commit()
        connection.close()
        for name, lines in (("sender-single", self.sender), ("sink", self.sink), ("loop", self.loop)):
            (home / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return read_evidence(home)


def make_world() -> World:
    """The story of this file's first lines."""
    world = World()
    world.loop = [
        {"did": "spawn", "at": T - 500.0}, {"did": "ready", "at": T - 100.0},
        {"did": "kill", "at": KILL[1], "before": KILL[0], "after": KILL[1], "phase": "running"},
        {"did": "spawn", "at": T + 330.0}, {"did": "ready", "at": T + 700.0},
    ]  # fmt: skip
    world.event(1, "ping.sent")
    world.attempt(world.step(world.run(1, "at-once")), T + 2, "delivered", "200")
    world.attempt(world.step(world.run(1, "ping-after", due=T + 1000)), T + 1000, "delivered", "slow")
    world.event(2, "flaky.asked")
    flaky = world.step(world.run(2, "flaky"))
    world.attempt(flaky, T + 10, "retry", "503", "http-503")
    world.attempt(flaky, T + 320, "unknown", "200")
    world.attempt(flaky, T + 720, "delivered", "200")
    world.event(3, "cart.left", cart={"id": "c1"})
    world.run(3, "unless-bought", due=T + 2000, status="cancelled")
    world.event(4, "cart.bought", at=T + 100, told=T + 110.5, cart={"id": "c1"})
    world.event(5, "gone.asked")
    gone = world.run(5, "gone", status="failed")
    world.attempt(world.step(gone, status="failed"), T + 20, "rejected", "410", "http-410")
    world.tables["dead_letters"].append(
        {
            "run_id": gone["id"], "step": "0", "step_index": 0, "account": "default", "rule_id": "gone",
            "version": gone["version"], "event_seq": 5, "type": "webhook", "key": "act_gone-0", "params": "{}",
            "reason": "permanent", "code": "http-410", "detail": "gone", "attempts": 1, "created_at": T + 24,
        }
    )  # fmt: skip
    world.stored(6, "act_gone-0.dead.1", "autoflow.action.dead_lettered", {}, at=T + 24, parent=gone["id"])
    world.attempt(world.step(world.run(6, "tell-dead", due=T + 24)), T + 25, "delivered", "200")
    bad = {"id": "e7", "type": "ping.sent", "source": "single", "data": {"n": 7}}
    world.sender.append({"did": "offer", "at": T + 30.0, "events": [bad], "bad": True})
    world.sender.append({"did": "refused", "at": T + 31.0, "ids": ["e7"]})
    return world
