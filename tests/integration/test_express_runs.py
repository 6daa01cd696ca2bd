"""Runs that begin with their event: stored claimed, their attempt counted, in its commit; durable as the others."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from autoflow.errors import StorageError
from autoflow.model.event import Event
from autoflow.model.run import Delivered, Retry
from autoflow.runs.slots import EXPRESS
from autoflow.store.base import Transaction
from autoflow.store.waiting import MOST_PACKED
from support.line import Line
from support.stage import RULE, Stage
from support.turns import turn


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path / "autoflow.db")
    await made.start()
    yield made
    await made.kill()


def watch_commits(stage: Stage) -> list[int]:
    """For each change that is handed in: how much was sent when it was kept."""
    seen: list[int] = []
    transact = stage.line.store.transact

    def note(change: Any) -> Any:
        kept = transact(change)
        kept.add_done_callback(lambda _: seen.append(len(stage.line.recorder.sent)))
        return kept

    stage.line.store.transact = note  # type: ignore[method-assign, assignment]  # the moment of a commit
    return seen


async def test_it_is_counted_in_the_commit_of_its_event_and_sent_behind_it(stage: Stage) -> None:
    """One change: the event, the claim, the attempt. Nothing was sent when it was kept, and all was sent after it."""
    stage.answering.clear()
    seen = watch_commits(stage)
    await stage.post(2)
    assert seen == [0]
    await stage.until_sent(2)
    assert await stage.counts() == (2, 2, stage.line.store.epoch)
    assert len(seen) == 1, "nothing was claimed"
    assert {request.attempt for request in stage.line.recorder.sent} == {1}
    stage.answering.set()
    await stage.settle()
    assert await stage.line.runs() == [("r", "done")] * 2
    assert await stage.counts() == (2, 2, None)


async def test_it_does_not_begin_before_its_event_came(stage: Stage) -> None:
    """The gate hands over what comes while the transaction is open already, by an earlier clock."""
    event = stage.event()._replace(received_at=stage.line.clock.now() + 5)
    await stage.gate.take([event], transport="http")
    await stage.until_sent(1)
    [run] = await stage.line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=1)
    [step] = await stage.line.rows("steps_of_run", run_id=run["id"])
    [attempt] = await stage.line.rows("attempts_of_run", run_id=run["id"])
    assert {run["started_at"], step["started_at"], attempt["started_at"]} == {run["due_at"]} == {event.received_at}


async def test_it_leaves_behind_what_a_claimed_run_does(stage: Stage, tmp_path: Path) -> None:
    """Run, step and attempt have the same columns, but for what is made anew each time."""
    await stage.post()
    await stage.settle()
    other = Line(tmp_path / "other.db")
    await other.use(RULE)
    await other.emit("x", {"n": 1})
    await other.advance(0)
    found = []
    for line in (stage.line, other):
        [run] = await line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=9)
        [step] = await line.rows("steps_of_run", run_id=run["id"])
        [attempt] = await line.rows("attempts_of_run", run_id=run["id"])
        found.append(
            [{k: v for k, v in row.items() if k not in ("id", "run_id", "key")} for row in (run, step, attempt)]
        )
    other.close()
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "written",
    [
        RULE + "delay: 1s\n",
        RULE + "cancel_on: { event: y, by: n }\n",
        RULE + "enabled: shadow\n",
        RULE.replace("{{ n }}", "{{ n | upper }}"),
        RULE.replace("{{ n }}", "{{ missing }}"),
        'id: r\ntrigger: { event: x }\nactions: [ { log: { message: "" } } ]\n',
    ],
    ids=["later", "can be cancelled", "shadow", "an engine", "cannot be rendered", "stays inside"],
)
async def test_what_is_unusual_is_claimed(tmp_path: Path, written: str) -> None:
    """It is stored as waiting, and its room is there for others."""
    stage = Stage(tmp_path / "autoflow.db")
    stage.line.recorder.to = lambda params: params.get("url") and "https://a.example.com:443"
    await stage.start(written)
    await stage.stand_still()
    await stage.post()
    assert (await stage.counts())[1:] == (0, 0), "neither counted nor claimed with its event"
    assert not stage.line.express.ready
    assert not stage.held
    await stage.kill()


async def test_a_large_event_is_claimed(stage: Stage) -> None:
    """What waits in memory is small."""
    await stage.stand_still()
    await stage.post(size=MOST_PACKED)
    assert (await stage.counts())[1:] == (0, 0)


async def test_it_begins_behind_what_is_due_and_waits(stage: Stage) -> None:
    """Oldest first: something that waits for room is not overtaken."""
    stage.answering.clear()
    room = EXPRESS * 2  # slots of one target
    await stage.post(room + 1)
    await stage.until_sent(1)
    stage.answering.set()
    waiting = [request.event_id for request in stage.line.recorder.sent]
    await stage.post()
    await stage.settle()
    await stage.until_sent(room + 2)
    order = [request.event_id for request in stage.line.recorder.sent]
    assert order[:2] == waiting
    assert order[-2:] == [f"e{room + 1}", f"e{room + 2}"]


async def test_a_target_without_room_lets_its_events_wait(stage: Stage) -> None:
    """What begins with its event is in memory: of one target no more than its share, several times over."""
    stage.answering.clear()
    await stage.post(100)
    found = await stage.line.rows("count_pending")
    claimed = await stage.line.rows("claims_of", epoch=stage.line.store.epoch)
    assert (found[0]["number"], len(claimed)) == (100, EXPRESS * 2)
    stage.answering.set()
    await stage.until_sent(100)
    await stage.settle()
    assert sorted(request.event_id for request in stage.line.recorder.sent) == sorted(f"e{n}" for n in range(1, 101))


async def test_a_duplicate_begins_nothing_and_gives_its_room_back(stage: Stage) -> None:
    """Room is kept for it before anybody knows that it is one."""
    event = stage.event()
    await stage.gate.take([event], transport="http")
    await stage.settle()
    await stage.gate.take([event, event], transport="http")
    await stage.settle()
    assert len(stage.line.recorder.sent) == 1
    assert not stage.held


@pytest.mark.parametrize("fault", [StorageError("the disk is full"), ZeroDivisionError()], ids=["disk", "defect"])
async def test_what_cannot_be_kept_is_not_sent_and_gives_its_room_back(stage: Stage, fault: Exception) -> None:
    """Whether nothing can be kept, or only this."""
    transact = stage.line.store.transact

    def fail(change: Any) -> Any:
        def undone(tx: Transaction) -> None:
            change(tx)
            raise fault

        return transact(undone)

    stage.line.store.transact = fail  # type: ignore[method-assign, assignment]  # a full disk
    for take in (stage.post(), asyncio.gather(stage.post(), stage.post())):
        with pytest.raises(type(fault)):
            await take
    await stage.settle()
    assert (await stage.counts())[:2] == (0, 0)
    assert (stage.line.recorder.sent, dict(stage.line.express.ready), stage.held) == ([], {}, 0)


async def test_a_defect_of_ours_is_met_on_the_long_way(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sender is answered, and what was made ready beside it gives no room away."""
    render = stage.line.executor.render

    def fail(run_id: str, event: Event, step: Any) -> Any:
        if event.id == "e2" and stage.line.express.ready:  # the first one, and not stored yet
            raise ZeroDivisionError
        return render(run_id, event, step)

    monkeypatch.setattr(stage.line.executor, "render", fail)
    await stage.post(2)
    await stage.until_sent(2)
    await stage.settle()
    assert await stage.line.runs() == [("r", "done")] * 2
    assert not stage.held


