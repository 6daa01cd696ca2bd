"""Ids for a shell to complete: a quick look into the database's file, whether or not a daemon works on it.

It imports nothing of the store but its queries: a shell that waits for an answer is a shell that hangs.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from autoflow.app.state import DATABASE
from autoflow.store import sqlite as package
from autoflow.store.queries import parse_queries

KINDS = ("events", "runs", "pending", "dead-letters", "rules")
MOST = 50
_LAST = "\U0010ffff"
"""Behind every other character: what begins with a text lies between it and it with this at its end."""


def find_ids(state: Path, kind: str, prefix: str) -> list[str]:
    """Some ids of that kind that begin so; none where there is no database, or nobody may read it."""
    path = state / DATABASE
    if not path.is_file():
        return []
    QUERIES = parse_queries((Path(package.__path__[0]) / "queries.sql").read_text())  # noqa: N806 - as the store has it
    statements = {
        "events": QUERIES["event_ids_between"] if prefix else QUERIES["newest_event_ids"],
        "runs": QUERIES["run_ids_between"],
        "pending": QUERIES["soonest_pending_ids"],
        "dead-letters": QUERIES["newest_dead_letter_ids"],
        "rules": QUERIES["rule_ids_in_force"],
    }
    values: dict[str, str | int] = {"since": prefix, "until": prefix + _LAST, "limit": MOST, "like": f"{prefix}%"}
    try:
        with contextlib.closing(_open(path)) as connection:
            return _texts(connection, statements[kind], values)
    except sqlite3.Error:
        return []  # locked, damaged, or of another release: the command itself says so


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)


def _texts(connection: sqlite3.Connection, statement: str, values: Mapping[str, str | int]) -> list[str]:
    return [str(row[0]) for row in connection.execute(statement, values)]
