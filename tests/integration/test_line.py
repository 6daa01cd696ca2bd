"""An event's way through the whole line, in virtual time: wait, check, act, retry, give up, resume."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from autoflow.errors import StorageError
from autoflow.model.run import Delivered, Reject, Retry
from support.line import START, Line

MINUTE = 60_000

NOTIFY = """
id: notify-technician
trigger: { event: job.status.changed }
delay: 5m
cancel_on: { event: job.reopened, by: job.id }
when:
  - job.status == "Done"
  - job.phone exists
actions:
  - sms: { recipient: "{{ job.phone }}", message: "Job {{ job.id }} is done" }
"""
TWO_STEPS = """
id: two
trigger: { event: order.created }
actions:
  - email: { recipient: a@example.com, subject: "Order {{ order.id }}", message: "Hello" }
  - webhook: { url: "https://hooks.example.com/{{ order.id }}", payload: { total: { fact: order.total } } }
"""
DONE = {"job": {"id": "j1", "status": "Done", "phone": "+15557654321"}}


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    yield made
    made.close()


async def test_a_delayed_message_goes_out_when_due_and_not_before(line: Line) -> None:
    """Five minutes after the event, once."""
    await line.use(NOTIFY)
    receipt = await line.emit("job.status.changed", DONE)
    assert receipt.planned[0].due_at == START + 5 * MINUTE
    await line.advance(5 * MINUTE - 1)
    assert line.recorder.sent == []
    await line.advance(1)
    [sent] = line.recorder.sent
    assert sent.params == {"recipient": "+15557654321", "message": "Job j1 is done"}
    assert sent.attempt == 1
    assert await line.runs() == [("notify-technician", "done")]
    await line.advance(60 * MINUTE)
    assert len(line.recorder.sent) == 1


async def test_a_miss_costs_no_row(line: Line) -> None:
    """Conditions that read only the event are decided on arrival."""
    await line.use(NOTIFY)
    receipt = await line.emit("job.status.changed", {"job": {"id": "j1", "status": "Open", "phone": "+1"}})
    assert receipt.planned == ()
    assert await line.next_due() is None


async def test_a_zero_delay_acts_at_once(line: Line) -> None:
    """Both steps, in order, with one key each."""
    await line.use(TWO_STEPS)
    await line.emit("order.created", {"order": {"id": "o1", "total": 12.5}})
    await line.advance(0)
    first, second = line.recorder.sent
    assert first.params["subject"] == "Order o1"
    assert second.params == {"url": "https://hooks.example.com/o1", "payload": {"total": 12.5}}
    assert first.key != second.key


async def test_a_duplicate_starts_nothing(line: Line) -> None:
    """The same account, source and id again, whatever its body."""
    await line.use(TWO_STEPS)
    await line.emit("order.created", {"order": {"id": "o1", "total": 1}}, event_id="same")
    again = await line.emit("order.created", {"order": {"id": "o2", "total": 2}}, event_id="same")
    assert again.stored.status == "duplicate"
    assert again.stored.mismatch
    await line.advance(MINUTE)
    assert len(line.recorder.sent) == 2


async def test_an_ending_event_of_the_same_key_cancels_and_another_does_not(line: Line) -> None:
    """By key; a missing key is equal to nothing; the cancelled run can be seen."""
    await line.use(NOTIFY)
    await line.emit("job.status.changed", DONE)
    await line.emit("job.reopened", {"job": {"id": "j2"}})
    await line.emit("job.reopened", {"job": {}})
    assert await line.next_due() is not None
    receipt = await line.emit("job.reopened", {"job": {"id": "j1"}})
    assert [rule for rule, _ in receipt.ended] == ["notify-technician"]
    assert await line.next_due() is None
    await line.advance(10 * MINUTE)
    assert line.recorder.sent == []
    assert await line.runs() == [("notify-technician", "cancelled")]


async def test_keys_are_equal_as_json(line: Line) -> None:
    """1 and 1.0 are one number; 1 and "1" are not."""
    await line.use(NOTIFY)
    await line.emit("job.status.changed", {"job": {**DONE["job"], "id": 1}})
    await line.emit("job.reopened", {"job": {"id": "1"}})
    assert await line.next_due() is not None
    await line.emit("job.reopened", {"job": {"id": 1.0}})
    assert await line.next_due() is None


async def test_a_failed_attempt_is_repeated_by_the_schedule_with_the_same_key(line: Line) -> None:
    """At once, then a minute, then five: the standard schedule, and what was rendered first is sent again."""
    await line.use(TWO_STEPS)
    line.recorder.replies = [Retry(code="timeout", detail="slow"), Retry(code="http-503", detail="busy")]
    await line.emit("order.created", {"order": {"id": "o1", "total": 1}})
    await line.advance(0)
    assert len(line.recorder.sent) == 1
    await line.advance(MINUTE - 1)
    assert len(line.recorder.sent) == 1
    await line.advance(1)
    assert len(line.recorder.sent) == 2
    await line.advance(5 * MINUTE)
    emails = line.recorder.sent[:3]
    assert {request.key for request in emails} == {emails[0].key}
    assert [request.attempt for request in emails] == [1, 2, 3]
    assert await line.runs() == [("two", "done")]


async def test_retry_after_is_honoured(line: Line) -> None:
    """A longer wait that the receiver asked for counts."""
    await line.use(TWO_STEPS)
    line.recorder.replies = [Retry(code="http-429", detail="", after=3 * MINUTE)]
    await line.emit("order.created", {"order": {"id": "o1", "total": 1}})
    await line.advance(3 * MINUTE - 1)
    assert len(line.recorder.sent) == 1
    await line.advance(1)
    assert len(line.recorder.sent) == 3


async def test_after_the_last_attempt_comes_a_dead_letter_and_its_event(line: Line) -> None:
    """Six attempts; the run fails; a rule can tell somebody."""
    await line.use(
        TWO_STEPS
        + """
