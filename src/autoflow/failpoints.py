"""Places at the boundaries of the line where tests let the program die, fail or wait, named by AUTOFLOW_FAILPOINT.

For tests alone. Where none is armed a place costs one look at `armed`, so it reads

    if failpoints.armed:
        failpoints.reach(Failpoint.BEFORE_COMMIT)
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from autoflow.errors import ConfigError, StorageError

VARIABLE = "AUTOFLOW_FAILPOINT"
FORM = "<point>:crash|error|delay[=<milliseconds>][@<n>|@*], more of them after a comma"
DELAY_MILLIS = 100


class Failpoint(StrEnum):
    """Where the program can be made to fail, in the order in which an event passes."""

    #: a request's events are decoded and admitted, and nothing of them is kept yet
    RECEIVED = "intake.received"
    #: every change of a transaction is made, and none is on the disk
    BEFORE_COMMIT = "store.before_commit"
    #: a transaction is on the disk, and nobody has been told; its error is an fsync that failed
    AFTER_COMMIT = "store.after_commit"
    #: due work carries the owner's number, and nobody works on it
    AFTER_CLAIM = "dispatch.after_claim"
    #: the attempt is counted on the disk, and nothing has gone out
    BEFORE_SEND = "action.before_send"
    #: it has gone out, and what came of it is only in memory
    AFTER_SEND = "action.after_send"
    #: what follows is decided, and not handed to the store
    BEFORE_FINISH = "run.before_finish_commit"
    #: what is committed is about to be moved from the log into the database
    CHECKPOINT = "store.checkpoint"
    #: a statement of a migration has run, and the migration is not committed
    MIGRATE = "migrate.step"
    #: new rules are read and can be used, and the old ones are in force
    BEFORE_SWAP = "reload.before_swap"
    #: new rules are in force, and nobody has been told
    AFTER_SWAP = "reload.after_swap"
    #: in a transaction that removes what is old: some of it is gone
    PRUNE = "retention.prune"
    #: a backup is written in whole, and does not have its name yet
    BACKUP = "backup.before_rename"


class Effect(StrEnum):
    """What happens at a point."""

    #: the process dies as by SIGKILL
    CRASH = "crash"
    #: what a fault of the machine raises at this place
    ERROR = "error"
    #: the thread waits, or only this coroutine where the place is in one
    DELAY = "delay"


@dataclass(slots=True, kw_only=True)
class Charge:
    """What waits at one point, and how often the point was passed and struck."""

    effect: Effect
    #: the passing that is struck, counted from 1; None for every one
    at: int | None = 1
    seconds: float = DELAY_MILLIS / 1000
    #: called in place of the effect: a scenario ends a life there without ending the process
    call: Callable[[], None] | None = None
    passed: int = 0
    struck: int = 0


armed: Mapping[Failpoint, Charge] = {}
"""What is armed in this process; empty but in tests."""

_SPELLING = re.compile(
    r"(?P<point>[^:]*):(?P<effect>\w+)(?:=(?P<millis>\d{1,6}))?(?:@(?P<at>\*|[1-9]\d{0,8}))?", re.ASCII
)


def arm(text: str) -> Mapping[Failpoint, Charge]:
    """Arm what a text names, and nothing else. ConfigError where it names what there is not."""
    global armed  # noqa: PLW0603 - one look at a module's name is all that a point may cost
    armed = dict(_read(one.strip()) for one in text.split(",") if one.strip())
    return armed


def arm_call(point: Failpoint, call: Callable[[], None], *, at: int = 1) -> None:
    """Have a function called at a passing of this point, and arm nothing else."""
    global armed  # noqa: PLW0603 - as above
    armed = {point: Charge(effect=Effect.DELAY, at=at, call=call)}


def disarm() -> None:
    """Arm nothing."""
    global armed  # noqa: PLW0603 - as above
    armed = {}


def reach(point: Failpoint) -> None:
    """This point is being passed, in a thread that may wait."""
    charge = _strike(point)
    if charge is not None:
        time.sleep(charge.seconds)  # as it was charged to


async def reach_in_turn(point: Failpoint) -> None:
    """This point is being passed, in a coroutine beside which others go on."""
    charge = _strike(point)
    if charge is not None:
        await asyncio.sleep(charge.seconds)  # as it was charged to


def _read(text: str) -> tuple[Failpoint, Charge]:
    found = _SPELLING.fullmatch(text)
    if found is None:
        raise ConfigError(f"{VARIABLE}: {text!r} is no failpoint", hint=f"write {FORM}", code="AF014")
    if found["point"] not in set(Failpoint):
        known = ", ".join(Failpoint)
        raise ConfigError(f"{VARIABLE}: there is no point {found['point']!r}", hint=f"points: {known}", code="AF014")
    if found["effect"] not in set(Effect) or (found["millis"] and found["effect"] != Effect.DELAY):
        raise ConfigError(f"{VARIABLE}: {text!r} has no effect", hint=f"write {FORM}", code="AF014")
    return Failpoint(found["point"]), Charge(
        effect=Effect(found["effect"]),
        at=None if found["at"] == "*" else int(found["at"] or 1),
        seconds=int(found["millis"] or DELAY_MILLIS) / 1000,
    )


def _strike(point: Failpoint) -> Charge | None:
    """Count a passing; die, raise, or return what is to be waited for."""
    charge = armed.get(point)
    if charge is None:
        return None
    charge.passed += 1
    if charge.at not in (None, charge.passed):
        return None
    charge.struck += 1
    if charge.call is not None:
        charge.call()
        return None
    # Not by the log: its lines are gathered, and the next statement may be the last.
    os.write(2, f"failpoint {point}: {charge.effect} at passing {charge.passed}\n".encode())
    if charge.effect is Effect.CRASH:
        os.kill(os.getpid(), signal.SIGKILL)
    if charge.effect is Effect.ERROR:
        raise _fault_at(point)
    return charge


def _fault_at(point: Failpoint) -> Exception:
    """What the machine's own fault would be at this place."""
    match point:
        case Failpoint.BEFORE_COMMIT | Failpoint.CHECKPOINT | Failpoint.MIGRATE | Failpoint.PRUNE:
            return _disk_fault("SQLITE_IOERR_WRITE")
        case Failpoint.AFTER_COMMIT:
            return _disk_fault("SQLITE_IOERR_FSYNC")
        case Failpoint.BEFORE_FINISH | Failpoint.BEFORE_SWAP:
            return StorageError(f"nothing was kept: {point}")
        case Failpoint.BACKUP:
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        case _:
            return OSError(errno.EIO, os.strerror(errno.EIO))


def _disk_fault(name: str) -> Exception:
    import sqlite3

    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    return error
