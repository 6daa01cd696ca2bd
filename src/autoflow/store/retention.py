"""What is old enough goes, in small transactions; never what waiting work, a run or a dead letter refers to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from autoflow import failpoints
from autoflow.failpoints import Failpoint
from autoflow.settings import Retention
from autoflow.store.base import Reading, Store, Transaction
from autoflow.store.versions import find_unused, remove_unused

BATCH = 500
BATCH_OF_LARGE = 100
"""Events at once while the file is too large: each may be large, and no more should go than has to."""
PAGES = 1_000
"""Pages that are given back in one transaction."""
LEAST_PAGES = 256
"""Fewer free pages than these (a MiB) stay in the file."""

_Key = tuple[str, str, str]
"""The sender's id, its source and its account."""


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
    """Remove what is old enough, and more of the old events while the file is too large; how many rows went.

    What is to go is looked for beside the writer, which then removes it in small pieces: senders hardly notice.
    """
    removed = 0
    while batch := await store.transact(partial(_prune_runs, keep=keep)):
        removed += batch
    removed += await _prune_events(store, keep)
    removed += await _prune_keys(store, keep)
    removed += await _prune_versions(store)
    await _give_back(store)
    return removed


def _prune_runs(tx: Transaction, keep: KeepFor) -> int:
    removed = tx.run("purge_dead_letters", before=tx.now - keep.dead_letters, limit=BATCH)
    if failpoints.armed:
        failpoints.reach(Failpoint.PRUNE)
    return removed + tx.run("purge_runs", before=tx.now - keep.runs, limit=BATCH)


async def _prune_events(store: Store, keep: KeepFor) -> int:
    """From the oldest on; while the file is too large, whatever their age."""
    removed, after = 0, 0
    while old := await store.read(partial(_old_events, keep=keep, after=after)):
        removed += await store.transact(partial(_remove_events, keep=keep, old=old))
        after = old[-1]
    return removed


def _old_events(view: Reading, keep: KeepFor, after: int) -> list[int]:
    too_large = _is_too_large(view, keep)
    rows = view.rows(
        "old_events",
        after=after,
        before=view.now if too_large else view.now - keep.events,
        unmatched_before=view.now if too_large else view.now - keep.unmatched_events,
        limit=BATCH_OF_LARGE if too_large else BATCH,
    )
    return [row["seq"] for row in rows]


def _remove_events(tx: Transaction, keep: KeepFor, old: Sequence[int]) -> int:
    seqs = json.dumps(old)
    tx.run("purge_keys_of_events", seqs=seqs, before=tx.now - keep.duplicates)
    return tx.run("purge_events", seqs=seqs)


async def _prune_keys(store: Store, keep: KeepFor) -> int:
    """Senders' ids whose events went before they were old enough themselves."""
    removed, last = 0, ("", "", "")
    while old := await store.read(partial(_old_keys, keep=keep, last=last)):
        removed += await store.transact(partial(_remove_keys, keep=keep, old=old))
        last = old[-1]
    return removed


def _old_keys(view: Reading, keep: KeepFor, last: _Key) -> list[_Key]:
    before = view.now - keep.duplicates
    rows = view.rows("old_event_keys", id=last[0], source=last[1], account=last[2], before=before, limit=BATCH)
    return [(row["id"], row["source"], row["account"]) for row in rows]


def _remove_keys(tx: Transaction, keep: KeepFor, old: Sequence[_Key]) -> int:
    return tx.run("purge_event_keys", keys=json.dumps(old), before=tx.now - keep.duplicates)


def _is_too_large(view: Reading, keep: KeepFor) -> bool:
    used = view.row("used_bytes")
    return used is not None and used["bytes"] > keep.max_size


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


async def _give_back(store: Store) -> None:
    """Give what is not used in the file back to the system, a little at a time; a tenth stays, for what comes."""
    before = None
    while (free := await store.read(_spare_pages)) and (before is None or free < before):
        await store.transact(_free_pages)
        before = free


def _spare_pages(view: Reading) -> int:
    """How many pages are free beyond a tenth of the file; 0 where they are not worth a commit."""
    row = view.row("page_counts")
    assert row is not None  # noqa: S101 - counts always give a row
    free, pages = int(row["free"]), int(row["pages"])
    return max(0, free - pages // 10) if free >= LEAST_PAGES else 0


def _free_pages(tx: Transaction) -> None:
    for _ in range(PAGES):
        tx.run("free_page")
