"""The dispatcher where things happen at the same moment: claims, sweeps, stops, and defects of the store."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from autoflow.actions.base import Request
from autoflow.errors import StorageError
from autoflow.model.run import Delivered, Outcome, Retry
from autoflow.runs.ledger import Ending, Taken
from autoflow.runs.slots import INNER
from autoflow.store import waiting
from support.line import Line
from support.turns import turn

RULE = """
id: r
trigger: { event: x }
actions: [ { webhook: { url: "https://hooks.example.com/{{ n }}", payload: {} } } ]
"""


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    await made.use(RULE)
    yield made
    made.close()


async def hang(_request: Request) -> Outcome:
    """A receiver that never answers."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def hold_claims(line: Line) -> tuple[asyncio.Event, asyncio.Event]:
    """Let a claim be kept, and its answer wait: (it was kept, let it go on)."""
    kept, go_on = asyncio.Event(), asyncio.Event()
    transact = line.store.transact

    async def held(change: object) -> object:
        answer = await transact(change)  # type: ignore[arg-type]  # handed through
        if isinstance(answer, list) and answer and isinstance(answer[0], Taken):
            kept.set()
            await go_on.wait()
        return answer

    line.store.transact = held  # type: ignore[method-assign, assignment]  # the moment between commit and answer
    return kept, go_on


async def test_a_claim_that_comes_back_while_the_daemon_stops_is_not_begun(line: Line) -> None:
    """A clean stop begins nothing it will not finish; the next start finds it due."""
    await line.emit("x", {"n": 1})
    kept, go_on = hold_claims(line)
    running = asyncio.ensure_future(line.dispatcher.run())
    await kept.wait()
    stopping = asyncio.ensure_future(line.dispatcher.stop(5))
    await turn()
    assert not stopping.done()
    go_on.set()
    await asyncio.gather(stopping, running)
    assert line.recorder.sent == []
    await line.restart(RULE)
    await line.advance(0)
    assert [request.attempt for request in line.recorder.sent] == [1]


async def test_what_is_cancelled_between_its_claim_and_its_attempt_is_not_attempted(line: Line) -> None:
    """Once the event that ends it is answered nothing begins, however near it was."""
    await line.use(RULE.replace("id: r", "id: r\ncancel_on: { event: y, by: n }"))
    await line.emit("x", {"n": 1})
    kept, go_on = hold_claims(line)
    performing = asyncio.ensure_future(line.dispatcher.run_due())
    await kept.wait()
    receipt = await line.emit("y", {"n": 1})
    assert [rule for rule, _ in receipt.ended] == ["r"]
    go_on.set()
    await performing
    assert line.recorder.sent == []
    assert await line.runs() == [("r", "cancelled")]


async def test_a_sweep_beside_a_claim_frees_nothing_that_is_about_to_begin(line: Line) -> None:
    """`--once` has two that claim: what one has claimed and not begun yet is not lost to the other."""
    await line.emit("x", {"n": 1})
    kept, go_on = hold_claims(line)
    draining = asyncio.ensure_future(line.dispatcher.run_due())
    await kept.wait()
    line.clock.move_to(line.clock.now() + 20_000)
    passing = asyncio.ensure_future(line.dispatcher._pass())
    await turn(20)
    go_on.set()
    await asyncio.gather(draining, passing)
    assert [request.attempt for request in line.recorder.sent] == [1]


async def test_what_was_claimed_and_lost_is_found_by_the_sweep(line: Line) -> None:
    """Nothing stays claimed for ever."""
    await line.emit("x", {"n": 1})
    await line.store.transact(
        lambda tx: waiting.claim(
            tx, waiting.choose_due(tx, limit=1, room=lambda _target: 1).ids, epoch=line.store.epoch
        )
    )
    await line.dispatcher._pass()
    assert line.dispatcher.busy == 0
    line.clock.move_to(line.clock.now() + 10_000)
    await line.dispatcher._pass()
    await line.dispatcher.run_due()
    assert len(line.recorder.sent) == 1


@pytest.mark.parametrize(
    "error", [StorageError("disk I/O error"), ZeroDivisionError("a defect")], ids=["storage", "defect"]
)
async def test_whatever_fails_as_it_looks_it_looks_again(line: Line, error: Exception) -> None:
    """The dispatcher lives as long as the daemon."""
    await line.emit("x", {"n": 1})
    transact = line.store.transact

    async def failing(_change: object) -> object:
        line.store.transact = transact  # type: ignore[method-assign]  # only once
        raise error

    line.store.transact = failing  # type: ignore[method-assign, assignment]  # once
    running = asyncio.ensure_future(line.dispatcher.run())
    while not line.recorder.sent:
        line.alarm.ring()
        await asyncio.sleep(0.001)
    await line.dispatcher.stop(5)
    await running