---
id: tell
trigger: { event: autoflow.action.dead_lettered }
actions:
  - log: { message: "{{ rule.id }} gave up on {{ action.type }}: {{ reason }}" }
"""
    )
    line.recorder.replies = [Retry(code="timeout", detail="slow")] * 6
    await line.emit("order.created", {"order": {"id": "o1", "total": 1}})
    await line.advance(8 * 60 * MINUTE)
    [letter] = await line.dead_letters()
    assert (letter["reason"], letter["code"], letter["attempts"]) == ("max_attempts", "timeout", 6)
    assert line.recorder.sent[-1].params == {"message": "two gave up on email: max_attempts"}
    assert await line.runs() == [("two", "failed"), ("tell", "done")]


async def test_a_rejection_is_not_repeated(line: Line) -> None:
    """What will never work is a dead letter at once; the later step is not performed."""
    await line.use(TWO_STEPS)
    line.recorder.replies = [Reject(code="http-400", detail="no")]
    await line.emit("order.created", {"order": {"id": "o1", "total": 1}})
    await line.advance(8 * 60 * MINUTE)
    assert len(line.recorder.sent) == 1
    [letter] = await line.dead_letters()
    assert letter["reason"] == "permanent"


async def test_a_step_that_cannot_be_rendered_is_a_dead_letter(line: Line) -> None:
    """A missing fact is told by name, before anything is sent."""
    await line.use(TWO_STEPS)
    await line.emit("order.created", {"order": {"total": 1}})
    await line.advance(0)
    assert line.recorder.sent == []
    [letter] = await line.dead_letters()
    assert letter["code"] == "template"
    assert "subject" in letter["detail"]


async def test_a_replayed_dead_letter_keeps_its_key_and_the_run_goes_on(line: Line) -> None:
    """The same parameters under the same key; then the later steps."""
    from autoflow.web.acts import replay_dead_letter

    await line.use(TWO_STEPS)
    line.recorder.replies = [Reject(code="http-400", detail="no")]
    await line.emit("order.created", {"order": {"id": "o1", "total": 1}})
    await line.advance(0)
    [letter] = await line.dead_letters()
    done = await line.store.transact(lambda tx: replay_dead_letter(tx, str(letter["id"])))
    assert done is not None
    assert await line.store.transact(lambda tx: replay_dead_letter(tx, str(letter["id"]))) is None
    await line.advance(0)
    assert [request.key for request in line.recorder.sent[:2]] == [letter["key"]] * 2
    assert line.recorder.sent[1].attempt == 2
    assert await line.runs() == [("two", "done")]


async def test_a_defect_in_an_action_is_one_more_failed_attempt(line: Line) -> None:
    """An exception stops nobody else and is tried again."""
    await line.use(TWO_STEPS)
    line.recorder.replies = [ZeroDivisionError("boom")]
    await line.emit("order.created", {"order": {"id": "o1", "total": 1}})
    await line.advance(MINUTE)
    assert [request.attempt for request in line.recorder.sent] == [1, 2, 1]


async def test_what_was_due_while_down_runs_at_start_oldest_first(line: Line) -> None:
    """Downtime drops nothing and turns no order round."""
    rules = NOTIFY.replace("cancel_on: { event: job.reopened, by: job.id }\n", "")
    await line.use(rules)
    for number in range(3):
        await line.emit("job.status.changed", {"job": {"id": str(number), "status": "Done", "phone": f"+1{number}"}})
        line.clock.move_to(line.clock.now() + 1000)
    line.clock.move_to(START + 60 * MINUTE)
    await line.restart(rules)
    await line.advance(0)
    assert [request.params["recipient"] for request in line.recorder.sent] == ["+10", "+11", "+12"]


async def die_while_sending(line: Line) -> None:
    """The first message of TWO_STEPS was sent and the process ended; then the next process begins."""

    def die(_request: object) -> Delivered:
        line.store.close()  # the result cannot be committed any more
        return Delivered(output={})

    line.recorder.replies = [die]
    await line.emit("order.created", {"order": {"id": "o1", "total": 1}})
    with pytest.raises(StorageError):
        await line.advance(0)
    await line.restart(TWO_STEPS)


async def test_a_crash_between_send_and_commit_sends_again_with_the_same_key(line: Line) -> None:
    """The result was hidden by the crash: the attempt is unknown, the next one carries its key."""
    await line.use(TWO_STEPS)
    await die_while_sending(line)
    await line.advance(0)
    first, second, third = line.recorder.sent
    assert first.key == second.key
    assert (first.attempt, second.attempt) == (1, 2)
    assert third.params["url"] == "https://hooks.example.com/o1"
    [run] = await line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=5)
    attempts = await line.rows("attempts_of_run", run_id=run["id"])
    assert [attempt["result"] for attempt in attempts] == ["unknown", "delivered", "delivered"]


async def test_what_a_crash_cut_short_is_sent_again_as_it_was(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it would be rendered to something else by now: one key never carries two bodies."""
    await line.use(TWO_STEPS)
    await die_while_sending(line)
    edited = {"url": "https://hooks.example.com/", "payload": {"n": "as the edited template has it"}}
    monkeypatch.setattr("autoflow.runs.executor.render_params", lambda *_arguments: edited)
    await line.advance(0)
    first, second, third = line.recorder.sent
    assert second.params == first.params
    assert third.params == edited


