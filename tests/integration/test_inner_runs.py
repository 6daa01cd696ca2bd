"""Runs that send nothing out: performed as they are claimed, kept whole in one commit, as durable as the others."""

import asyncio
import gc
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoflow.actions.base import Action, Request
from autoflow.actions.emit import EmitAction
from autoflow.actions.log import LogAction
from autoflow.errors import StorageError
from autoflow.model.json import JsonObject
from autoflow.model.run import Outcome
from autoflow.runs import inner
from autoflow.runs.ledger import Entry, Keeping
from autoflow.security.secrets import Secrets
from autoflow.store import history
from support.line import Line

EMIT = """
id: r
trigger: { event: x }
actions: [ { emit: { type: y, subject: "{{ n }}", data: { n: { fact: n } } } } ]
"""
LOG = """
id: r
trigger: { event: x }
actions: [ { log: { message: "it is {{ n }}" } } ]
"""
HOSTILE = [
    "plain",
    "",
    "'; DROP TABLE runs; --",
    'a "quoted" \\ back\\\\slash',
    "line\nbreak\r\n\u2028and\ttab",
    "a\0b\x01\x1f\x7f",
    "e\u0301 \u00df \U0001f600 \u202e",
    2**53 + 1,
    2**64,
    -(2**63),
    10**40,
    1e308,
    5e-324,
    -0.0,
    1.0,
    True,
    None,
    {},
    [],
    {"": {"a.b": [[], {}, [None]]}, "$[0]": "$"},
]


class LongWay:
    """An action without `act`: its runs go step by step."""

    def __init__(self, action: Action) -> None:
        self._action = action

    def target(self, params: JsonObject) -> str | None:
        return self._action.target(params)

    async def perform(self, request: Request) -> Outcome:
        return await self._action.perform(request)


class Lines:
    """Where a log action writes."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def __call__(self, message: str, _who: object) -> None:
        self.written.append(message)


def use_actions(line: Line, more: dict[str, Action]) -> None:
    """Let rules do these things as well, or in this way."""
    known = line.executor.actions
    line.executor.actions = replace(known, actions={**known.actions, **more})


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    await made.use(EMIT)
    yield made
    made.close()


def on_keep(line: Line, then: Callable[[Any, Callable[..., Awaitable[Any]]], Awaitable[Any]]) -> None:
    """Let something else happen as runs are kept: `then` has the change, and what hands it to the store."""
    enter, transact = line.executor.ledger._enter, line.store.transact
    keeping: list[bool] = []

    def note(entry: Entry) -> Any:
        keeping.append(isinstance(entry, Keeping))
        return enter(entry)

    async def hand_in(change: Any) -> Any:
        if any(keeping):
            keeping.clear()
            return await then(change, transact)
        return await transact(change)

    line.executor.ledger._enter = note  # type: ignore[method-assign]  # the moment of a result
    line.store.transact = hand_in  # type: ignore[method-assign, assignment]  # the same


def pause_never(line: Line) -> None:
    """Offer again at once what could not be kept."""
    line.executor._options = replace(line.executor._options, pauses=(0.0,))


def undone(change: Any) -> Any:
    """The same change on a disk that is full by its end."""

    def fail(tx: Any) -> None:
        change(tx)
        raise StorageError("the disk is full")

    return fail


TABLES = ("events", "event_keys", "pending_triggers", "runs", "run_steps", "attempts", "dead_letters")


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What stands in the database. Names that are made anew each time are told by where they come from."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    names: dict[Any, str] = {}
    events = {row["seq"]: row["id"] for row in connection.execute("SELECT seq, id FROM events")}
    for run in connection.execute("SELECT id, rule_id, event_seq FROM runs ORDER BY event_seq, id"):
        cause = events[run["event_seq"]]
        names[run["id"]] = f"{run['rule_id']} of {names.get(cause, cause)}"
        for step in connection.execute("SELECT step, key FROM run_steps WHERE run_id = ?", [run["id"]]):
            names[step["key"]] = f"{step['step']} of {names[run['id']]}"

    def told(column: str, value: Any) -> Any:
        if column in ("seq", "event_seq"):
            value = events[value]
        return names.get(value, value)

    found = {
        table: sorted((tuple(told(name, row[name]) for name in row.keys()) for row in rows), key=repr)  # noqa: SIM118 - a row has its values
        for table in TABLES
        for rows in [connection.execute(f"SELECT * FROM {table}").fetchall()]
    }
    connection.close()
    return found


def count_events(path: Path, event_type: str) -> int:
    """How many events of a type were ever stored."""
    connection = sqlite3.connect(path)
    [number] = connection.execute("SELECT count(*) FROM events WHERE type = ?", (event_type,)).fetchone()
    connection.close()
    return int(number)


def nested(levels: int) -> Any:
    """A value with so many levels."""
    value: Any = "deep"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value


async def live(path: Path, rule: str, wrap: Callable[[Action], Action], values: Iterable[Any]) -> list[str]:
    """One life with an event for each value, and two that come back from a rule's own event; what was logged."""
    line, lines = Line(path, slots=3), Lines()
    log = LogAction(lines, Secrets({}))
    use_actions(line, {"emit": wrap(EmitAction()), "log": wrap(log)})
    await line.use(rule)
    for number, value in enumerate(values):
        await line.emit("x", {"n": value}, event_id=f"e'{number}\"\\")
    await line.advance(0)
    line.close()
    return lines.written