async def test_a_run_that_does_not_end_in_its_grace_is_sent_again_by_the_next_start(line: Line) -> None:
    """It is cut off, its attempt is unknown, and it carries the same key again."""
    begun = asyncio.Event()

    async def hangs(request: object) -> Delivered:
        line.recorder.sent.append(request)  # type: ignore[arg-type]  # as the recorder does
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    known = line.recorder.perform
    line.recorder.perform = hangs  # type: ignore[method-assign, assignment]  # it never answers
    await line.emit("x", {"n": 1})
    running = asyncio.ensure_future(line.dispatcher.run())
    await begun.wait()
    await line.dispatcher.stop(0)
    await running
    line.recorder.perform = known  # type: ignore[method-assign]  # back to itself
    await line.restart(RULE)
    await line.advance(0)
    first, second = line.recorder.sent
    assert (first.key, first.attempt, second.key, second.attempt) == (first.key, 1, first.key, 2)


async def test_an_idle_dispatcher_writes_nothing_and_a_full_target_neither(tmp_path: Path) -> None:
    """What is due for a target that has its share of the slots is not touched at each look."""
    line = Line(tmp_path / "x.db", slots=4)
    await line.use(RULE)
    gate = asyncio.Event()
    known = line.recorder.perform

    async def waits(request: object) -> object:
        await gate.wait()
        return await known(request)  # type: ignore[arg-type]  # handed through

    line.recorder.perform = waits  # type: ignore[method-assign, assignment]  # a slow target
    line.recorder.to = lambda _params: "https://hooks.example.com:443"
    for number in range(20):
        await line.emit("x", {"n": number})
    await line.dispatcher._pass()
    assert line.dispatcher.busy == 2, "one is being sent, one is ready"
    while (
        await line.store.read(
            lambda view: view.rows("list_runs", before="~", status="running", rule=None, account=None, limit=9)
        )
        == []
    ):
        await asyncio.sleep(0.001)
    changes = line.store._connection.total_changes
    for _ in range(10):
        await line.dispatcher._pass()
    assert line.store._connection.total_changes == changes
    gate.set()
    await line.dispatcher.run_due()
    assert len(line.recorder.sent) == 20
    line.close()


async def test_two_thousand_due_at_once_all_go_out_once(tmp_path: Path) -> None:
    """In order of their due times, through the slots there are."""
    line = Line(tmp_path / "x.db", slots=32)
    line.store._connection.execute("PRAGMA synchronous = OFF")
    await line.use(RULE.replace("trigger:", "delay: 5m\ntrigger:"))
    from autoflow.model.event import Event

    def make(number: int) -> Event:
        return Event(
            id=f"e{number}",
            type="x",
            time=0,
            received_at=line.clock.now(),
            raw=b'{"n": %d}' % number,
            data={"n": number},
        )

    for begin in range(0, 2_000, 500):
        await line.engine.take([make(number) for number in range(begin, begin + 500)])
    await line.advance(300_000)
    assert sorted(int(request.params["url"].rpartition("/")[2]) for request in line.recorder.sent) == list(
        range(2_000)
    )
    line.close()


async def test_a_daemon_that_must_send_nothing_leaves_waiting_what_is_to_be_sent(tmp_path: Path) -> None:
    """`--shadow` over work of a real daemon: that work waits for the next one."""
    line = Line(tmp_path / "x.db")
    await line.use(RULE)
    await line.emit("x", {"n": 1})
    line.store.close()
    line._shadow = True
    line._open()
    line.dispatcher._only_shadow = True
    await line.use(RULE)
    await line.emit("x", {"n": 2})
    await line.dispatcher.run_due()
    assert line.recorder.sent == []
    assert await line.runs() == [("r", "shadow")]
    line.store.close()
    line._shadow = False
    line._open()
    await line.use(RULE)
    await line.advance(0)
    assert [request.params["url"][-1] for request in line.recorder.sent] == ["1"]
    line.close()


async def test_a_result_that_still_waits_for_its_commit_as_the_grace_ends_is_kept(line: Line) -> None:
    """What was sent and answered is not sent again by the next start because a commit was under way."""
    ledger = line.executor.ledger
    commit, answered, go_on = ledger._commit, asyncio.Event(), asyncio.Event()

    async def held(batch: Sequence[Any]) -> None:
        results = [one for one in batch if isinstance(one[0], Ending)]
        if others := [one for one in batch if one not in results]:
            await commit(others)
        if results:
            answered.set()
            await go_on.wait()
            await commit(results)

    ledger._commit = held  # type: ignore[method-assign]  # another commit is under way for as long as the test wants
    await line.emit("x", {"n": 1})
    running = asyncio.ensure_future(line.dispatcher.run())
    await answered.wait()
    stopping = asyncio.ensure_future(line.dispatcher.stop(0))
    while line.dispatcher.busy:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)  # long enough for a release that does not wait
    go_on.set()
    await asyncio.gather(stopping, running)
    await line.restart(RULE)
    await line.advance(0)
    assert [request.attempt for request in line.recorder.sent] == [1]
    assert await line.runs() == [("r", "done")]