async def test_other_rules_judge_it_again(stage: Stage) -> None:
    """Rules that come into force between its arrival and its commit: what was made ready is let go."""
    stage.answering.clear()
    before = stage.line.engine.rulebook
    taking = asyncio.ensure_future(stage.post())
    stage.line.engine.rulebook = type(before)(before.versions, generation=before.generation)
    await taking
    assert not stage.line.express.ready
    [row] = await stage.line.rows("pending_of_event", event_seq=1)
    [request] = stage.line.recorder.sent or [None]
    assert request is None or request.run_id == row["run_id"]


async def test_a_crash_before_the_answer_sends_it_again_as_it_was(stage: Stage) -> None:
    """The same key and parameters, as the second attempt; the first one has no result."""
    stage.answering.clear()
    await stage.post()
    await stage.until_sent(1)
    [first] = stage.line.recorder.sent
    await stage.kill()
    stage.line._open()
    stage.answering.set()
    await stage.start(RULE.replace("payload: { n:", "payload: { m:"))
    await stage.until_sent(2)
    await stage.settle()
    again = stage.line.recorder.sent[1]
    assert (again.key, again.params, again.attempt) == (first.key, first.params, 2)
    attempts = await stage.line.rows("attempts_of_run", run_id=first.run_id)
    assert [row["result"] for row in attempts] == ["unknown", "delivered"]


async def test_a_failed_attempt_is_repeated_when_its_time_has_come(stage: Stage) -> None:
    """The alarm hears of it at once: what begins with its event is not claimed, and wakes nobody else."""
    stage.outcome = Retry(code="http-503", detail="busy")
    await stage.post()
    await stage.settle()
    for _ in range(50):  # the alarm rings in the loop's next turns
        await turn()
    assert stage.line.dispatcher._clear_until == stage.line.clock.now() + 60_000
    stage.outcome = Delivered(output={})
    stage.line.clock.move_to(stage.line.clock.now() + 60_000)
    assert not stage.line.dispatcher._is_clear(), "what is due now goes first"
    stage.line.alarm.ring()
    await stage.until_sent(2)
    assert [request.attempt for request in stage.line.recorder.sent] == [1, 2]


async def test_a_sweep_leaves_alone_what_nobody_has_begun_yet(stage: Stage) -> None:
    """It is claimed on the disk, and the loop has not come to it: it is not lost."""
    stage.answering.clear()
    taking = asyncio.ensure_future(stage.post())
    await turn()
    sweeping = asyncio.ensure_future(stage.line.dispatcher._sweep())
    await asyncio.gather(taking, sweeping)
    assert (await stage.counts())[2] == stage.line.store.epoch
    stage.answering.set()
    await stage.settle()
    assert len(stage.line.recorder.sent) == 1


async def test_nothing_begins_beside_what_is_tried_alone(stage: Stage) -> None:
    """What may have ended the daemon was taken in between: this waits, and is claimed later."""
    stage.line.express.is_open = False
    await stage.post()
    assert (await stage.counts())[1] == 0
    assert not stage.line.express.ready
    stage.line.express.is_open = True
    stage.line.alarm.ring()
    await stage.until_sent(1)


async def test_what_is_counted_is_sent_before_a_stop_ends(stage: Stage) -> None:
    """Also what waits for a slot of its target, and what was not yet on disk; what comes later waits."""
    stage.answering.clear()
    taking = asyncio.ensure_future(stage.post(6))
    await turn()
    stopping = asyncio.ensure_future(stage.line.dispatcher.stop(30))
    await taking
    await stage.post()
    await stage.until_sent(2)
    stage.answering.set()
    await stopping
    assert len(stage.line.recorder.sent) == 6
    assert await stage.counts() == (7, 6, 0)
