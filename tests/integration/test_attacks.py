"""What a hostile world does to the line: answers that cannot be kept, rules that went away, hands too quick."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from autoflow.model.run import Delivered, Reject, Retry
from autoflow.rules.context import LoadContext
from autoflow.web.acts import cancel_run, replay_dead_letter, retry_run
from support.line import CONTEXT, Line

MINUTE = 60_000
ONE = """
id: one
trigger: { event: x }
actions: [ { webhook: { url: "https://hooks.example.com/{{ n }}", payload: {} } } ]
"""
TWO = """
id: two
trigger: { event: x }
cancel_on: { event: stop, by: n }
actions:
  - webhook: { url: "https://first.example.com/", payload: {} }
  - webhook: { url: "https://second.example.com/", payload: {} }
"""


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    yield made
    made.close()


async def settle(line: Line, *, passes: int = 4) -> None:
    """Let the daemon's own loop look several times, as it does each second, ten seconds apart."""
    for _ in range(passes):
        line.clock.move_to(line.clock.now() + 10_000)
        await line.dispatcher._pass()
        await line.dispatcher.run_due()


async def unfinished(line: Line) -> int:
    """How much waits or is claimed."""
    [row] = await line.rows("count_pending")
    return int(row["number"])


@pytest.mark.parametrize(
    "output",
    [{"body": float("nan")}, {"body": "\ud800"}, {"\udfff": 1}, {"body": {1, 2}}, {"body": float("inf")}],
    ids=["nan", "surrogate", "surrogate-key", "no-json", "infinity"],
)
async def test_an_answer_that_is_no_json_is_kept_as_well_as_it_can_be(line: Line, output: dict) -> None:
    """The receiver took it: it is sent once, and the run is done."""
    await line.use(ONE)
    line.recorder.replies = [Delivered(output=output)]
    await line.emit("x", {"n": 1})
    await line.advance(0)
    await settle(line)
    assert len(line.recorder.sent) == 1
    assert await line.runs() == [("one", "done")]


async def test_an_answer_nested_beyond_reason_is_kept_as_a_word_about_it(line: Line) -> None:
    """Nothing that a receiver answers makes a second message of the first."""
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    await line.use(ONE)
    line.recorder.replies = [Delivered(output={"body": deep})]
    await line.emit("x", {"n": 1})
    await line.advance(0)
    await settle(line)
    assert len(line.recorder.sent) == 1
    assert await line.runs() == [("one", "done")]


@pytest.mark.parametrize("outcome", [Retry(code="c", detail="\ud800"), Reject(code="c", detail="\ud800")])
async def test_a_failure_that_no_text_can_hold_is_told_all_the_same(line: Line, outcome: Retry | Reject) -> None:
    """Its letters are replaced where they are none."""
    await line.use(ONE)
    line.recorder.replies = [outcome] * 6
    await line.emit("x", {"n": 1})
    await line.advance(24 * 60 * MINUTE)
    [letter] = await line.dead_letters()
    assert letter["detail"] == "?"


async def test_a_defect_of_ours_ends_as_a_dead_letter_and_not_in_a_loop(line: Line) -> None:
    """What cannot be recorded is given up, visibly, after one send; nobody else is kept waiting."""
    await line.use(ONE)
    line.recorder.replies = [Delivered(output={}, events=(object(),))]  # type: ignore[arg-type]  # what no action may answer
    await line.emit("x", {"n": 1})
    await line.emit("x", {"n": 2})
    await line.advance(0)
    await settle(line)
    assert [request.params["url"][-1] for request in line.recorder.sent] == ["1", "2"]
    assert await line.runs() == [("one", "failed"), ("one", "done")]
    [letter] = await line.dead_letters()
    assert letter["code"] == "internal-error"
    assert await unfinished(line) == 0
    [run] = await line.rows("list_runs", before="~", status="failed", rule=None, account=None, limit=5)
    assert [row["result"] for row in await line.rows("attempts_of_run", run_id=run["id"])] == ["unknown"]


async def test_a_version_that_no_longer_loads_is_a_dead_letter_and_stops_nobody(line: Line) -> None:
    """An action that went away: its waiting work is told of, what else is due goes out, and a start succeeds."""
    late = ONE.replace("trigger:", "delay: 5m\ntrigger:")
    other = (
        late.replace("id: one", "id: other").replace("webhook: {", "http: {").replace("payload: {}", "method: GET")
    )
    await line.use(late + "---" + other)
    await line.emit("x", {"n": 1})
    types = {name: kind for name, kind in CONTEXT.action_types.items() if name != "webhook"}
    line.store.close()
    line._open()
    line.versions.use_context(LoadContext(action_types=types, notifiers={}))
    await line.use(ONE.replace("id: one", "id: new"))
    await line.advance(5 * MINUTE)
    await settle(line)
    assert [request.rule_id for request in line.recorder.sent] == ["other"]
    assert await line.runs() == [("one", "failed"), ("other", "done")] or await line.runs() == [
        ("other", "done"),
        ("one", "failed"),
    ]
    [letter] = await line.dead_letters()
    assert (letter["code"], letter["type"], letter["rule_id"]) == ("rule-unusable", "webhook", "one")
    assert "webhook" in letter["detail"]
    assert await unfinished(line) == 0


