"""What is claimed as one text is what its rows hold, whatever they hold."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoflow.model.event import Event
from autoflow.store.events import insert_events
from autoflow.store.migrate import load_migrations, migrate
from autoflow.store.sqlite.store import PACKAGE, SqliteTransaction
from autoflow.store.waiting import MOST_LARGE, MOST_PACKED, Claimed, NewPending, _load_claimed, claim, insert_pending

NOW, EPOCH = 1_800_000_000_000, 3
ODD = ["'", '"', "\\", "\\u0000", "a\0b", "\n", "\r\n", "\u2028", "\U0001f600"]
TEXTS = st.text(max_size=6) | st.sampled_from(ODD)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | st.integers()
    | st.sampled_from([2**53 + 1, 2**63, 2**64, -(2**63), 10**30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
#: how the data stands in its row: on one line as ever, or as an older or another program wrote it
WAYS = st.sampled_from([msgspec.json.encode, lambda data: json.dumps(data, indent=1).encode()])
EVENTS = st.lists(
    st.tuples(TEXTS, TEXTS, TEXTS, TEXTS, st.none() | TEXTS, OBJECTS, OBJECTS, WAYS, st.integers(0, 3)),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.row_factory = sqlite3.Row
    migrate(made, load_migrations(PACKAGE))
    yield made
    made.close()


def wait_for(connection: sqlite3.Connection, events: Sequence[Event], dues: Sequence[int]) -> SqliteTransaction:
    """A transaction in which a run of each of these events waits, and nothing else."""
    for table in ("events", "event_keys", "pending_triggers", "runs"):
        connection.execute(f"DELETE FROM {table}")
    tx = SqliteTransaction(connection, NOW, {"events": 0, "pending_triggers": 0}, set())
    insert_events(tx, events, [1] * len(events), generation=1)
    insert_pending(
        tx,
        [
            (number, NewPending(event.account, "r'", 7, f'run"{number}', due, event.subject, False))
            for number, (event, due) in enumerate(zip(events, dues, strict=True), start=1)
        ],
        epoch=0,
    )
    return tx


def told(claimed: Sequence[Claimed]) -> list[Any]:
    """With numbers as they are: 1 and 1.0 are equal, and not the same."""
    return [(one.pending, repr(one.event), one.begun) for one in claimed]


@settings(deadline=None)
@given(made=EVENTS)
def test_what_is_claimed_at_once_is_what_each_row_holds(connection: sqlite3.Connection, made: list[Any]) -> None:
    """Quotes, line breaks, large numbers: in every column, oldest first."""
    events = [
        Event(
            f"{name}{number}", kind, NOW, NOW, write(data), json.loads(write(data)), source, account, subject, 0, more
        )
        for number, (name, kind, source, account, subject, data, more, write, _) in enumerate(made)
    ]
    tx = wait_for(connection, events, [due for *_, due in made])
    ids = list(range(len(made), 0, -1))
    connection.execute("INSERT INTO runs (id, account, rule_id, version, event_seq, status, due_at, started_at)"
                       " VALUES ('run\"1', 'a', 'r', 7, 1, 'running', 1, 1)")  # fmt: skip
    claimed = claim(tx, ids, epoch=EPOCH)
    assert told(claimed) == told(_load_claimed(tx, ids))
    assert [(one.event.data, one.event.extensions) for one in claimed] == [
        (event.data, event.extensions) for event in (events[one.pending.id - 1] for one in claimed)
    ]
    assert [one.pending.due_at for one in claimed] == sorted(due for *_, due in made)
    assert claim(tx, ids, epoch=EPOCH + 1) == []


@pytest.mark.parametrize("size", [3, 15_000, 20_000])
@pytest.mark.parametrize("bad", ["", "{", '{"a":1e400}', '{"a":"\\ud800"}', "[" * 2_000 + "]" * 2_000])
def test_one_that_cannot_be_read_ends_alone(connection: sqlite3.Connection, bad: str, size: int) -> None:
    """Those beside it are claimed, whatever their size."""
    plain = Event("a", "t", NOW, NOW, b'{"n":"' + b"x" * size + b'"}', {})
    events = [plain, plain._replace(id="b", raw=bad.encode()), plain._replace(id="c", subject="\n" * size)]
    tx = wait_for(connection, events, [3, 2, 1])
    claimed = claim(tx, [1, 2, 3], epoch=EPOCH)
    is_read = bad.startswith('{"a"')  # an older release kept it, and it is read as ever
    assert [one.event.id for one in claimed] == (["c", "b", "a"] if is_read else ["c", "a"])
    assert [len(one.event.data["n"]) for one in claimed if one.event.id != "b"] == [size] * 2
    ended = [tuple(row) for row in connection.execute("SELECT id, status FROM runs")]
    assert ended == ([] if is_read else [('run"2', "failed")])


def test_of_large_ones_only_so_many_are_taken_at_once(connection: sqlite3.Connection) -> None:
    """All of them are in memory; the others go on waiting."""
    event = Event("a", "t", NOW, NOW, b'{"n":"' + b"x" * MOST_PACKED + b'"}', {})
    count = MOST_LARGE + 2
    tx = wait_for(connection, [event._replace(id=f"e{number}") for number in range(count)], [1] * count)
    ids = range(1, count + 1)
    assert len(claim(tx, ids, epoch=EPOCH)) == MOST_LARGE
    assert len(claim(tx, ids, epoch=EPOCH)) == 2
