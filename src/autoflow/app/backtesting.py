"""A backtest, wired: recorded events onto a tape, a process for each side that replays them, and the comparison.

The live database is only read, in short looks, so that nobody has to wait for them. Everything else lies in a
temporary directory that is gone afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from autoflow.app.offline import open_store
from autoflow.app.rule_sets import ReadSet, Templates, sources_of, usable_set
from autoflow.clock import Millis
from autoflow.errors import AutoflowError, StorageError, UsageError
from autoflow.model.event import Event
from autoflow.model.step import RetryPolicy
from autoflow.reload import Sources
from autoflow.settings import Settings
from autoflow.store.base import Reading, Store
from autoflow.store.events import event_of
from autoflow.store.sqlite.store import SqliteStore
from autoflow.store.sqlite.tape import NO_ROOM, OutcomeFile, Tape, TapeSize
from autoflow.testing import outcomes
from autoflow.testing.comparison import Comparison, compare
from autoflow.testing.replay import Replay, options_for
from autoflow.testing.rig import Rig

COPIED_AT_ONCE = 1_000
"""Events that are read from the live database in one look."""
PLAYED_AT_ONCE = 1_000
READ_AT_ONCE = 500
LOOK_SECONDS = 0.5
"""How long between two looks whether a side can still write."""
MOST_BYTES = 4 << 20
"""Of the events that are in memory at once; one of them may be larger."""
TAPE = "tape.db"
_Pipe: TypeAlias = "Connection[Any, Any]"

Tell = Callable[[int, int], None]
"""Hears how many events were read or replayed, and how many there are; 0: nobody knows yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Where the events come from."""

    #: from the store's events since then, or else from these
    since: Millis = 0
    events: Iterator[Event] | None = None
    #: only of this account
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two sets of rules, and the templates of one whose own are not known."""

    before: ReadSet
    after: ReadSet
    templates: Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What came of it."""

    comparison: Comparison
    size: TapeSize
    before_rules: int
    after_rules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What the process of one side is handed."""

    read: ReadSet
    templates: Templates
    sources: Sources
    retry: RetryPolicy
    chain_depth: int
    account: str | None
    directory: Path
    name: str
    in_order: bool
    first: Millis


def run_backtest(
    settings: Settings, sides: Sides, recording: Recording, *, only: frozenset[str], tell: Tell
) -> Backtest:
    """Replay what was recorded through both sets of rules, and compare; `only` these rules, all where there are none.

    RulesError where a set cannot be used, UsageError where neither has a rule that is asked for.
    """
    # Mistakes are told before anything is copied, and in one process.
    sources = sources_of(settings)
    rules = [usable_set(read, sources, sides.templates).result.rules for read in (sides.before, sides.after)]
    _check_names(only, {rule.id for one in rules for rule in one})
    with TemporaryDirectory(prefix="autoflow-backtest-", ignore_cleanup_errors=True) as directory:
        place = Path(directory)
        size = _record(settings, recording, place, tell)
        parts = [
            _Part(
                read=read,
                templates=sides.templates,
                sources=sources,
                retry=settings.retry,
                chain_depth=settings.limits.chain_depth,
                account=recording.account,
                directory=place,
                name=name,
                in_order=recording.events is None,
                first=size.first or 0,
            )
            for name, read in (("before", sides.before), ("after", sides.after))
        ]
        if size.events:
            _play_both(parts, size.events, tell)
        return Backtest(
            comparison=_compare(parts, only) if size.events else Comparison(),
            size=size,
            before_rules=len(rules[0]),
            after_rules=len(rules[1]),
        )


def _check_names(asked: frozenset[str], known: set[str]) -> None:
    for name in sorted(asked - known):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "see `autoflow rules list`"
        raise UsageError(f"--rule {name}: neither set of rules has it", hint=hint)


def _record(settings: Settings, recording: Recording, place: Path, tell: Tell) -> TapeSize:
    tape = Tape(place / TAPE, is_new=True, in_order=recording.events is None)
    try:
        if recording.events is None:
            asyncio.run(_copy(settings, recording, tape, tell))
        else:
            account = recording.account
            tape.write(event for event in recording.events if account is None or event.account == account)
        return tape.finish()
    finally:
        tape.close()


async def _copy(settings: Settings, recording: Recording, tape: Tape, tell: Tell) -> None:
    """Copy what came from outside since a moment, in looks that nobody has to wait for."""
    with open_store(settings.state, write=False) as store:
        after, copied = await _find_start(store, recording.since), 0
        while True:
            values = {
                "after": after,
                "since": recording.since,
                "account": recording.account,
                "limit": COPIED_AT_ONCE,
                "most": MOST_BYTES,
            }

            def look(view: Reading, values: dict[str, Any] = values) -> tuple[int, list[Event]]:
                rows = view.rows("recorded_events", **values)
                return (rows[-1]["seq"] if rows else 0), [event_of(row) for row in rows]

            after, events = await store.read(look)
            if not events:
                return
            tape.write(events)
            copied += len(events)
            tell(copied, 0)