async def test_a_version_that_loads_again_is_replayed_rendered(line: Line) -> None:
    """Once the action is there again, the dead letter goes out as it would have, not as it was written."""
    await line.use(ONE)
    await line.emit("x", {"n": 7})
    line.versions.use_context(LoadContext(action_types={}, notifiers={}))
    line.versions.remember([])
    line.versions._older.clear()
    await line.advance(0)
    [letter] = await line.dead_letters()
    line.versions.use_context(CONTEXT)
    assert await line.store.transact(lambda tx: replay_dead_letter(tx, str(letter["id"])))
    await line.advance(0)
    [sent] = line.recorder.sent
    assert sent.params["url"] == "https://hooks.example.com/7"
    assert sent.key == letter["key"]
    assert await line.runs() == [("one", "done")]


async def test_a_step_that_could_not_be_rendered_never_goes_out_as_it_is_written(line: Line) -> None:
    """A replay renders it again; where that fails again it is another dead letter, which is told of too."""
    await line.use(ONE + "---\nid: told\ntrigger: { event: autoflow.action.dead_lettered }\n"
                         'actions: [ { log: { message: "given up" } } ]\n')  # fmt: skip
    await line.emit("x", {})
    await line.advance(0)
    [letter] = await line.dead_letters()
    assert await line.store.transact(lambda tx: replay_dead_letter(tx, str(letter["id"])))
    await line.advance(0)
    assert [request.params for request in line.recorder.sent] == [{"message": "given up"}] * 2
    assert [one["status"] for one in await line.dead_letters()] == ["dead", "replayed"]
    assert ("one", "failed") in await line.runs()


async def test_a_notifier_that_went_away_is_a_dead_letter_and_comes_back_on_replay(line: Line) -> None:
    """The parameters were fixed before the first attempt; they are sent again as they stood."""
    await line.use(ONE)
    line.recorder.replies = [Retry(code="timeout", detail="")]
    await line.emit("x", {"n": 7})
    await line.advance(0)
    everything = line.executor.actions
    line.executor.actions = replace(everything, actions={})
    await line.advance(MINUTE)
    [letter] = await line.dead_letters()
    assert letter["code"] == "no-such-action"
    line.executor.actions = everything
    await line.use(ONE.replace("id: one", "id: another"))  # its rule is gone as well
    assert await line.store.transact(lambda tx: retry_run(tx, letter["run_id"]))
    await line.advance(0)
    first, second = line.recorder.sent
    assert (first.key, first.params) == (second.key, second.params)
    assert ("one", "done") in await line.runs()


async def test_two_replays_at_once_are_one(line: Line) -> None:
    """Only one decision counts, also where both stand in one commit."""
    await line.use(ONE)
    line.recorder.replies = [Reject(code="no", detail="")]
    await line.emit("x", {"n": 1})
    await line.advance(0)
    [letter] = await line.dead_letters()
    replays = [line.store.transact(lambda tx: replay_dead_letter(tx, str(letter["id"]))) for _ in range(5)]
    done = await asyncio.gather(*replays)
    assert sum(one is not None for one in done) == 1
    await line.advance(0)
    assert len(line.recorder.sent) == 2


async def test_work_that_is_cancelled_while_its_attempt_fails_ends_there(line: Line) -> None:
    """It does not wait six hours for an attempt that will not be made."""
    await line.use(TWO)

    async def cancel(_request: object) -> None:
        await line.emit("stop", {"n": 1})

    failing = line.recorder.perform

    async def perform(request: object) -> object:
        await cancel(request)
        return await failing(request)  # type: ignore[arg-type]  # handed through

    line.recorder.perform = perform  # type: ignore[method-assign, assignment]  # the event comes while it is under way
    line.recorder.replies = [Retry(code="timeout", detail="")]
    await line.emit("x", {"n": 1})
    await line.advance(0)
    assert await line.runs() == [("two", "cancelled")]
    assert await unfinished(line) == 0
    assert len(line.recorder.sent) == 1


