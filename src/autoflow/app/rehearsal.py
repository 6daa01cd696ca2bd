"""What scenarios are played with, wired: databases of their own, the doors' decoder, and an operator's hands."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from autoflow.app.rule_sets import load_set, read_revision, sources_of
from autoflow.clock import Clock, Millis, VirtualClock
from autoflow.intake.decode import DecodeLimits, Decoder
from autoflow.model.event import Event
from autoflow.model.ids import IdSource
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import LoadResult
from autoflow.settings import Settings
from autoflow.store.base import Store, Transaction
from autoflow.store.sqlite.store import SqliteStore
from autoflow.templates import TemplateLibrary
from autoflow.testing.player import Act, Disk, Watcher, World
from autoflow.testing.rule_sets import RuleSets
from autoflow.testing.scenario import Emit, Verb
from autoflow.web import acts

ACTS: Mapping[Verb, Act] = {
    Verb.CANCEL: acts.cancel_pending,
    Verb.RUN_NOW: acts.run_pending_now,
    Verb.REPLAY: acts.replay_dead_letter,
    Verb.DISCARD: acts.discard_dead_letter,
}
"""What an operator can do, as the API does it."""

EMPTY = "empty.db"
DRAIN_SECONDS = 10.0


@contextlib.contextmanager
def make_world(
    settings: Settings, context: LoadContext, library: TemplateLibrary, *, watcher: Watcher | None = None
) -> Iterator[World]:
    """What scenarios are played with; their databases are gone afterwards."""
    limits = settings.limits
    most = DecodeLimits(event_bytes=limits.event_bytes, depth=limits.depth, events=limits.batch)
    ids = IdSource()

    def decode(emit: Emit, now: Millis, zone: ZoneInfo) -> list[Event]:
        return Decoder(ids, most, zone).decode_body(emit.body, emit.content_type, now=now)

    def read_rules_of(revision: str) -> LoadResult:
        return load_set(read_revision(settings, revision), sources_of(settings), {}).result

    with TemporaryDirectory(prefix="autoflow-test-", ignore_cleanup_errors=True) as directory:
        disks = Disks(Path(directory))
        yield World(
            context=context,
            library=library,
            retry=settings.retry,
            chain_depth=limits.chain_depth,
            rules=RuleSets(context, directory=settings.rules, read_revision=read_rules_of),
            make_disk=disks.make,
            decode=decode,
            acts=ACTS,
            watcher=watcher,
        )


class Disks:
    """Makes databases: the schema is migrated once, and copied."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._count = 0
        SqliteStore(directory / EMPTY, clock=VirtualClock(0), durable=False).close()

    def make(self) -> Disk:
        """An empty database."""
        self._count += 1
        return ScratchDisk(self._directory / f"{self._count}", self._directory / EMPTY)


class ScratchDisk:
    """A database that need not outlive a power cut, and can be frozen as a crash would leave it."""

    def __init__(self, stem: Path, empty: Path) -> None:
        self._stem = stem
        self._lives = 0
        self._store: SqliteStore | None = None
        self._loop_thread = threading.current_thread()
        shutil.copyfile(empty, self._path)

    @property
    def _path(self) -> Path:
        return self._stem.with_suffix(f".{self._lives}.db")

    def open(self, clock: Clock) -> Store:
        """Open it, as it was left or as it was frozen."""
        self._store = SqliteStore(self._path, clock=clock, durable=False)
        return self._store

    def freeze(self) -> None:
        """What is committed now, and nothing that follows, is found by the next that opens it. On any thread."""
        if threading.current_thread() is self._loop_thread:
            self._drain()
        with contextlib.closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as source:
            self._lives += 1
            with contextlib.closing(sqlite3.connect(self._path)) as copy:
                source.backup(copy)

    def remove(self) -> None:
        """Leave nothing of it."""
        for path in self._stem.parent.glob(f"{self._stem.name}.*"):
            path.unlink(missing_ok=True)

    def _drain(self) -> None:
        """Wait for what was handed to the store before: whether that was kept must not hang on who is faster.

        What was handed in first may share its commit with the first of these two; the second begins after it.
        """
        assert self._store is not None  # noqa: S101 - only what is open can be frozen
        for _ in range(2):
            passed = threading.Event()
            self._store.transact(partial(_pass, passed))
            passed.wait(DRAIN_SECONDS)


def _pass(passed: threading.Event, _tx: Transaction) -> None:
    passed.set()
