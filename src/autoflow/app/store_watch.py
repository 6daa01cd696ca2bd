"""Looks after the store while the daemon runs: without traffic nobody else would notice that it works again.

Beside it: the store's writer, which says what it could not do. After it: health, or the end of the process.
"""

from __future__ import annotations

import asyncio

from autoflow.errors import StorageError
from autoflow.store.base import Transaction
from autoflow.store.sqlite.store import SqliteStore

LOOK_EVERY = 0.5


def _write_and_change_nothing(tx: Transaction) -> None:
    tx.run("turn_epoch")
    tx.run("turn_epoch")


async def watch_store(store: SqliteStore) -> str:
    """Try a commit again and again while the last one failed. Returns once nothing may be written any more: why."""
    while store.broken is None:
        await asyncio.sleep(LOOK_EVERY)  # a store that failed tells nobody of its recovery: it has to be looked at
        if store.failure is None and store.lagging is None:
            continue
        try:
            await store.transact(_write_and_change_nothing)
        except StorageError:
            continue  # the store says why, to health
    return store.broken