async def _find_start(store: Store, since: Millis) -> int:
    """The number of an event shortly before a moment: numbers grow with time, and there is no index for times."""

    def look(view: Reading) -> int:
        found = view.row("last_event_seq")
        low, high = 0, (found["seq"] if found else 0) + 1
        while high - low > 1:
            middle = (low + high) // 2
            row = view.row("event_near", seq=middle)
            if row is None or row["received_at"] >= since:
                high = middle
            else:
                low = row["seq"] if row["seq"] < high else middle
        return low

    return await store.read(look)


def _play_both(parts: Sequence[_Part], count: int, tell: Tell) -> None:
    """Each side in a process of its own; where one fails, so does the whole."""
    context = multiprocessing.get_context("spawn")
    running: dict[_Pipe, BaseProcess] = {}
    done: dict[_Pipe, int] = {}
    try:
        for part in parts:
            here, there = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(target=_play_part, args=(part, there), name=part.name, daemon=True)
            process.start()
            there.close()
            running[here], done[here] = process, 0
        while running:
            _hear_all(running, done)
            tell(sum(done.values()), len(parts) * count)
    finally:
        for left in running.values():
            left.terminate()
            left.join()


def _hear_all(running: dict[_Pipe, BaseProcess], done: dict[_Pipe, int]) -> None:
    """Wait until a side says something, and forget those that have ended."""
    heard = wait(list(running))
    for here in [one for one in running if one in heard]:
        if _hear(here, running[here], done):
            del running[here]


def _hear(here: _Pipe, process: BaseProcess, done: dict[_Pipe, int]) -> bool:
    """What a side says; whether it has ended. What it failed with is raised."""
    try:
        said = here.recv()
    except EOFError:
        process.join()
        if process.exitcode:
            raise AutoflowError(
                f"the replay of one side ended with {process.exitcode}", hint="is there enough memory?"
            ) from None
        return True
    if isinstance(said, Exception):
        process.join()
        raise said
    done[here] += said
    return False


def _play_part(part: _Part, told: _Pipe) -> None:
    """In the process of one side: replay the tape, and write down what came of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself is interrupted, and ends this process
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(_play(part, told.send))
    except BrokenPipeError:
        return  # nobody waits for it any more
    except AutoflowError as error:
        told.send(error)
    except Exception as error:  # whatever it is, the command says it in one line
        told.send(AutoflowError(f"the replay of {part.read.title} failed: {type(error).__name__}: {error}"))


async def _play(part: _Part, tell: Callable[[int], None]) -> None:
    loaded = usable_set(part.read, part.sources, part.templates)
    rules = [rule for rule in loaded.result.rules if part.account in (None, rule.account)]
    options = options_for(
        rules,
        context=loaded.context,
        library=loaded.library,
        retry=part.retry,
        chain_depth=part.chain_depth,
    )
    path = part.directory / f"{part.name}.db"
    async with Rig(lambda clock: SqliteStore(path, clock=clock, durable=False), options, start=part.first) as rig:
        await rig.use(rules)
        tape = Tape(part.directory / TAPE, is_new=False, in_order=part.in_order)
        playing = asyncio.ensure_future(Replay(rig).play(tape.chunks(PLAYED_AT_ONCE, MOST_BYTES), tell))
        await _stop_where_nothing_is_kept(rig.store, playing)
        tape.close()
        await _write_outcomes(rig, _outcome_path(part))


async def _stop_where_nothing_is_kept(store: Store, playing: asyncio.Future[None]) -> None:
    """Wait for a replay. What a daemon cannot keep it offers again until it can; here nobody makes room meanwhile."""
    assert isinstance(store, SqliteStore)  # noqa: S101 - opened here
    while not playing.done():
        await asyncio.wait([playing], timeout=LOOK_SECONDS)
        if store.failure is not None and not playing.done():
            playing.cancel()
            raise StorageError(f"the replay cannot be kept: {store.failure}", hint=NO_ROOM)
    await playing


async def _write_outcomes(rig: Rig, path: Path) -> None:
    file = OutcomeFile(path, is_new=True)
    row = await rig.read(lambda view: view.row("last_event_seq"))
    last = row["seq"] if row else 0
    for first in range(1, last + 1, READ_AT_ONCE):

        def look(view: Reading, first: int = first) -> list[outcomes.Outcome]:
            return list(outcomes.read_outcomes(view, first, first + READ_AT_ONCE))

        file.write(await rig.read(look))
    file.close()


def _compare(parts: Sequence[_Part], only: frozenset[str]) -> Comparison:
    files = [OutcomeFile(_outcome_path(part), is_new=False) for part in parts]
    try:
        before, after = (map(outcomes.Outcome._make, file.read()) for file in files)
        return compare(before, after, lambda rule: not only or rule[1] in only)
    finally:
        for file in files:
            file.close()


def _outcome_path(part: _Part) -> Path:
    return part.directory / f"{part.name}-outcomes.db"
