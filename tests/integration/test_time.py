"""The machine's clock is set, the hour changes, the machine sleeps: nothing is early, nothing twice, nothing lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from autoflow.intake.decode import DecodeLimits, Decoder
from autoflow.model.run import Retry
from autoflow.scheduling import wakeup
from autoflow.scheduling.wakeup import SchedulerAlarm
from autoflow.store import waiting
from support.line import START, Line

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
RULES = """
id: late
trigger: { event: late }
delay: 5m
actions: [ { webhook: { url: "https://hooks.example.com/{{ n }}", payload: {} } } ]
---
id: now
trigger: { event: now }
actions: [ { webhook: { url: "https://hooks.example.com/{{ n }}", payload: {} } } ]
"""


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    await made.use(RULES)
    yield made
    made.close()


def sent(line: Line) -> list[int]:
    """The numbers of what went out, in order."""
    return [int(request.params["url"].rpartition("/")[2]) for request in line.recorder.sent]


def set_clock(line: Line, millis: int) -> None:
    """Set the clock forth, or back, by so much."""
    line.clock.move_to(line.clock.now() + millis)


async def test_a_clock_set_back_makes_nothing_early_and_nothing_twice(line: Line) -> None:
    """What waits is due at the moment that was promised, by the new clock: so much later."""
    await line.emit("late", {"n": 1})
    await line.emit("now", {"n": 2})
    await line.advance(4 * MINUTE)
    assert sent(line) == [2]
    set_clock(line, -HOUR)
    await line.advance(HOUR)
    assert sent(line) == [2]
    await line.advance(MINUTE)
    await line.advance(DAY)
    assert sent(line) == [2, 1]
    assert {status for _, status in await line.runs()} == {"done"}


async def test_an_event_after_a_clock_was_set_back_waits_its_own_time(line: Line) -> None:
    """It does not stand behind what is due by the old clock."""
    await line.emit("late", {"n": 1})
    set_clock(line, -HOUR)
    await line.emit("late", {"n": 2})
    await line.advance(5 * MINUTE)
    assert sent(line) == [2]
    await line.advance(HOUR)
    assert sent(line) == [2, 1]


async def test_a_retry_that_waits_while_the_clock_is_set_back_is_made_once(line: Line) -> None:
    """Under the same key, and not before its moment."""
    line.recorder.replies = [Retry(code="http-503", detail="busy")]
    await line.emit("now", {"n": 1})
    await line.advance(0)
    due = await line.next_due()
    assert due is not None
    set_clock(line, -HOUR)
    await line.advance(HOUR - 1)
    assert sent(line) == [1]
    await line.advance(due - line.clock.now())
    await line.advance(DAY)
    assert [request.attempt for request in line.recorder.sent] == [1, 2]
    assert len({request.key for request in line.recorder.sent}) == 1


async def test_a_clock_set_forth_makes_all_that_is_due_run_once_oldest_first(line: Line) -> None:
    """Late by the new clock, as after a time in which nothing ran."""
    for number in range(20):
        await line.emit("late", {"n": number})
        set_clock(line, 1_000)
    set_clock(line, DAY)
    await line.dispatcher.run_due()
    assert sent(line) == list(range(20))
    set_clock(line, -DAY)
    await line.advance(2 * DAY)
    assert sent(line) == list(range(20))


async def test_a_duplicate_stays_one_though_the_clock_was_set(line: Line) -> None:
    """An id that was seen is known, whichever way the clock went."""
    await line.emit("now", {"n": 1}, event_id="e")
    for jump in (-DAY, 2 * DAY):
        set_clock(line, jump)
        receipt = await line.emit("now", {"n": 1}, event_id="e")
        assert receipt.stored.status.value == "duplicate"
    await line.advance(DAY)
    assert sent(line) == [1]


async def test_a_lost_claim_is_found_though_the_clock_was_set_back(line: Line) -> None:
    """The sweep does not wait for the old time to come again."""
    await line.emit("now", {"n": 1})
    await line.store.transact(
        lambda tx: waiting.claim(
            tx, waiting.choose_due(tx, limit=1, room=lambda _target: 1).ids, epoch=line.store.epoch
        )
    )
    set_clock(line, -HOUR)
    await line.dispatcher._pass()
    set_clock(line, HOUR)
    await line.dispatcher.run_due()
    assert sent(line) == [1]


@pytest.mark.parametrize("days", [0, 1, -1], ids=["runs", "slept", "set back"])
async def test_the_daemon_s_own_alarm_misses_nothing_whatever_the_clock_does(
    line: Line, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """A machine that slept: its timers stood still while the clock went on. Set back: the timer rings too soon."""
    monkeypatch.setattr(wakeup, "POLL_SECONDS", 0.001)
    line.dispatcher._alarm = SchedulerAlarm(line.clock)
    running = asyncio.ensure_future(line.dispatcher.run())
    await line.emit("late", {"n": 1})
    set_clock(line, days * DAY)
    while line.dispatcher._alarm._armed is None and not line.recorder.sent:
        await asyncio.sleep(0.001)
    line.dispatcher._alarm._fire()
    while not line.recorder.sent:
        if days <= 0:
            line.clock.move_to(START + 5 * MINUTE)
        await asyncio.sleep(0.001)
    await line.dispatcher.stop(5)
    await running
    line.dispatcher._alarm.close()
    assert sent(line) == [1]
    assert line.clock.now() >= START + 5 * MINUTE


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
        ("2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
    ],
    ids=["before", "left out", "after", "comes twice", "after that"],
)
async def test_a_time_without_a_zone_is_one_moment_also_when_the_hour_changes(
    line: Line, written: str, utc: str
) -> None:
    """The hour that is left out is read as if it were not; of the hour that comes twice it is the first."""
    limits = DecodeLimits(event_bytes=1 << 20, depth=16, events=10)
    decoder = Decoder(line.engine.ids, limits, ZoneInfo("Europe/Berlin"))
    body = b'{"type": "x", "time": "%s", "data": {}}'
    [local] = decoder.decode_body(body % written.encode(), "application/json", now=START)
    [exact] = decoder.decode_body(body % utc.encode(), "application/json", now=START)
    assert local.time == exact.time
    assert local.received_at == START
