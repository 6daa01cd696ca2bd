"""What one statement begins, ends or keeps for many rows is what each row's own statement would have written."""

import json
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoflow.model.json import plain_json
from autoflow.model.pending import Pending, PendingKind
from autoflow.model.run import AttemptResult, RunStatus
from autoflow.store import history
from autoflow.store.history import AttemptEnd, DoneRun, RunEnd, StepEnd, StepRecord
from autoflow.store.migrate import load_migrations, migrate
from autoflow.store.sqlite.store import PACKAGE, SqliteTransaction
from autoflow.store.texts import write_answer

NOW, EPOCH = 1_800_000_000_000, 3
#: names hold no NUL: they are ours, or were judged as rules were loaded
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["'", '"', "\\", "\\u0000", "null", "1", '{"a":1}', "\n", "$[0]", "\U0001f600", "\u2028"]
)
TEXTS = st.text(max_size=8) | st.sampled_from(["a\0b", "\\u0000", "'; --", "\ud7ff\ue000", "1e400"])
NUMBERS = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([2**53 + 1, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**400])
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
STEPS = st.tuples(NAMES, NAMES, NAMES, st.none() | NAMES, OBJECTS, OBJECTS)
MANY = st.lists(STEPS, min_size=1, max_size=4)


class _Database:
    """An empty database in memory."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        migrate(self.connection, load_migrations(PACKAGE))
        self.tx = SqliteTransaction(self.connection, NOW, {}, set())

    def wait(self, number: int) -> Pending:
        """A run that waits, in the store and out of it."""
        pending = Pending(
            number, PendingKind.START, "o'neill", f"run\"{number}'", 7, "r\\", 1, NOW, 0, None, False, None, NOW, 0
        )
        self.connection.execute(
            "INSERT INTO pending_triggers (id, kind, account, rule_id, version, event_seq, run_id, due_at, step,"
            " shadow, created_at, claim) VALUES (?, 'start', ?, ?, 7, 1, ?, ?, 0, 0, ?, ?)",
            [number, pending.account, pending.rule_id, pending.run_id, NOW, NOW, EPOCH],
        )
        return pending

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All that a table holds, in the order of its runs."""
        order = "id" if table in ("runs", "pending_triggers") else "run_id"
        return [dict(row) for row in self.connection.execute(f"SELECT * FROM {table} ORDER BY {order}")]


@pytest.fixture(scope="module")
def made() -> Iterator[_Database]:
    database = _Database()
    yield database
    database.connection.close()


def clear(database: _Database) -> None:
    """Let nothing be in it: a fixture is made once for all examples of a test."""
    for table in ("runs", "run_steps", "attempts", "pending_triggers"):
        database.connection.execute(f"DELETE FROM {table}")


def records_of(steps: Sequence[Any], pendings: Sequence[Pending]) -> list[StepRecord]:
    """What these steps send."""
    return [
        StepRecord(pending.run_id, name, kind, key, target, params)
        for pending, (name, kind, key, target, params, _) in zip(pendings, steps, strict=True)
    ]