@pytest.mark.parametrize("rule", [EMIT, LOG], ids=["emit", "log"])
async def test_its_rows_are_those_of_the_long_way(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its parameters hold: nobody can tell afterwards which way a run went."""
    values = [*HOSTILE, nested(50)]
    rules = rule + "---\n" + LOG.replace("id: r", "id: heard").replace("event: x", "event: y")
    kept: list[list[history.DoneRun]] = []
    keep_runs = history.keep_runs

    def note(tx: Any, runs: Any, *, epoch: int) -> Any:
        kept.append(runs)
        return keep_runs(tx, runs, epoch=epoch)

    monkeypatch.setattr(history, "keep_runs", note)
    short = await live(tmp_path / "short.db", rules, lambda action: action, values)
    by_short_way = sum(map(len, kept))
    kept.clear()
    long = await live(tmp_path / "long.db", rules, LongWay, values)
    assert (by_short_way, sum(map(len, kept))) == (len(values) * (2 if rule == EMIT else 1), 0)
    assert sorted(short) == sorted(long)
    assert dump(tmp_path / "short.db") == dump(tmp_path / "long.db")
    assert dump(tmp_path / "short.db")["pending_triggers"] == []


def hold_claims(line: Line) -> tuple[asyncio.Event, asyncio.Event]:
    """Let a claim be kept, and its answer wait: (it was kept, let it go on)."""
    kept, go_on = asyncio.Event(), asyncio.Event()
    claim = line.executor.ledger.claim

    async def held(choose: Any) -> Any:
        taken = await claim(choose)
        if taken.claimed:
            kept.set()
            await go_on.wait()
        return taken

    line.executor.ledger.claim = held  # type: ignore[method-assign]  # the moment between commit and answer
    return kept, go_on


async def test_what_is_cancelled_between_its_claim_and_its_turn_does_nothing(line: Line) -> None:
    """Once the event that ends it is answered nothing of it begins, also where no attempt is counted beforehand."""
    await line.use(EMIT.replace("id: r", "id: r\ncancel_on: { event: z, by: n }"))
    for number in (1, 2):
        await line.emit("x", {"n": number})
    kept, go_on = hold_claims(line)
    performing = asyncio.ensure_future(line.dispatcher.run_due())
    await kept.wait()
    receipt = await line.emit("z", {"n": 1})
    assert [rule for rule, _ in receipt.ended] == ["r"]
    go_on.set()
    await performing
    assert await line.runs() == [("r", "cancelled"), ("r", "done")]
    assert count_events(line.path, "y") == 1
    slots = line.dispatcher._slots
    assert (line.store.flagged, slots.free, slots._inner) == (set(), 16, 0)


async def test_a_result_that_cannot_be_kept_is_offered_again_until_it_is(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails some times: each run is done once, and its event is there once."""
    acted: list[str] = []
    act = EmitAction.act

    def note(self: EmitAction, request: Request) -> Outcome:
        acted.append(request.event_id)
        return act(self, request)

    monkeypatch.setattr(EmitAction, "act", note)
    pause_never(line)
    for number in range(5):
        await line.emit("x", {"n": number})
    failing = 4

    async def fail(change: Any, transact: Any) -> Any:
        nonlocal failing
        failing -= 1
        return await transact(change if failing < 0 else undone(change))

    on_keep(line, fail)
    await line.advance(0)
    assert failing < 0
    assert acted == [f"e{number}" for number in range(1, 6)]
    assert await line.runs() == [("r", "done")] * 5
    assert count_events(line.path, "y") == 5
    assert await line.rows("count_pending") == [{"number": 0, "oldest": None}]


async def test_a_crash_between_claim_and_result_does_it_again_and_its_event_is_there_once(line: Line) -> None:
    """Nothing of it was written down, so nothing of it had happened."""
    await line.emit("x", {"n": 1})
    kept, _ = hold_claims(line)
    performing = asyncio.ensure_future(line.dispatcher.run_due())
    await kept.wait()
    performing.cancel()
    await asyncio.wait([performing])
    await line.restart(EMIT)
    assert (await line.runs(), count_events(line.path, "y")) == ([], 0)
    await line.advance(0)
    assert (await line.runs(), count_events(line.path, "y")) == ([("r", "done")], 1)


@pytest.mark.parametrize("is_kept", [False, True], ids=["before its commit", "after its commit"])
async def test_a_crash_around_the_commit_of_its_result_leaves_one_event(line: Line, is_kept: bool) -> None:
    """It was done whole, or not at all."""
    await line.emit("x", {"n": 1})
    await die_at_its_commit(line, is_kept=is_kept)
    await line.restart(EMIT)
    assert count_events(line.path, "y") == is_kept
    await line.advance(0)
    assert (await line.runs(), count_events(line.path, "y")) == ([("r", "done")], 1)
    assert [row["attempts"] for row in await line.rows("steps_of_run", run_id=(await run_ids(line))[0])] == [1]


@pytest.mark.parametrize("is_kept", [False, True], ids=["before its commit", "after its commit"])
async def test_a_log_line_is_written_again_where_a_crash_came_before_its_commit(line: Line, is_kept: bool) -> None:
    """At least once: it is written before anything of it is kept."""
    lines = Lines()
    use_actions(line, {"log": LogAction(lines, Secrets({}))})
    await line.use(LOG)
    await line.emit("x", {"n": 1})
    await die_at_its_commit(line, is_kept=is_kept)
    assert lines.written == ["it is 1"]
    await line.restart(LOG)
    use_actions(line, {"log": LogAction(lines, Secrets({}))})
    await line.advance(0)
    assert lines.written == ["it is 1"] * (1 if is_kept else 2)
    assert await line.runs() == [("r", "done")]


async def die(line: Line, there: asyncio.Event) -> None:
    """Perform what is due until it is there, then nothing more."""
    performing = asyncio.ensure_future(line.dispatcher.run_due())
    await there.wait()
    performing.cancel()
    for task in [performing, *line.dispatcher._busy.values(), line.executor.ledger._writing]:
        assert task is not None
        task.cancel()
        await asyncio.wait([task])


async def die_at_its_commit(line: Line, *, is_kept: bool) -> None:
    """A crash just before the commit that keeps a run, or just behind it."""
    there = asyncio.Event()

    async def hang(change: Any, transact: Any) -> Any:
        if is_kept:
            await transact(change)
        there.set()
        await asyncio.Event().wait()

    on_keep(line, hang)
    await die(line, there)


async def events_of(line: Line, event_type: str) -> list[JsonObject]:
    """The events of a type, oldest first."""
    rows = await line.rows("list_events", before=1 << 62, type=event_type, account=None, limit=200)
    return list(reversed(rows))


async def run_ids(line: Line) -> list[str]:
    """The runs there are, oldest first."""
    rows = await line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=200)
    return [row["id"] for row in reversed(rows)]


