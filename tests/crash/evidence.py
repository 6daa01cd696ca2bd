"""What was written down while the daemon was killed: the logs of senders, sink and loop, and the tables."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash.journal import read_journal

Row = dict[str, Any]
TABLES = (
    "events",
    "event_keys",
    "pending_triggers",
    "rule_versions",
    "runs",
    "run_steps",
    "attempts",
    "dead_letters",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An event as a sender offered it first, and when."""

    id: str
    source: str
    type: str
    data: Row
    at: float
    #: it stood in a request that is to be refused whole
    bad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a sender was told of an event, and when."""

    id: str
    source: str
    status: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as the sink took it, and what it was answered."""

    at: float
    key: str
    attempt: int
    run: str
    rule: str
    path: str
    body: str
    answer: str

    @property
    def is_taken(self) -> bool:
        """Whether the sink said that it took it."""
        return self.answer in ("200", "slow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A moment that lies between these two."""

    before: float
    after: float


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What the checker reads."""

    offers: dict[tuple[str, str], Offer] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    refused: set[tuple[str, str]] = field(default_factory=set)
    odd: list[Row] = field(default_factory=list)
    #: how often each thing stands in a log
    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    calls: list[Call] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    spawns: int = 0
    readies: int = 0
    epoch: int = 0
    tables: dict[str, list[Row]] = field(default_factory=dict)
    integrity: list[str] = field(default_factory=list)
    broken_keys: list[Row] = field(default_factory=list)
    #: whether the daemon had all the time it wanted: nothing may wait any more
    drained: bool = True

    def table(self, name: str) -> list[Row]:
        """The rows of a table."""
        return self.tables[name]

    def steps(self) -> dict[tuple[str, str], Row]:
        """The steps by run and path."""
        return {(row["run_id"], row["step"]): row for row in self.table("run_steps")}

    def attempts(self) -> dict[tuple[str, str], list[Row]]:
        """The attempts by run and step, in order."""
        found: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in sorted(self.table("attempts"), key=lambda one: one["number"]):
            found[row["run_id"], row["step"]].append(row)
        return found

    def calls_by_key(self) -> dict[str, list[Call]]:
        """The sink's calls by key, in order of arrival."""
        found: defaultdict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            found[call.key].append(call)
        return found

    def first_answers(self) -> dict[tuple[str, str], float]:
        """When a sender was told for the first time that its event is kept."""
        found: dict[tuple[str, str], float] = {}
        for answer in self.answers:
            found.setdefault((answer.id, answer.source), answer.at)
        return found

    def is_killed_between(self, begin: float, end: float) -> bool:
        """Whether the daemon was killed between these moments, as it read them."""
        return self.count_kills(begin, end) > 0

    def count_kills(self, begin: float, end: float) -> int:
        """How often the daemon was killed between these moments, at most."""
        return sum(kill.before <= end + 1 and kill.after >= begin for kill in self.kills)


def read_evidence(home: Path, *, drained: bool = True) -> Evidence:
    """Everything below a directory of the loop. No daemon may be running: its files are copied."""
    evidence = Evidence(drained=drained)
    _read_tables(evidence, home / "state" / "autoflow.db")
    for path in sorted(home.glob("sender-*.jsonl")):
        _read_sender(evidence, path, source=path.stem.removeprefix("sender-"))
    for line in read_journal(home / "sink.jsonl"):
        call = {name: value for name, value in line.items() if name != "did"}
        evidence.calls.append(Call(**call))
        evidence.counts[f"sink {call['answer']}"] += 1
    for line in read_journal(home / "loop.jsonl"):
        evidence.spawns += line["did"] == "spawn"
        evidence.readies += line["did"] == "ready"
        if line["did"] == "kill":
            evidence.kills.append(Kill(before=line["before"], after=line["after"]))
            evidence.counts[f"kill {line['phase']}"] += 1
    return evidence


def _read_sender(evidence: Evidence, path: Path, *, source: str) -> None:
    for line in read_journal(path):
        evidence.counts[f"{source} {line['did']}"] += 1
        match line["did"]:
            case "offer":
                for event in line["events"]:
                    offer = Offer(
                        id=event["id"], source=source, type=event["type"], data=event["data"],
                        at=line["at"], bad=line["bad"],
                    )  # fmt: skip
                    evidence.offers.setdefault((offer.id, source), offer)
            case "answer":
                for name, status in line["events"]:
                    evidence.answers.append(Answer(id=name, source=source, status=status, at=line["at"]))
                    evidence.counts[f"{source} {status}"] += 1
            case "refused":
                evidence.refused.update((name, source) for name in line["ids"])
            case "odd":
                evidence.odd.append({"sender": source, **line})


def _read_tables(evidence: Evidence, database: Path) -> None:
    """Read a copy, so that the daemon finds its write-ahead log as its kill left it."""
    evidence.tables = {name: [] for name in TABLES}
    evidence.integrity = ["ok"]
    if not database.exists():
        return
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy.db"
        shutil.copy(database, copy)
        log = database.with_name(database.name + "-wal")
        if log.exists():
            shutil.copy(log, copy.with_name(copy.name + "-wal"))
        connection = sqlite3.connect(copy)
        try:
            connection.row_factory = sqlite3.Row
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                return  # killed before there was anything in it
            evidence.integrity = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            evidence.broken_keys = [dict(row) for row in connection.execute("PRAGMA foreign_key_check")]
            for name in TABLES:
                evidence.tables[name] = [dict(row) for row in connection.execute(f"SELECT * FROM {name}")]
            for row in evidence.tables["events"]:
                row["data"] = json.loads(row["data"])
            evidence.epoch = connection.execute("SELECT epoch FROM owner").fetchone()[0]
        except sqlite3.DatabaseError as error:
            evidence.integrity = [str(error)]
        finally:
            connection.close()