def as_read(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """With parameters as who reads them has them: a number can be written in more than one way."""
    return [{**row, "params": repr(json.loads(row["params"]))} for row in rows]


@settings(deadline=None)
@given(steps=MANY)
def test_what_begins_is_written_as_its_own_statements_would(made: _Database, steps: list[Any]) -> None:
    """Whatever is sent, and to whom."""
    clear(made)
    pendings = [made.wait(number) for number in range(1, len(steps) + 1)]
    records = records_of(steps, pendings)
    history.begin_first_attempts(made.tx, records)
    many = as_read(made.rows("run_steps")), made.rows("attempts")
    for table in ("run_steps", "attempts"):
        made.connection.execute(f"DELETE FROM {table}")
    history.begin_attempts(made.tx, records)
    assert many == (as_read(made.rows("run_steps")), made.rows("attempts"))


@settings(deadline=None)
@given(steps=MANY)
def test_what_is_kept_whole_is_written_as_its_beginning_and_its_end_would(made: _Database, steps: list[Any]) -> None:
    """Whatever it was handed, and whatever it gave."""

    def life(*, whole: bool) -> list[Any]:
        clear(made)
        pendings = [made.wait(number) for number in range(1, len(steps) + 1)]
        records = records_of(steps, pendings)
        outputs = [output for *_, output in steps]
        if whole:
            history.keep_runs(made.tx, list(map(DoneRun, pendings, records, outputs)), epoch=EPOCH)
        else:
            history.open_runs(made.tx, pendings)
            history.begin_attempts(made.tx, records)
            values = [(AttemptResult.DELIVERED, NOW, one.run_id, one.step) for one in records]
            change = "UPDATE attempts SET result = ?, finished_at = ? WHERE run_id = ? AND step = ?"
            made.connection.executemany(change, values)
            texts = [
                (write_answer(output), NOW, one.run_id, one.step)
                for one, output in zip(records, outputs, strict=True)
            ]
            change = "UPDATE run_steps SET status = 'done', output = ?, finished_at = ? WHERE run_id = ? AND step = ?"
            made.connection.executemany(change, texts)
            made.connection.execute("UPDATE runs SET status = 'done', finished_at = ?", [NOW])
            made.connection.execute("DELETE FROM pending_triggers")
        found = {table: made.rows(table) for table in ("runs", "run_steps", "attempts", "pending_triggers")}
        return [found | {"run_steps": as_read(found["run_steps"])}]

    assert life(whole=True) == life(whole=False)


CODES = st.none() | NAMES
ENDS = st.lists(st.tuples(NAMES, CODES, CODES | TEXTS, st.none() | VALUES, CODES), min_size=1, max_size=6)


@settings(deadline=None)
@given(ends=ENDS)
def test_ends_with_and_without_words_stand_in_one_commit(made: _Database, ends: list[Any]) -> None:
    """Each has its own code, detail, output and reason, whatever those beside it have."""
    clear(made)
    pendings = [made.wait(number) for number in range(1, len(ends) + 1)]
    records = [
        StepRecord(pending.run_id, step, "webhook", f"k{pending.id}", None, {})
        for pending, (step, *_) in zip(pendings, ends, strict=True)
    ]
    history.open_runs(made.tx, pendings)
    history.begin_first_attempts(made.tx, records)
    whole = list(zip(pendings, records, ends, strict=True))
    history.end_attempts(
        made.tx,
        [
            AttemptEnd(one.run_id, one.step, 1, AttemptResult.RETRY, code, detail)
            for _, one, (_, code, detail, *_) in whole
        ],
    )
    history.end_steps(made.tx, [StepEnd(one.run_id, one.step, "failed", end[3]) for _, one, end in whole])
    history.end_runs(
        made.tx,
        [RunEnd(pending, RunStatus.FAILED if end[4] else RunStatus.DONE, end[4]) for pending, _, end in whole],
    )
    written = {row["run_id"]: row for row in made.rows("attempts")}
    steps = {row["run_id"]: row for row in made.rows("run_steps")}
    runs = {row["id"]: row for row in made.rows("runs")}
    assert made.rows("pending_triggers") == []
    for pending, _, (_, code, detail, output, reason) in whole:
        attempt, step, run = written[pending.run_id], steps[pending.run_id], runs[pending.run_id]
        assert (attempt["result"], attempt["code"], attempt["detail"], attempt["finished_at"]) == (
            "retry", code, detail, NOW,
        )  # fmt: skip
        assert (step["status"], step["finished_at"]) == ("failed", NOW)
        assert step["output"] == (None if output is None else write_answer(output))
        assert (run["status"], run["error"], run["finished_at"]) == ("failed" if reason else "done", reason, NOW)


def test_ends_that_are_alike_touch_no_other_run(made: _Database) -> None:
    """One list for all of them: what is under way beside them stays so."""
    clear(made)
    pendings = [made.wait(number) for number in (1, 2, 3)]
    records = [StepRecord(pending.run_id, "1", "webhook", f"k{pending.id}", None, {}) for pending in pendings]
    history.open_runs(made.tx, pendings)
    history.begin_first_attempts(made.tx, records)
    ended = records[:2]
    history.end_attempts(
        made.tx, [AttemptEnd(one.run_id, "1", 1, AttemptResult.DELIVERED, None, None) for one in ended]
    )
    history.end_steps(made.tx, [StepEnd(one.run_id, "1", "done", {"status": 200}) for one in ended])
    history.end_runs(made.tx, [RunEnd(pending, RunStatus.DONE) for pending in pendings[:2]])
    assert [row["result"] for row in made.rows("attempts")] == ["delivered", "delivered", None]
    assert [(row["status"], row["output"]) for row in made.rows("run_steps")] == [
        ("done", '{"status":200}'), ("done", '{"status":200}'), ("running", None),
    ]  # fmt: skip
    assert [row["status"] for row in made.rows("runs")] == ["done", "done", "running"]
    assert [row["id"] for row in made.rows("pending_triggers")] == [3]


def test_parameters_deeper_than_a_database_reads_are_kept_as_they_are(made: _Database) -> None:
    """It would refuse the statement, and with it all that is in the same commit."""
    clear(made)
    deep: Any = "deep"
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        for _ in range(1_500):
            deep = {"in": [deep]}
        pending = made.wait(1)
        record = StepRecord(pending.run_id, "0", "emit", "k", None, {"data": deep})
        history.begin_first_attempts(made.tx, [record])
        [begun] = made.rows("run_steps")
        clear(made)
        made.wait(1)
        history.keep_runs(made.tx, [DoneRun(pending, record, {})], epoch=EPOCH)
        [kept] = made.rows("run_steps")
        assert begun["params"] == kept["params"] == plain_json({"data": deep})
    finally:
        sys.setrecursionlimit(before)


def test_what_is_claimed_no_longer_is_not_kept(made: _Database) -> None:
    """Somebody else has it now; those beside it are kept."""
    clear(made)
    pendings = [made.wait(number) for number in (1, 2, 3)]
    made.connection.execute("UPDATE pending_triggers SET claim = ? WHERE id = 2", [EPOCH + 1])
    runs = [DoneRun(pending, StepRecord(pending.run_id, "0", "log", "k", None, {}), {}) for pending in pendings]
    assert history.keep_runs(made.tx, runs, epoch=EPOCH) == [runs[0], runs[2]]
    kept = [pendings[0].run_id, pendings[2].run_id]
    assert [row["id"] for row in made.rows("runs")] == kept
    assert [row["run_id"] for row in made.rows("run_steps")] == kept
    assert [row["run_id"] for row in made.rows("attempts")] == kept
    assert [row["id"] for row in made.rows("pending_triggers")] == [2]
    assert history.keep_runs(made.tx, runs[1:2], epoch=EPOCH) == []
