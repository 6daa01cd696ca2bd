"""Runs that begin with their event, where something goes wrong in between: nothing is lost, stuck or sent wrongly."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from autoflow.model.event import Event
from autoflow.model.json import JsonObject
from autoflow.runs.slots import EXPRESS
from autoflow.store.base import Transaction
from autoflow.web.acts import cancel_run
from support.stage import RULE, Stage
from support.turns import turn


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path / "autoflow.db")
    await made.start()
    yield made
    await made.kill()


async def test_a_defect_at_one_event_gives_back_the_room_of_those_before_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender is refused with all of them: none is stored, so none may hold a slot for ever."""
    judge = stage.line.engine.judge

    def fail_at_the_third(event: Event) -> Any:
        if event.id == "e3":
            raise ZeroDivisionError
        return judge(event)

    monkeypatch.setattr(stage.line.engine, "judge", fail_at_the_third)
    with pytest.raises(ZeroDivisionError):
        await stage.post(3)
    assert (dict(stage.line.express.ready), stage.held) == ({}, 0)


async def test_what_cannot_be_rendered_for_a_defect_keeps_no_event_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is stored; the long way meets the defect again, and ends the run where a person sees it."""

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(stage.line.executor, "render", fail)
    await stage.post(2)
    assert (await stage.counts())[0] == 2
    await stage.until(lambda: stage.held > 0)
    await stage.settle()
    assert [letter["code"] for letter in await stage.line.dead_letters()] == ["internal-error"] * 2
    assert not stage.held


async def list_runs(stage: Stage, status: str | None = None) -> Sequence[JsonObject]:
    """The newest first."""
    return await stage.line.rows("list_runs", before="~", status=status, rule=None, account=None, limit=9)


async def cancel_the_last(stage: Stage) -> None:
    """As `autoflow runs cancel` does."""
    last = (await list_runs(stage))[0]["id"]
    await stage.line.store.transact(lambda tx: cancel_run(tx, last))


async def test_what_was_cancelled_as_it_waited_for_a_slot_is_not_sent(stage: Stage) -> None:
    """It is counted already, and goes out no more: its attempt says so, and its run is cancelled."""
    stage.answering.clear()
    await stage.post(3)  # the share of a target is two
    await stage.until_sent(2)
    await cancel_the_last(stage)
    stage.answering.set()
    await stage.settle()
    assert len(stage.line.recorder.sent) == 2
    assert sorted(await stage.line.runs()) == [("r", "cancelled"), ("r", "done"), ("r", "done")]
    [run] = await list_runs(stage, "cancelled")
    [attempt] = await stage.line.rows("attempts_of_run", run_id=run["id"])
    assert (attempt["result"], attempt["code"]) == ("rejected", "cancelled")
    assert (await stage.counts())[2] is None
    assert not stage.held


async def test_a_changed_rule_ends_what_waits_for_a_slot(tmp_path: Path) -> None:
    """`on_change: cancel` holds for what began with its event and is not under way yet."""
    stage = Stage(tmp_path / "autoflow.db")
    await stage.start(RULE + "on_change: cancel\n")
    stage.answering.clear()
    await stage.post(5)
    await stage.until_sent(2)
    await stage.line.use(RULE.replace("payload: { n:", "payload: { m:") + "on_change: cancel\n")
    stage.answering.set()
    await stage.settle()
    assert len(stage.line.recorder.sent) == 2
    await stage.kill()


async def test_a_commit_that_outlasts_the_stop_sends_nothing_behind_it(stage: Stage) -> None:
    """Nobody would keep what came of it: it is due again at the next start, and goes out once."""
    is_slow, may_go_on = threading.Event(), threading.Event()

    def stand_still(_tx: Transaction) -> None:
        is_slow.set()
        may_go_on.wait(10)

    slow = stage.line.store.transact(stand_still)
    await stage.until(is_slow.is_set)
    taking = asyncio.ensure_future(stage.post())
    await turn()
    assert stage.line.express.ready
    stopping = asyncio.ensure_future(stage.line.dispatcher.stop(0.0))
    await turn()
    may_go_on.set()
    await asyncio.gather(slow, taking, stopping)
    await turn()
    assert (await stage.counts())[2] == 0
    assert (stage.line.recorder.sent, stage.line.dispatcher.busy, dict(stage.line.express.ready)) == ([], 0, {})
    await stage.kill()
    stage.line._open()
    await stage.start()
    await stage.until_sent(1)
    await stage.settle()
    assert len(stage.line.recorder.sent) == 1


@pytest.mark.parametrize("is_first", [True, False], ids=["before the kill", "after it"])
async def test_a_cancelled_run_leaves_no_attempt_under_way(stage: Stage, *, is_first: bool) -> None:
    """The daemon was killed as it sent: what became of that attempt will never be known, and its run has ended."""
    stage.answering.clear()
    await stage.post()
    await stage.until_sent(1)
    if is_first:
        await cancel_the_last(stage)
    await stage.kill()
    stage.line._open()
    if not is_first:
        await cancel_the_last(stage)
    await stage.start()
    await stage.settle()
    [run] = await list_runs(stage)
    [attempt] = await stage.line.rows("attempts_of_run", run_id=run["id"])
    assert (run["status"], attempt["result"]) == ("cancelled", "unknown")
    assert len(stage.line.recorder.sent) == 1


async def test_targets_that_hang_keep_no_other_one_waiting(tmp_path: Path) -> None:
    """Two of them hold half of the slots, and as much begun as they may: what is due for a third one goes out."""
    stage = Stage(tmp_path / "autoflow.db")
    stage.line.recorder.to = lambda params: params["url"].rpartition("/")[0]
    rule = RULE.replace("/{{ n }}", "/")
    await stage.start(
        "---".join(
            rule.replace("id: r", f'id: {one}\nwhen: n == "{one}"').replace("a.example", f"{one}.example")
            for one in ("a", "b", "c")
        )
    )
    stage.answering.clear()
    for name in ("a", "b"):
        await stage.post(EXPRESS * 2, n=name)
    await stage.post(n="a")  # no room: from here on all are claimed
    await stage.post(n="c")
    await stage.until_sent(5)
    assert sorted(request.rule_id for request in stage.line.recorder.sent) == ["a", "a", "b", "b", "c"]
    stage.answering.set()
    await stage.settle()
    await stage.kill()
