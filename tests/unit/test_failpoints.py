"""Failpoints: how they are written, when they strike, and what they raise."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator

import pytest

from autoflow import failpoints
from autoflow.errors import ConfigError, StorageError
from autoflow.failpoints import Effect, Failpoint, arm, reach, reach_in_turn


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """What a test arms is its own."""
    yield
    arm("")


def strikes(point: Failpoint, passings: int) -> list[int]:
    """The passings, of so many, at which a point raises."""
    found = []
    for number in range(1, passings + 1):
        try:
            reach(point)
        except OSError:
            found.append(number)
    return found


def test_nothing_is_armed_by_itself() -> None:
    """A program that was told nothing passes all points."""
    assert failpoints.armed == {}
    for point in Failpoint:
        reach(point)


def test_a_point_strikes_at_its_first_passing_and_never_again() -> None:
    """So that a program can be seen to recover."""
    arm("intake.received:error")
    assert strikes(Failpoint.RECEIVED, 3) == [1]


def test_a_passing_can_be_chosen_or_all_of_them() -> None:
    """The n-th, or each."""
    arm("intake.received:error@3, dispatch.after_claim:error@*")
    assert strikes(Failpoint.RECEIVED, 5) == [3]
    assert strikes(Failpoint.AFTER_CLAIM, 3) == [1, 2, 3]
    assert strikes(Failpoint.AFTER_SEND, 3) == []
    assert failpoints.armed[Failpoint.RECEIVED].passed == 5
    assert failpoints.armed[Failpoint.RECEIVED].struck == 1


def test_each_strike_is_said_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    """On standard error and not by the log: the next statement may be the last one."""
    arm("store.checkpoint:error@2")
    reach(Failpoint.CHECKPOINT)
    with pytest.raises(sqlite3.OperationalError):
        reach(Failpoint.CHECKPOINT)
    assert capfd.readouterr().err == "failpoint store.checkpoint: error at passing 2\n"


def test_a_point_raises_what_a_fault_of_the_machine_raises_there() -> None:
    """The disk's errors as SQLite raises them, others as the system does; all say what they are."""
    found = {}
    for point in Failpoint:
        arm(f"{point}:error")
        with pytest.raises((sqlite3.Error, OSError, StorageError)) as raised:
            reach(point)
        found[point] = raised.value
    disk = {point for point, error in found.items() if isinstance(error, sqlite3.OperationalError)}
    assert {"store.before_commit", "store.after_commit", "migrate.step"} <= disk
    assert found[Failpoint.AFTER_COMMIT].sqlite_errorname == "SQLITE_IOERR_FSYNC"  # type: ignore[attr-defined]  # SQLite's errors have it
    assert found[Failpoint.BEFORE_COMMIT].sqlite_errorname == "SQLITE_IOERR_WRITE"  # type: ignore[attr-defined]  # SQLite's errors have it
    assert isinstance(found[Failpoint.RECEIVED], OSError)
    assert [point for point, error in found.items() if not str(error)] == []


def test_a_delay_waits_its_milliseconds() -> None:
    """As long as it says, or a tenth of a second."""
    arm("store.before_commit:delay=20, action.before_send:delay")
    assert [charge.seconds for charge in failpoints.armed.values()] == [0.02, 0.1]
    begun = time.monotonic()
    reach(Failpoint.BEFORE_COMMIT)
    assert time.monotonic() - begun >= 0.02


async def test_a_delay_in_a_coroutine_keeps_nobody_else_waiting() -> None:
    """Only the coroutine that passes the point waits."""
    arm("action.before_send:delay=50")
    order = []

    async def passing() -> None:
        await reach_in_turn(Failpoint.BEFORE_SEND)
        order.append("delayed")

    async def other() -> None:
        order.append("other")

    await asyncio.gather(passing(), other())
    assert order == ["other", "delayed"]


async def test_a_coroutine_is_struck_as_a_thread_is() -> None:
    """Errors come from the same table."""
    arm("action.after_send:error")
    with pytest.raises(OSError, match="output error"):
        await reach_in_turn(Failpoint.AFTER_SEND)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("store.before_comit:crash", "there is no point 'store.before_comit'"),
        ("store.before_commit", "'store.before_commit' is no failpoint"),
        ("store.before_commit:explode", "has no effect"),
        ("store.before_commit:crash=20", "has no effect"),
        ("store.before_commit:error@0", "is no failpoint"),
        ("store.before_commit:error@-1", "is no failpoint"),
        ("intake.received:error,:", "':' is no failpoint"),
    ],
)
def test_what_is_written_wrongly_is_said_with_what_there_is(text: str, says: str) -> None:
    """As any other wrong setting: by its code, and with the names that would be right."""
    with pytest.raises(ConfigError) as raised:
        arm(text)
    assert says in raised.value.message
    assert raised.value.code == "AF014"
    known = list(Failpoint) if "no point" in says else list(Effect)
    assert all(name in (raised.value.hint or "") for name in known)
    assert failpoints.armed == {}