async def test_an_edit_lets_waiting_work_finish_under_its_old_version(line: Line) -> None:
    """finish_old is the default: the message is the one that was planned."""
    await line.use(NOTIFY)
    await line.emit("job.status.changed", DONE)
    await line.use(NOTIFY.replace("is done", "is finished"))
    await line.emit("job.status.changed", {"job": {**DONE["job"], "id": "j2"}})
    await line.advance(5 * MINUTE)
    assert [request.params["message"] for request in line.recorder.sent] == ["Job j1 is done", "Job j2 is finished"]


async def test_an_edit_cancels_waiting_work_where_the_rule_says_so(line: Line) -> None:
    """on_change: cancel; a set that leaves the rule as it is cancels nothing."""
    rules = NOTIFY.replace("actions:", "on_change: cancel\nactions:")
    await line.use(rules)
    await line.emit("job.status.changed", DONE)
    await line.use(rules + "\n---\n" + TWO_STEPS.strip())
    assert await line.next_due() is not None
    await line.use(rules.replace("is done", "is finished"))
    assert await line.next_due() is None


async def test_old_waiting_work_is_cancelled_by_its_own_pattern_after_an_edit_and_a_restart(line: Line) -> None:
    """The version that planned it says what ends it."""
    await line.use(NOTIFY)
    await line.emit("job.status.changed", DONE)
    edited = NOTIFY.replace("job.reopened", "job.deleted")
    await line.restart(edited)
    await line.emit("job.deleted", {"job": {"id": "j1"}})
    assert await line.next_due() is not None
    await line.emit("job.reopened", {"job": {"id": "j1"}})
    assert await line.next_due() is None


