"""Rules in shadow: judged, waiting and recorded as all others, and nothing of it ever leaves or comes in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from autoflow.model.run import Retry
from autoflow.web.acts import retry_run
from autoflow.web.views import run_detail
from support.line import Line

MINUTE = 60_000
WATCHED = """
id: watched
enabled: shadow
trigger: { event: order.created }
delay: 5m
cancel_on: { event: order.paid, by: order.id }
when: order.total > 5
actions:
  - sms: { recipient: "{{ order.phone }}", message: "Pay {{ order.total }}" }
  - emit: { type: order.reminded, data: { order: { fact: order.id } } }
  - log: { message: "{{ order.id }} was reminded" }
---
id: hears
trigger: { event: order.reminded }
actions: [ { webhook: { url: "https://x.example.com/", payload: {} } } ]
"""
LIVE = WATCHED.replace("enabled: shadow", "enabled: true")
ORDER = {"order": {"id": "o1", "total": 9, "phone": "+1555"}}


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    line = Line(tmp_path / "autoflow.db")
    yield line
    line.close()


async def count(line: Line, table: str) -> int:
    """How many rows a table has."""
    return int(line.store._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def assert_nothing_happened(line: Line) -> None:
    """Nothing was sent, logged or emitted, and no attempt at it was counted."""
    assert line.recorder.sent == []
    assert await count(line, "attempts") == 0
    assert await count(line, "dead_letters") == 0
    assert (
        line.store._connection.execute("SELECT count(*) FROM events WHERE parent_run IS NOT NULL").fetchone()[0] == 0
    )


async def test_what_it_would_have_done_is_recorded_with_its_parameters_and_not_done(line: Line) -> None:
    """After its delay, over a restart, with each message as it would have been sent; failures are none."""
    await line.use(WATCHED)
    await line.emit("order.created", ORDER)
    line.recorder.replies.append(Retry(code="timeout", detail="never asked"))
    await line.advance(4 * MINUTE)
    assert await line.runs() == []
    await line.restart(WATCHED)
    await line.advance(MINUTE)
    assert await line.runs() == [("watched", "shadow")]
    await assert_nothing_happened(line)
    [run] = await line.rows("list_runs", before="~", status="shadow", rule=None, account=None, limit=9)
    [told] = await line.store.read(lambda view: run_detail(view, run["id"]))
    assert [(step["action"], step["status"], step["params"], step["attempts"]) for step in told["steps"]] == [
        ("sms", "shadow", {"recipient": "+1555", "message": "Pay 9"}, []),
        ("emit", "shadow", {"type": "order.reminded", "data": {"order": "o1"}}, []),
        ("log", "shadow", {"message": "o1 was reminded"}, []),
    ]
    assert told["error"] is None
    assert await line.store.transact(lambda tx: retry_run(tx, run["id"])) is None
    await line.advance(10 * 24 * 60 * MINUTE)
    await assert_nothing_happened(line)


async def test_a_condition_that_does_not_hold_records_nothing(line: Line) -> None:
    """A rule in shadow is judged by the same conditions."""
    await line.use(WATCHED)
    await line.emit("order.created", {"order": {**ORDER["order"], "total": 5}})
    await line.advance(6 * MINUTE)
    assert await line.runs() == []


async def test_its_waiting_work_is_cancelled_as_any_other(line: Line) -> None:
    """Then nothing is recorded but that."""
    await line.use(WATCHED)
    await line.emit("order.created", ORDER)
    await line.emit("order.paid", {"order": {"id": "o1"}}, event_id="paid")
    await line.advance(6 * MINUTE)
    assert await line.runs() == [("watched", "cancelled")]
    assert await count(line, "run_steps") == 0
    await assert_nothing_happened(line)


async def test_what_waits_in_shadow_stays_there_when_the_rule_is_switched_on(line: Line) -> None:
    """It was planned to be looked at; only events from then on are acted on."""
    await line.use(WATCHED)
    await line.emit("order.created", ORDER)
    await line.use(LIVE)
    await line.advance(MINUTE)
    await line.emit("order.created", {"order": {**ORDER["order"], "id": "o2"}})
    await line.advance(4 * MINUTE)
    assert await line.runs() == [("watched", "shadow")]
    await assert_nothing_happened(line)
    await line.advance(MINUTE)
    assert [request.params.get("message") for request in line.recorder.sent[:1]] == ["Pay 9"]
    assert sorted(await line.runs())[-2:] == [("watched", "done"), ("watched", "shadow")]


async def test_what_waits_to_act_still_acts_when_the_rule_is_put_in_shadow(line: Line) -> None:
    """`finish_old` is the default; `cancel` forgets it."""
    await line.use(LIVE)
    await line.emit("order.created", ORDER)
    await line.use(WATCHED)
    await line.advance(5 * MINUTE)
    assert ("watched", "done") in await line.runs()
    await line.emit("order.created", ORDER, event_id="second")
    await line.use(LIVE.replace("delay:", "on_change: cancel\ndelay:"))
    await line.advance(5 * MINUTE)
    assert ("watched", "cancelled") in await line.runs()
    assert ("watched", "shadow") not in await line.runs()


async def test_a_message_that_could_not_be_made_is_told_and_is_no_dead_letter(line: Line) -> None:
    """A dead letter could be replayed, and would be sent; nothing behind it would have been reached."""
    await line.use(WATCHED)
    await line.emit("order.created", {"order": {"id": "o1", "total": 9}})
    await line.advance(5 * MINUTE)
    [run] = await line.rows("list_runs", before="~", status=None, rule=None, account=None, limit=9)
    assert run["status"] == "shadow"
    assert "order.phone is undefined" in run["error"]
    assert await count(line, "run_steps") == 0
    await assert_nothing_happened(line)


async def test_a_daemon_in_shadow_plans_every_rule_in_shadow(tmp_path: Path) -> None:
    """`run --shadow`: rules that are on are recorded too, and stay so after it."""
    line = Line(tmp_path / "autoflow.db", shadow=True)
    await line.use(LIVE)
    await line.emit("order.created", ORDER)
    line._shadow = False
    await line.restart(LIVE)
    await line.advance(5 * MINUTE)
    assert await line.runs() == [("watched", "shadow")]
    await assert_nothing_happened(line)
    line.close()
