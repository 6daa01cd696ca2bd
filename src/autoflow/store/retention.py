"""What is old enough goes, in small transactions; never what waiting work, a run or a dead letter refers to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from autoflow.settings import Retention
from autoflow.store.base import Store, Transaction
from autoflow.store.versions import find_unused, remove_unused

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepFor:
    """How long what is done with is kept, in milliseconds; the size is in bytes."""

    events: int
    unmatched_events: int
    duplicates: int
    runs: int
    dead_letters: int
    max_size: int

    @classmethod
    def of(cls, kept: Retention) -> KeepFor:
        """As the config says."""
        return cls(
            events=kept.events,
            unmatched_events=kept.unmatched_events,
            duplicates=kept.duplicates,
            runs=kept.runs,
            dead_letters=kept.dead_letters,
            max_size=kept.max_size,
        )


async def prune(store: Store, keep: KeepFor) -> int:
    """Remove what is old enough, and more of the old events while the file is too large; how many rows went."""
    removed = 0
    while batch := await store.transact(lambda tx: _prune_some(tx, keep)):
        removed += batch
    removed += await _prune_versions(store)
    await store.transact(_free_pages)
    return removed


async def _prune_versions(store: Store) -> int:
    """Let go of rule versions that nothing refers to: they are looked for beside the writer, and removed by it."""
    unused = await store.read(find_unused)
    removed = 0
    for begin in range(0, max(len(unused.generations), len(unused.versions)), BATCH):
        some = replace(
            unused,
            generations=unused.generations[begin : begin + BATCH],
            versions=unused.versions[begin : begin + BATCH],
        )
        removed += await store.transact(partial(remove_unused, unused=some))
    return removed


def _prune_some(tx: Transaction, keep: KeepFor) -> int:
    """One batch of each; 0 once nothing is left to remove."""
    used = tx.row("used_bytes")
    too_large = used is not None and used["bytes"] > keep.max_size
    removed = tx.run("purge_dead_letters", before=tx.now - keep.dead_letters, limit=BATCH)
    removed += tx.run("purge_runs", before=tx.now - keep.runs, limit=BATCH)
    removed += tx.run(
        "purge_events",
        before=tx.now if too_large else tx.now - keep.events,
        unmatched_before=tx.now if too_large else tx.now - keep.unmatched_events,
        limit=BATCH,
    )
    removed += tx.run("purge_event_keys", before=tx.now - keep.duplicates, limit=BATCH)
    if removed and too_large:
        tx.rows("free_pages")
    return removed


def _free_pages(tx: Transaction) -> None:
    tx.rows("free_pages")
