"""What a person can do to waiting work, runs and dead letters. Each is one transaction that answers what it did.

None where nothing could be done: there is no such thing, or it is past that.
"""

from __future__ import annotations

from autoflow.model.json import Json
from autoflow.store.base import Row, Transaction
from autoflow.store.waiting import end_pending, reopen_pending
from autoflow.web.paging import number_of

Done = dict[str, Json] | None


def cancel_pending(tx: Transaction, number: str) -> Done:
    """End waiting work."""
    return _cancel(tx, tx.row("pending_by_id", id=number_of(number)))


def cancel_run(tx: Transaction, run_id: str) -> Done:
    """End a run that waits or is in progress."""
    return _cancel(tx, tx.row("pending_by_run", run_id=run_id))


def run_pending_now(tx: Transaction, number: str) -> Done:
    """Make waiting work due, unless it is in progress already."""
    done = tx.run("run_now", id=number_of(number), now=tx.now)
    return {"id": number_of(number), "status": "due"} if done else None


def retry_run(tx: Transaction, run_id: str) -> Done:
    """Replay what a failed run was given up at."""
    letter = tx.row("open_dead_letter_of_run", run_id=run_id)
    return None if letter is None else replay_dead_letter(tx, str(letter["id"]))


def replay_dead_letter(tx: Transaction, number: str) -> Done:
    """Send a dead letter again: the same parameters under the same key, then the run's later steps."""
    letter = _settle(tx, number, "replayed")
    if letter is None:
        return None
    tx.run("restart_series", run_id=letter["run_id"], step=letter["step"])
    tx.run("reopen_run", id=letter["run_id"])
    reopen_pending(tx, letter)
    return {"id": letter["id"], "run": letter["run_id"], "status": "replayed", "key": letter["key"]}


def discard_dead_letter(tx: Transaction, number: str) -> Done:
    """Decide that a dead letter is not sent again."""
    letter = _settle(tx, number, "discarded")
    return None if letter is None else {"id": letter["id"], "status": "discarded"}


def _cancel(tx: Transaction, row: Row | None) -> Done:
    if row is None:
        return None
    ended = end_pending(tx, row, "cancelled by hand")
    return {"id": row["id"], "run": row["run_id"], "status": "cancelled" if ended == "removed" else "cancelling"}


def _settle(tx: Transaction, number: str, status: str) -> Row | None:
    """The dead letter, where this decision is the first on it."""
    letter = tx.row("dead_letter_by_id", id=number_of(number))
    if letter is None or not tx.run("settle_dead_letter", id=letter["id"], status=status, settled_at=tx.now):
        return None
    return letter
