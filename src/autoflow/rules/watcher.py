"""Tells when rule or template files may have changed, once they have been quiet. After it: the reloader.

Whatever happened (a save, an atomic rename, a checkout, a ConfigMap swap), what is told is only that something
did: the reloader reads everything and compares contents.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from watchfiles import DefaultFilter, awatch

from autoflow.rules.provenance import index_lock_present

QUIET = 300
"""Milliseconds without a further change: half a checkout is not a set of rules."""
LONGEST_STORM = 10_000
RESCAN = 60_000
"""Milliseconds after which the files are looked at even where no change was told (network mounts)."""
LOCK_PATIENCE = 30.0
LOCK_POLL = 0.1
MISSING_POLL = 1.0


class RuleFilter(DefaultFilter):
    """Leaves out what editors and git write for themselves, and nothing else: names tell little (`..data`)."""

    ignore_dirs: Sequence[str] = (".git", "__pycache__", ".hg", ".svn", ".venv")


async def watch_files(directories: Sequence[Path], stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield after each change, once the files are quiet and git holds no lock; end when `stop` is set."""
    while not stop.is_set():
        present = _inodes(directories)
        if not present:
            await _pause(stop, MISSING_POLL)
            yield
            continue
        changes = awatch(
            *present,
            watch_filter=RuleFilter(),
            step=QUIET,
            debounce=LONGEST_STORM,
            rust_timeout=RESCAN,
            yield_on_timeout=True,
            stop_event=stop,
            ignore_permission_denied=True,
        )
        following = asyncio.ensure_future(anext(changes, None))
        try:
            # One step of the loop sets the watch up. What changed before that is found by looking once more.
            await asyncio.sleep(0)
            await _wait_for_git(directories[0], stop)
            yield
            while await following is not None and _inodes(directories) == present:
                following = asyncio.ensure_future(anext(changes, None))
                await _wait_for_git(directories[0], stop)
                yield
        finally:
            following.cancel()


def _inodes(directories: Sequence[Path]) -> dict[Path, int]:
    """The directories that are there. One that was removed and made again is another one to the system."""
    return {directory: directory.stat().st_ino for directory in directories if directory.is_dir()}


async def _wait_for_git(directory: Path, stop: asyncio.Event) -> None:
    """Wait while git is at work here; a lock that a crashed git left behind is waited for only so long."""
    waited = 0.0
    while index_lock_present(directory) and waited < LOCK_PATIENCE and not stop.is_set():
        await _pause(stop, LOCK_POLL)
        waited += LOCK_POLL


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