async def test_what_comes_due_behind_a_queue_for_a_full_target_has_its_alarm(tmp_path: Path) -> None:
    """A host that does not answer makes nobody else late."""
    line = Line(tmp_path / "x.db", slots=4)
    later = (
        RULE.replace("id: r", "id: later").replace("event: x", "event: y").replace("trigger:", "delay: 5m\ntrigger:")
    )
    await line.use(f"{RULE}---\n{later}")
    line.recorder.perform = hang  # type: ignore[method-assign]  # it never answers
    line.recorder.to = lambda _params: "https://hooks.example.com:443"
    for number in range(20):
        await line.emit("x", {"n": number})
    await line.emit("y", {"n": 1})
    line.alarm.armed = None
    await line.dispatcher._pass()
    assert line.alarm.armed == line.clock.now() + 300_000
    await line.dispatcher.stop(0)
    line.close()


async def test_what_was_cancelled_and_cannot_be_rendered_is_cancelled(line: Line) -> None:
    """It was claimed as it was cancelled, and the daemon stopped: nobody is to look after its template now."""
    await line.emit("x", {"other": 1})
    line.store._connection.execute("UPDATE pending_triggers SET cancelled = 'cancelled by hand'")
    await line.dispatcher.run_due()
    assert await line.dead_letters() == []
    assert await line.runs() == [("r", "cancelled")]


async def test_a_run_that_is_ended_in_the_commit_of_its_failure_does_not_wait_for_another_attempt(line: Line) -> None:
    """The event that ends it was made by another run, whose result is kept together with its own."""
    await line.use(
        RULE.replace("trigger:", "cancel_on: { event: stop, by: n }\ntrigger:")
        + "---\nid: stopper\ntrigger: { event: z }\nactions: [ { emit: { type: stop, data: { n: { fact: n } } } } ]\n"
    )
    both = asyncio.Barrier(2)
    emit = line.executor.actions.actions["emit"]

    async def fail(_request: Request) -> Outcome:
        await both.wait()
        return Retry(code="http-503", detail="busy")

    class Waiting:
        """An emit that waits, and so goes the long way."""

        target = emit.target

        async def perform(self, request: Request) -> Outcome:
            await both.wait()
            return await emit.perform(request)

    line.recorder.perform = fail  # type: ignore[method-assign]  # at the same moment
    line.executor.actions.actions["emit"] = Waiting()  # type: ignore[index]  # as this
    await line.emit("x", {"n": 1})
    await line.emit("z", {"n": 1})
    await line.dispatcher.run_due()
    assert await line.next_due() is None
    assert sorted(await line.runs()) == [("r", "cancelled"), ("stopper", "done")]


async def test_where_more_is_claimed_than_there_are_slots_nothing_is_chosen(line: Line) -> None:
    """What was claimed as staying inside and turned out not to be can take more than all of them."""
    await line.use("id: r\ntrigger: { event: x }\nactions: [ { emit: { type: y } } ]")
    for number in range(3):
        await line.emit("x", {"n": number})
    for number in range(20):
        line.dispatcher._slots.claim(f"t{number}")
    assert line.dispatcher._slots.free < 0
    for thorough in (False, True):
        choice = await line.store.read(line.dispatcher._chooser(thorough=thorough))
        assert choice.ids == ()


async def test_a_stop_while_it_looks_behind_a_queue_claims_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look takes longer than the grace: what it finds stays due."""
    line = Line(tmp_path / "autoflow.db", slots=1)
    other = RULE.replace("id: r", "id: s").replace("event: x", "event: y").replace("hooks", "others")
    await line.use(RULE + "---\n" + other)
    line.recorder.to = lambda params: str(params["url"]).split("/")[2]
    monkeypatch.setattr(line.recorder, "perform", hang)
    for number in range(4):
        await line.emit("x", {"n": number})
    await line.emit("y", {"n": 1})
    looked, go_on = asyncio.Event(), asyncio.Event()
    read = line.store.read

    async def held(look: Any) -> Any:
        answer = await read(look)
        if isinstance(answer, waiting.Choice):
            looked.set()
            await go_on.wait()
        return answer

    monkeypatch.setattr(line.store, "read", held)
    monkeypatch.setattr(type(line.dispatcher._slots), "free", 1)
    running = asyncio.ensure_future(line.dispatcher.run())
    await looked.wait()
    await line.dispatcher.stop(0)
    go_on.set()
    await running
    assert await read(lambda view: view.rows("claims_of", epoch=line.store.epoch)) == []
    line.close()


async def test_nothing_is_claimed_while_what_stays_inside_has_no_room_left(line: Line) -> None:
    """What is claimed is in memory: it comes to its end first."""
    slots = line.dispatcher._slots
    held = INNER * slots.total
    slots.hold(held)
    await line.emit("x", {"n": 1})
    await line.dispatcher._pass()
    assert line.dispatcher.busy == 0
    slots.release(held)
    await line.dispatcher.run_due()
    assert len(line.recorder.sent) == 1
