"""A message that ends the daemon each time it is attempted: it is found out, given up, and takes nobody with it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from autoflow.actions.base import Request
from autoflow.errors import StorageError
from autoflow.model.run import Delivered, Outcome
from autoflow.store import waiting
from autoflow.store.base import Transaction
from autoflow.store.waiting import POISON, SUSPECT
from support.line import Line

RULES = """
id: r
trigger: { event: x }
actions: [ { webhook: { url: "https://hooks.example.com/{{ host }}", payload: {} } } ]
---
id: told
trigger: { event: autoflow.action.dead_lettered }
actions: [ { log: { message: "{{ reason }}: {{ action.key }}" } } ]
"""


class Lives:
    """A line whose process ends whenever the poison is attempted; what is under way beside it has not ended then."""

    def __init__(self, path: Path) -> None:
        self.line = Line(path, slots=64)
        #: (life, host) of every attempt
        self.attempts: list[tuple[int, str]] = []
        self.life = 1
        self.ended = asyncio.Event()
        self.poison = "poison"

    async def perform(self, request: Request) -> Outcome:
        """Receivers that are slow, so that they are beside the poison when it kills; alone they answer."""
        host = request.params.get("url", "told").rpartition("/")[2]
        self.attempts.append((self.life, host))
        if host == self.poison:
            self.ended.set()
            await asyncio.Event().wait()
        if host.startswith("slow") and self.line.dispatcher.busy > 1:
            await asyncio.Event().wait()
        return Delivered(output={})

    async def live(self) -> None:
        """One life: until the poison is attempted, or nothing is left to do."""
        self.line.recorder.perform = self.perform  # type: ignore[method-assign]  # what the receivers do
        await self.line.use(RULES)
        self.ended.clear()
        working = asyncio.ensure_future(self.line.dispatcher.run_due())
        ending = asyncio.ensure_future(self.ended.wait())
        await asyncio.wait([working, ending], return_when=asyncio.FIRST_COMPLETED)
        for task in (working, ending, *self.line.dispatcher._busy.values()):
            task.cancel()
        await asyncio.gather(working, ending, *self.line.dispatcher._busy.values(), return_exceptions=True)

    async def restart(self) -> None:
        """As after a kill: what was not committed is gone, what was claimed stays claimed."""
        self.line.store.close()
        self.line._open()
        self.life += 1

    def attempts_of(self, host: str) -> int:
        return sum(name == host for _, name in self.attempts)


@pytest.fixture
async def lives(tmp_path: Path) -> AsyncIterator[Lives]:
    made = Lives(tmp_path / "autoflow.db")
    made.line.recorder.to = lambda _params: None
    await made.line.use(RULES)
    yield made
    made.line.close()


def claim_anyhow(tx: Transaction, epoch: int) -> None:
    """Take what is due, whether or not it is suspected."""
    if waiting.claim_suspect(tx, epoch=epoch, is_alone=True) is None:
        [number] = waiting.choose_due(tx, limit=1, room=lambda _target: 1).ids
        waiting.claim(tx, [number], epoch=epoch)


async def live_until_quiet(lives: Lives) -> None:
    """Start it again and again, as a supervisor does."""
    for _ in range(3 * POISON):
        await lives.live()
        if not lives.ended.is_set():
            return
        await lives.restart()
    raise AssertionError("it is tried for ever")


async def test_what_ends_the_daemon_each_time_is_given_up_and_told(lives: Lives) -> None:
    """After five attempts, the last two of them with nothing else under way."""
    await lives.line.emit("x", {"host": "poison"})
    await live_until_quiet(lives)
    assert lives.attempts_of("poison") == POISON
    [letter] = await lives.line.dead_letters()
    assert (letter["reason"], letter["code"], letter["attempts"]) == ("poison", "poison", POISON)
    assert lives.attempts_of("told") == 1
    results = [row["result"] for row in await lives.line.rows("attempts_of_run", run_id=letter["run_id"])]
    assert results == ["unknown"] * POISON
    assert sorted(await lives.line.runs()) == [("r", "failed"), ("told", "done")]


async def test_what_was_only_beside_it_is_never_given_up(lives: Lives) -> None:
    """Twenty neighbours that are under way at every crash: each is tried alone and goes out."""
    for number in range(10):
        await lives.line.emit("x", {"host": f"slow{number}"})
    await lives.line.emit("x", {"host": "poison"})
    for number in range(10, 20):
        await lives.line.emit("x", {"host": f"slow{number}"})
    await live_until_quiet(lives)
    [letter] = await lives.line.dead_letters()
    assert "poison" in letter["params"]
    runs = await lives.line.runs()
    assert runs.count(("r", "done")) == 20
    alone = [[host for life, host in lives.attempts if life == one] for one in range(SUSPECT + 1, POISON + 1)]
    assert all(names.count("poison") == 1 and names[-1] == "poison" for names in alone), alone


async def test_what_was_never_alone_as_the_daemon_ended_is_not_given_up(
    lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that hang, and a daemon that ends only with both under way: nobody can tell which one it is."""
    monkeypatch.setattr("autoflow.runs.dispatcher.ALONE_SECONDS", 0.01)
    ended = asyncio.Event()

    async def hang(request: Request) -> Outcome:
        lives.attempts.append((lives.life, request.params["url"][-1]))
        if lives.line.dispatcher.busy > 1:
            ended.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    await lives.line.emit("x", {"host": "a"})
    await lives.line.emit("x", {"host": "b"})
    for _ in range(3 * POISON):
        lives.line.recorder.perform = hang  # type: ignore[method-assign]  # what the receivers do
        ended.clear()
        working = asyncio.ensure_future(lives.line.dispatcher.run_due())
        await asyncio.wait_for(ended.wait(), 10)
        for task in (working, *lives.line.dispatcher._busy.values()):
            task.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await lives.restart()
        await lives.line.use(RULES)
    assert await lives.line.dead_letters() == []