async def test_work_that_is_cancelled_while_its_step_goes_out_does_no_further_step(line: Line) -> None:
    """What is out is out; the next step is not begun."""
    await line.use(TWO)
    known = line.recorder.perform

    async def perform(request: object) -> object:
        await line.emit("stop", {"n": 1})
        return await known(request)  # type: ignore[arg-type]  # handed through

    line.recorder.perform = perform  # type: ignore[method-assign, assignment]  # the event comes while it is under way
    await line.emit("x", {"n": 1})
    await line.advance(0)
    assert [request.params["url"] for request in line.recorder.sent] == ["https://first.example.com/"]
    assert await line.runs() == [("two", "cancelled")]


async def test_a_cancelled_shadow_run_is_cancelled(line: Line) -> None:
    """What was cancelled between its claim and its record is not told as if it had gone on."""
    await line.use(TWO.replace("trigger:", "enabled: shadow\ntrigger:"))
    await line.emit("x", {"n": 1})
    from autoflow.store import waiting

    [claimed] = await line.store.transact(
        lambda tx: waiting.claim(
            tx, waiting.choose_due(tx, limit=1, room=lambda _target: 1).ids, epoch=line.store.epoch
        )
    )
    await line.store.transact(lambda tx: cancel_run(tx, claimed.pending.run_id))
    await line.executor.perform(claimed, line.dispatcher._slots.claim(None))
    assert await line.runs() == [("two", "cancelled")]


async def test_an_event_that_cannot_be_read_any_more_stops_nobody(line: Line) -> None:
    """A damaged row ends its own run, visibly; the others go out."""
    await line.use(ONE)
    await line.emit("x", {"n": 1})
    await line.emit("x", {"n": 2})
    line.store.close()

    with sqlite3.connect(line.path) as connection:
        connection.execute("UPDATE events SET data = '{' WHERE seq = 1")
    connection.close()
    line._open()
    await line.use(ONE)
    await line.advance(0)
    assert [request.params["url"][-1] for request in line.recorder.sent] == ["2"]
    assert await line.runs() == [("one", "failed"), ("one", "done")]
    assert await unfinished(line) == 0