async def test_emitted_events_run_rules_and_the_chain_is_limited(tmp_path: Path) -> None:
    """A rule that wakes itself comes to an end, and the end is a dead letter."""
    line = Line(tmp_path / "x.db", chain_depth=3)
    await line.use("""
id: loop
trigger: { event: ping }
actions:
  - emit: { type: ping, data: { n: 1 } }
""")
    await line.emit("ping", {})
    await line.advance(0)
    assert [status for _, status in await line.runs()] == ["done", "done", "done", "failed"]
    [letter] = await line.dead_letters()
    assert letter["code"] == "chain-too-deep"
    line.close()


async def test_a_shadow_rule_is_recorded_and_sends_nothing(line: Line) -> None:
    """It is judged, waits, is rendered, and ends as shadow."""
    await line.use(TWO_STEPS.replace("trigger:", "enabled: shadow\ntrigger:"))
    await line.emit("order.created", {"order": {"id": "o1", "total": 1}})
    await line.advance(0)
    assert line.recorder.sent == []
    assert await line.runs() == [("two", "shadow")]


async def test_one_faulty_condition_stops_no_other_rule(line: Line) -> None:
    """A condition that cannot be judged is told; its sibling acts."""
    await line.use("""
id: faulty
trigger: { event: x }
when: { fact: a, operator: in, value: { fact: b } }
actions: [ { log: { message: "never" } } ]
---
id: good
trigger: { event: x }
actions: [ { log: { message: "good" } } ]
""")
    await line.emit("x", {"a": 1, "b": None}, event_id="e")
    await line.advance(0)
    assert [request.params["message"] for request in line.recorder.sent] == ["good"]
    [error] = await line.rows("judgement_errors_of", event_seq=1)
    assert error["rule_id"] == "faulty"


async def test_a_dead_target_does_not_hold_every_slot(tmp_path: Path) -> None:
    """With eight slots a target has two: the others' messages go out while it hangs."""
    import asyncio

    line = Line(tmp_path / "x.db", slots=8)
    gate = asyncio.Event()
    begun: list[str] = []

    class Hanging:
        def target(self, params: dict) -> str:
            return params["url"].split("/")[2]

        async def perform(self, request: object) -> Delivered:
            host = request.params["url"].split("/")[2]
            begun.append(host)
            if host == "dead.example.com":
                await gate.wait()
            return Delivered(output={})

    line.executor.actions = line.executor.actions.__class__(
        types=line.executor.actions.types,
        actions={"webhook": Hanging()},
        library=line.executor.actions.library,
    )
    await line.use("""
id: dead
trigger: { event: d }
actions: [ { webhook: { url: "https://dead.example.com/", payload: {} } } ]
---
id: alive
trigger: { event: a }
actions: [ { webhook: { url: "https://alive.example.com/", payload: {} } } ]
""")
    for _ in range(10):
        await line.emit("d", {})
    for _ in range(4):
        await line.emit("a", {})
    performing = asyncio.ensure_future(line.dispatcher.run_due())
    while begun.count("alive.example.com") < 4:
        await asyncio.sleep(0.001)
    assert begun.count("dead.example.com") == 2
    gate.set()
    await performing
    assert begun.count("dead.example.com") == 10
    line.close()