async def test_a_result_clears_it_of_suspicion(lives: Lives) -> None:
    """Three crashes in a row make a suspect; once it has been attempted with a result, it starts from nothing."""
    await lives.line.emit("x", {"host": "poison"})
    for _ in range(SUSPECT):
        await lives.live()
        await lives.restart()
    lives.poison = "nobody"
    await lives.live()
    assert await lives.line.dead_letters() == []
    assert await lives.line.runs() == [("r", "done")]
    assert await lives.line.rows("list_pending", after_due=0, after_id=0, rule=None, account=None, limit=5) == []


async def test_a_clean_stop_is_held_against_nothing(lives: Lives) -> None:
    """However often the daemon is stopped while something hangs, it is sent again and never given up for that."""
    await lives.line.emit("x", {"host": "poison"})
    for life in range(2 * POISON):
        lives.line.recorder.perform = lives.perform  # type: ignore[method-assign]  # what the receivers do
        lives.ended.clear()
        running = asyncio.ensure_future(lives.line.dispatcher.run())
        await asyncio.wait_for(lives.ended.wait(), 10)
        await lives.line.dispatcher.stop(0)
        await running
        assert lives.attempts_of("poison") == life + 1
        await lives.restart()
        await lives.line.use(RULES)
    assert await lives.line.dead_letters() == []


async def test_a_poisonous_shadow_run_is_no_dead_letter(lives: Lives) -> None:
    """It could be replayed, and would then be sent: its run ends, and says why."""
    shadow = RULES.replace("id: r\n", "id: r\nenabled: shadow\n")
    await lives.line.use(shadow)
    await lives.line.emit("x", {"host": "x"})
    for _ in range(POISON):
        await lives.line.store.transact(lambda tx: claim_anyhow(tx, lives.line.store.epoch))
        await lives.restart()
    await lives.line.use(shadow)
    await lives.line.dispatcher.run_due()
    assert await lives.line.dead_letters() == []
    [run] = await lives.line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=5)
    assert run["status"] == "shadow"
    assert "the daemon ended" in run["error"]


async def make_suspect(lives: Lives) -> None:
    """Work that was under way at the end of several daemons, and is innocent."""
    await lives.line.emit("x", {"host": "poison"})
    for _ in range(SUSPECT):
        await lives.live()
        await lives.restart()
    await lives.line.use(RULES)
    lives.poison = "nobody"
    lives.line.recorder.perform = lives.perform  # type: ignore[method-assign]  # what the receivers do


async def pass_and_finish(lives: Lives) -> None:
    await lives.line.dispatcher._pass()
    while lives.line.dispatcher.busy:
        await asyncio.sleep(0)


async def test_a_suspect_whose_beginning_could_not_be_kept_is_tried_again(
    lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep finds it: it is not left for the next start, and nothing turns in circles over it meanwhile."""
    await make_suspect(lives)

    async def refuse(_beginning: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(lives.line.executor.ledger, "begin", refuse)
        await pass_and_finish(lives)
    await pass_and_finish(lives)
    assert lives.attempts_of("poison") == SUSPECT
    assert lives.line.alarm.armed is None
    lives.line.clock.move_to(lives.line.clock.now() + 10_000)
    await pass_and_finish(lives)
    assert await lives.line.runs() == [("r", "done")]


async def test_a_suspect_that_a_clock_set_back_made_wait_is_tried_once_it_is_due(lives: Lives) -> None:
    """Though the first look for suspects is long over; and the alarm is never set for what has passed."""
    await make_suspect(lives)
    due = await lives.line.next_due()
    assert due is not None
    lives.line.clock.move_to(due - 60_000)
    await pass_and_finish(lives)
    assert lives.line.alarm.armed == due
    lives.line.clock.move_to(due + 1)
    lives.line.alarm.armed = None
    await pass_and_finish(lives)
    assert lives.line.alarm.armed is None
    assert await lives.line.runs() == [("r", "done")]


async def test_a_suspect_that_takes_its_time_is_waited_for(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--once` ends when all is done, also where the last thing under way was a suspect."""
    monkeypatch.setattr("autoflow.runs.dispatcher.ALONE_SECONDS", 0)
    await make_suspect(lives)
    answer = asyncio.Event()

    async def slow(_request: Request) -> Outcome:
        await answer.wait()
        return Delivered(output={})

    lives.line.recorder.perform = slow  # type: ignore[method-assign, assignment]  # it answers when it is told to
    working = asyncio.ensure_future(lives.line.dispatcher.run_due())
    while not await lives.line.runs():
        await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0, answer.set)
    await working
    assert await lives.line.runs() == [("r", "done")]