async def test_work_planned_while_new_rules_are_compiled_can_still_be_cancelled(line: Line) -> None:
    """The rules that are about to go plan until the very commit that swaps them: their waits are known after it."""
    late = TWO.replace("trigger:", "delay: 5m\ntrigger:")
    await line.use(late)
    from autoflow.rules.loader import load_text

    result = load_text(ONE, "rules.yaml", CONTEXT)
    transact, calls = line.store.transact, 0

    async def late_event(change: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:  # the swap
            line.store.transact = transact  # type: ignore[method-assign]  # back to itself
            await line.emit("x", {"n": 1})
        return await transact(change)  # type: ignore[arg-type]  # handed through

    line.store.transact = late_event  # type: ignore[method-assign, assignment]  # an event comes at the worst moment
    await line.engine.install(result.rules, line.versions)
    assert await unfinished(line) == 1
    await line.emit("stop", {"n": 1})
    assert await unfinished(line) == 0


async def test_a_swap_that_is_not_kept_is_undone_before_anybody_else_is_judged(line: Line) -> None:
    """Events that come right after the failing commit are judged, stored and planned by the rules that stand."""
    await line.use(ONE)
    before = line.engine.rulebook
    from autoflow.errors import StorageError
    from autoflow.rules.loader import load_text

    result = load_text(ONE.replace("id: one", "id: new"), "rules.yaml", CONTEXT)
    seen = []

    def ruin(tx: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    transact, calls = line.store.transact, 0

    async def with_ruin(change: object) -> object:
        nonlocal calls
        calls += 1
        if calls != 2:
            return await transact(change)  # type: ignore[arg-type]  # handed through
        line.store.transact = transact  # type: ignore[method-assign]  # back to itself
        # All in one go, as the writer finds them: the swap, what ruins its commit.
        begun, go_on = threading.Event(), threading.Event()
        hold = asyncio.ensure_future(transact(lambda _tx: (begun.set(), go_on.wait(20))))
        await asyncio.to_thread(begun.wait, 20)
        swap = asyncio.ensure_future(transact(change))  # type: ignore[arg-type]  # handed through
        ruined = asyncio.ensure_future(transact(ruin))  # type: ignore[arg-type]  # it raises
        go_on.set()
        await asyncio.gather(hold, ruined, return_exceptions=True)
        seen.append(line.engine.rulebook is before)
        return await swap

    line.store.transact = with_ruin  # type: ignore[method-assign, assignment]  # a commit that fails as a whole
    with pytest.raises(StorageError):
        await line.engine.install(result.rules, line.versions)
    assert seen == [True]
    await line.emit("x", {"n": 1})
    await line.advance(0)
    assert [request.rule_id for request in line.recorder.sent] == ["one"]


async def test_the_book_of_versions_does_not_grow_with_reloads(line: Line) -> None:
    """What runs and what waits is at hand; a thousand edits of a day are not."""
    for number in range(300):
        await line.use(ONE.replace("payload: {}", f"payload: {{ n: {number} }}"))
    assert len(line.versions) <= 260
    await line.emit("x", {"n": 1})
    await line.advance(0)
    assert line.recorder.sent[0].params["payload"] == {"n": 299}


async def test_work_that_is_cancelled_between_its_claim_and_its_attempt_sends_nothing(line: Line) -> None:
    """The attempt is where a cancellation is seen for the last time."""
    from autoflow.store import waiting

    await line.use(TWO)
    await line.emit("x", {"n": 1})
    [claimed] = await line.store.transact(
        lambda tx: waiting.claim(
            tx, waiting.choose_due(tx, limit=1, room=lambda _target: 1).ids, epoch=line.store.epoch
        )
    )
    await line.emit("stop", {"n": 1})
    await line.executor.perform(claimed, line.dispatcher._slots.claim(None))
    assert line.recorder.sent == []
    assert await line.runs() == [("two", "cancelled")]
    assert await unfinished(line) == 0


async def test_an_action_that_is_not_configured_is_a_dead_letter_at_once(line: Line) -> None:
    """Before its first attempt as after it."""
    await line.use(ONE)
    line.executor.actions = replace(line.executor.actions, actions={})
    await line.emit("x", {"n": 1})
    await line.advance(0)
    [letter] = await line.dead_letters()
    assert (letter["code"], letter["attempts"]) == ("no-such-action", 0)


async def test_a_shadow_run_whose_rule_cannot_be_used_is_no_dead_letter(line: Line) -> None:
    """A dead letter could be replayed, and would then be sent."""
    await line.use(ONE.replace("trigger:", "enabled: shadow\ntrigger:"))
    await line.emit("x", {"n": 1})
    line.versions.use_context(LoadContext(action_types={}, notifiers={}))
    line.versions.remember([])
    line.versions._older.clear()
    await line.advance(0)
    assert await line.dead_letters() == []
    [run] = await line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=5)
    assert run["status"] == "shadow"
    assert "webhook" in run["error"]


@pytest.mark.parametrize(
    "document", ['{"id": "one"}', '{"id": "one", "actions": []}', '{"id": "one", "actions": [7]}']
)
async def test_a_version_whose_document_is_no_rule_any_more_is_told_as_far_as_it_can_be(
    line: Line, document: str
) -> None:
    """Its step is not known; the dead letter is there all the same."""
    await line.use(ONE)
    await line.emit("x", {"n": 1})
    await asyncio.to_thread(damage, line.path, document)
    line.versions.remember([])
    line.versions._older.clear()
    await line.advance(0)
    [letter] = await line.dead_letters()
    assert (letter["code"], letter["type"], letter["params"]) == ("rule-unusable", "unknown", "{}")
    assert await unfinished(line) == 0


def damage(path: Path, document: str) -> None:
    """Write another document under the first version."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE rule_versions SET document = ? WHERE id = 1", (document,))
        connection.commit()


async def test_a_defect_after_the_end_of_a_run_changes_nothing_of_it(line: Line) -> None:
    """What has come to its end stays as it ended."""
    from autoflow.store import waiting

    await line.use(ONE)
    await line.emit("x", {"n": 1})
    [claimed] = await line.store.transact(
        lambda tx: waiting.claim(
            tx, waiting.choose_due(tx, limit=1, room=lambda _target: 1).ids, epoch=line.store.epoch
        )
    )
    finish = line.executor._finish

    async def fails_at_last(*arguments: object) -> None:
        await finish(*arguments)  # type: ignore[arg-type]  # handed through
        raise ZeroDivisionError("a defect behind the commit")

    line.executor._finish = fails_at_last  # type: ignore[method-assign, assignment]  # a defect of ours
    await line.executor.perform(claimed, line.dispatcher._slots.claim(None))
    assert await line.runs() == [("one", "done")]
    assert await line.dead_letters() == []


async def test_a_version_that_is_not_in_the_store_is_an_error_with_its_number(line: Line) -> None:
    """And not one without a word."""
    from autoflow.errors import RulesError

    with pytest.raises(RulesError, match="rule version 99"):
        await line.versions.get(99)
    assert (await line.versions.outline(99, 0)).type == "unknown"