async def test_events_too_large_for_one_text_keep_nobody_waiting(line: Line) -> None:
    """What is claimed together can be more than one value of the database holds; so can what is kept together."""
    await line.use(EMIT.replace('subject: "{{ n }}", ', ""))
    line.store._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000)
    for size in (300_000, 5, 300_000, 5, 300_000, 300_000, 300_000):
        await line.emit("x", {"n": "b" * size})
    await line.advance(0)
    assert await line.runs() == [("r", "done")] * 7
    sizes = [len(row["data"]) - len('{"n":""}') for row in await events_of(line, "y")]
    assert sizes == [300_000, 5, 300_000, 5] + [300_000] * 3


async def test_what_is_given_up_in_vain_keeps_no_other_from_its_end(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a run can neither be kept nor be given up, those beside it are kept all the same."""
    pause_never(line)
    for number in range(3):
        await line.emit("x", {"n": number})
    keep_runs, failing = history.keep_runs, [True]

    def refuse(tx: Any, runs: Any, *, epoch: int) -> Any:
        if any(run.record.params["data"]["n"] == 0 for run in runs):
            raise ValueError("it cannot be written")
        if failing:
            failing.clear()
            raise StorageError("the disk is full")
        return keep_runs(tx, runs, epoch=epoch)

    async def fail(*_args: object) -> None:
        raise RuntimeError("nor can this")

    monkeypatch.setattr(history, "keep_runs", refuse)
    monkeypatch.setattr(line.executor, "give_up", fail)
    await asyncio.wait_for(line.advance(0), 30)
    assert await line.runs() == [("r", "done")] * 2
    assert line.dispatcher.busy == 0
    assert await line.rows("count_pending") == [{"number": 1, "oldest": line.clock.now()}]
    monkeypatch.undo()
    line.clock.move_to(line.clock.now() + 20_000)
    await line.dispatcher._pass()
    await line.advance(0)
    assert await line.runs() == [("r", "done")] * 3, "the sweep has found it"


async def test_a_run_that_is_no_longer_ours_leaves_no_event(line: Line) -> None:
    """Between its turn and its commit its claim went to somebody else: that one will make its event."""
    for number in (1, 2):
        await line.emit("x", {"n": number})

    async def take_away(change: Any, transact: Any) -> Any:
        change_claim = "UPDATE pending_triggers SET claim = claim + 1 WHERE id = 1"
        await transact(lambda tx: tx._connection.execute(change_claim))
        return await transact(change)

    on_keep(line, take_away)
    await line.advance(0)
    assert await line.runs() == [("r", "done")]
    assert [row["data"] for row in await events_of(line, "y")] == ['{"n":2}']
    assert (await line.rows("count_pending"))[0]["number"] == 1


async def test_runs_that_end_each_other_in_one_commit_are_done(line: Line) -> None:
    """What ended them came too late: they had had their turn. Nothing of them is left, and nothing is said twice."""
    rule = EMIT.replace("id: r", "id: r\ncancel_on: { event: y, by: n }")
    await line.use(rule + "---\n" + rule.replace("id: r", "id: s"))
    await line.emit("x", {"n": 1})
    await line.advance(0)
    assert sorted(await line.runs()) == [("r", "done"), ("s", "done")]
    assert count_events(line.path, "y") == 2
    assert (await line.rows("count_pending"))[0]["number"] == 0
    assert await line.rows("waiting_versions") == []
    assert line.store.flagged == set()


async def test_a_defect_in_an_action_is_met_again_by_the_long_way(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which counts it as an attempt that failed, and repeats it; the others are done at once."""
    act = EmitAction.act

    def fail(self: EmitAction, request: Request) -> Outcome:
        if request.params["data"]["n"] == 1 and request.attempt == 1:
            raise RuntimeError("what nobody thought of")
        return act(self, request)

    monkeypatch.setattr(EmitAction, "act", fail)
    for number in (1, 2):
        await line.emit("x", {"n": number})
    await line.advance(0)
    assert await line.runs() == [("r", "running"), ("r", "done")]
    await line.advance(3_600_000)
    assert await line.runs() == [("r", "done")] * 2
    first, second = await run_ids(line)
    attempts = [await line.rows("attempts_of_run", run_id=run) for run in (first, second)]
    assert [[row["result"] for row in rows] for rows in attempts] == [["retry", "delivered"], ["delivered"]]
    assert [row["data"] for row in await events_of(line, "y")] == ['{"n":2}', '{"n":1}']


@pytest.mark.parametrize(
    ("params", "code", "attempts"),
    [
        ('{ type: y, data: { n: "{{ n / 0 }}" } }', "template", 0),
        ("{ type: y, data: { fact: n } }", "bad-params", 1),
    ],
)
async def test_what_cannot_be_done_is_a_dead_letter(line: Line, params: str, code: str, attempts: int) -> None:
    """As by the long way, which it goes; those beside it are done, and no slot is lost by either."""
    bad = f"id: r\ntrigger: {{ event: x }}\nactions: [ {{ emit: {params} }} ]\n"
    await line.use(bad + "---\n" + EMIT.replace("id: r", "id: s"))
    for number in range(12):
        await line.emit("x", {"n": number})
    await line.advance(0)
    assert sorted(await line.runs()) == [("r", "failed")] * 12 + [("s", "done")] * 12
    assert [(row["code"], row["attempts"]) for row in await line.dead_letters()] == [(code, attempts)] * 12
    assert count_events(line.path, "y") == 12
    slots = line.dispatcher._slots
    assert (slots.free, slots._inner, line.dispatcher.busy) == (16, 0, 0)


async def test_others_have_a_turn_between_runs_and_a_stop_leaves_the_rest(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long each takes: what was done is kept, the rest is due at the next start and held against nothing."""
    monkeypatch.setattr(inner, "TURN_SECONDS", 0.0)
    act, acted = EmitAction.act, []

    def note(self: EmitAction, request: Request) -> Outcome:
        acted.append(request.event_id)
        if len(acted) == 2:
            stopping.append(asyncio.ensure_future(line.dispatcher.stop(5)))
        return act(self, request)

    stopping: list[asyncio.Task[None]] = []
    monkeypatch.setattr(EmitAction, "act", note)
    for number in range(4):
        await line.emit("x", {"n": number})
    await line.dispatcher.run()
    await asyncio.gather(*stopping)
    assert acted == ["e1", "e2"]
    monkeypatch.setattr(EmitAction, "act", act)
    await line.restart(EMIT)
    assert await line.runs() == [("r", "done")] * 2
    pendings = await line.rows("list_pending", after_due=-1, after_id=0, rule=None, account=None, limit=9)
    assert [(row["claim"], row["lost"]) for row in pendings] == [(0, 0)] * 2
    await line.advance(0)
    assert (await line.runs(), count_events(line.path, "y")) == ([("r", "done")] * 4, 4)


async def test_a_stop_while_results_cannot_be_kept_leaves_them_to_the_next_start(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are cut off at once, nothing is said of answers that nobody waits for, and the next one does them."""
    complaints: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
    for number in range(4):
        await line.emit("x", {"n": number})
    keep_runs, failed = history.keep_runs, asyncio.Event()

    def refuse(_tx: Any, _runs: Any, *, epoch: int) -> None:
        loop.call_soon_threadsafe(failed.set)
        raise StorageError(f"the disk is full, {epoch}")

    monkeypatch.setattr(history, "keep_runs", refuse)
    running = asyncio.ensure_future(line.dispatcher.run())
    await failed.wait()
    await line.dispatcher.stop(0)
    await running
    del running
    gc.collect()
    assert complaints == []
    loop.set_exception_handler(None)
    monkeypatch.setattr(history, "keep_runs", keep_runs)
    await line.restart(EMIT)
    pendings = await line.rows("list_pending", after_due=-1, after_id=0, rule=None, account=None, limit=9)
    assert [(row["claim"], row["lost"]) for row in pendings] == [(0, 0)] * 4
    await line.advance(0)
    assert (await line.runs(), count_events(line.path, "y")) == ([("r", "done")] * 4, 4)
