"""A whole backtest: events from a live store or a file, a process a side, what differs; and what it takes."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoflow.app import backtesting
from autoflow.app.backtesting import COPIED_AT_ONCE, Backtest, Recording, Sides, run_backtest
from autoflow.app.rule_sets import read_revision, read_worktree
from autoflow.app.state import DATABASE
from autoflow.errors import RulesError, StorageError, UsageError
from autoflow.model.event import Event
from autoflow.settings import Settings, load_settings
from autoflow.store.sqlite.store import SqliteStore
from autoflow.store.sqlite.tape import Tape
from autoflow.testing.comparison import Kind
from support.line import START, Line
from support.repository import commit

RULE = """\
id: big
trigger: {{ event: job.done }}
delay: {delay}
when: job.total >= {least}
actions: [ {{ sms: {{ recipient: "+1555", message: "{{{{ job.id }}}}" }} }} ]
"""
CHAIN = """\
id: says
trigger: { event: job.done }
actions: [ { emit: { type: job.told, data: { job: { fact: job } } } } ]
---
id: hears
trigger: { event: job.told }
actions: [ { log: { message: "{{ job.id }}" } } ]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A repository with two versions of a rule."""
    commit(tmp_path, {"rules/big.yaml": RULE.format(delay="5m", least=500), "rules/chain.yaml": CHAIN})
    (tmp_path / "rules" / "big.yaml").write_text(RULE.format(delay="10m", least=900))
    return tmp_path


def settings_of(home: Path) -> Settings:
    (home / "state").mkdir(exist_ok=True)
    return Settings(rules=home / "rules", templates=home / "templates", state=home / "state")


def backtest(home: Path, recording: Recording, *only: str) -> Backtest:
    """The commit, against the directory."""
    settings = settings_of(home)
    sides = Sides(before=read_revision(settings, "HEAD"), after=read_worktree(settings), templates={})
    return run_backtest(settings, sides, recording, only=frozenset(only), tell=lambda *_: None)


def counts(found: Backtest) -> dict[tuple[str, Kind], int]:
    return {(rule[1], kind): tally.count for (rule, kind), tally in found.comparison.tallies.items()}


def happened(number: int, total: int, *, pad: int = 0, **more: str) -> Event:
    data = {"job": {"id": number, "total": total}, "pad": "x" * pad}
    moment = START + number * 1000
    return Event(
        id=f"e{number}", type="job.done", time=moment, received_at=moment, raw=json.dumps(data).encode(), data=data,
        **more,
    )  # fmt: skip


def test_two_versions_are_compared_over_the_events_of_a_file(home: Path) -> None:
    """Events that came twice count once; their order is that of their times."""
    events = [happened(2, 1000), happened(1, 600), happened(1, 600), happened(0, 100)]
    found = backtest(home, Recording(events=iter(events)))
    assert found.size == (3, START, START + 2000)
    assert counts(found) == {("big", Kind.REMOVED): 1, ("big", Kind.DUE): 1}
    assert (found.comparison.before, found.comparison.after) == (8, 7)
    assert found.comparison.unchanged == {("default", "says"): 3, ("default", "hears"): 3}


def test_notifiers_of_a_config_are_handed_to_both_sides(home: Path) -> None:
    """Whatever they are made of: the settings do not let themselves be written, and a process is sent a copy."""
    config = home / "config.yaml"
    config.write_text(
        "notifiers: { email: { transport: outbox, from: 'A <a@example.com>' } }\n"
        "egress: { allow: ['127.0.0.1:9000'] }\nevents: { job.done: { example: done.json } }\n"
    )
    settings = load_settings(config, overrides={}, environ={})
    sides = Sides(before=read_revision(settings, "HEAD"), after=read_worktree(settings), templates={})
    recording = Recording(events=iter([happened(0, 600)]))
    found = run_backtest(settings, sides, recording, only=frozenset(), tell=lambda *_: None)
    assert counts(found) == {("big", Kind.REMOVED): 1}


def test_only_one_account_is_replayed_where_that_is_asked(home: Path) -> None:
    """Its rules and its events."""
    events = [happened(0, 600), happened(1, 600, account="acme")]
    assert backtest(home, Recording(events=iter(events), account="acme")).comparison.before == 0
    assert backtest(home, Recording(events=iter(events), account="default")).size.events == 1


def test_only_rules_that_are_asked_for_are_told(home: Path) -> None:
    """All are replayed; one that neither side has is a mistake, with the name that was meant."""
    found = backtest(home, Recording(events=iter([happened(0, 600)])), "hears")
    assert (counts(found), found.comparison.unchanged) == ({}, {("default", "hears"): 1})
    with pytest.raises(UsageError, match="neither set of rules") as caught:
        backtest(home, Recording(events=iter(())), "haers")
    assert caught.value.hint == "did you mean hears?"


def test_an_interrupt_leaves_nothing_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes of both sides end with the command, and what they wrote is gone."""
    settings = settings_of(home)
    sides = Sides(before=read_revision(settings, "HEAD"), after=read_worktree(settings), templates={})
    begun: list[int] = []

    def interrupt(done: int, total: int) -> None:
        begun.append(total)
        raise KeyboardInterrupt

    (home / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(home / "scratch"))
    events = (happened(number, 1000) for number in range(10))
    with pytest.raises(KeyboardInterrupt):
        run_backtest(settings, sides, Recording(events=events), only=frozenset(), tell=interrupt)
    assert begun == [20]
    assert multiprocessing.active_children() == []
    assert list((home / "scratch").iterdir()) == []


def test_without_events_there_is_nothing_to_compare(home: Path) -> None:
    """And no process is started."""
    found = backtest(home, Recording(events=iter(())))
    assert (found.size, found.comparison.is_empty) == ((0, None, None), True)


def test_rules_that_cannot_be_used_are_told_before_anything_is_read(home: Path) -> None:
    """With the first of their mistakes."""
    (home / "rules" / "bad.yaml").write_text("id: [")

    def never() -> Iterator[Event]:
        raise AssertionError("it was read")
        yield

    with pytest.raises(RulesError, match=r"bad\.yaml"):
        backtest(home, Recording(events=never()))


async def test_the_store_is_read_beside_its_daemon_and_what_runs_made_is_left_out(home: Path) -> None:
    """Since a moment, in several looks; what an action emitted comes out of the replay, and not twice."""
    settings = settings_of(home)
    line = Line(settings.state / DATABASE)
    await line.use(RULE.format(delay="5m", least=500) + "---\n" + CHAIN)
    total = COPIED_AT_ONCE + 50
    for first in range(0, total, 500):
        events = [happened(number, 1000 if number % 2 else 0) for number in range(first, min(first + 500, total))]
        await line.engine.take(events)
    await line.advance(0)
    try:
        recording = Recording(since=START + 20_000)
        found = await asyncio.to_thread(backtest, home, recording)
    finally:
        line.close()
    assert found.size == (total - 20, START + 20_000, START + (total - 1) * 1000)
    assert counts(found) == {("big", Kind.DUE): (total - 20) // 2}
    same = total - 20
    assert found.comparison.unchanged == {("default", "says"): same, ("default", "hears"): same}


async def test_a_replay_that_cannot_be_kept_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon would wait for room; nobody makes any while a command runs."""
    monkeypatch.setattr(backtesting, "LOOK_SECONDS", 0.001)
    store = SqliteStore(tmp_path / "side.db", durable=False)
    playing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    store.failure = "database or disk is full"
    with pytest.raises(StorageError, match="disk is full") as caught:
        await backtesting._stop_where_nothing_is_kept(store, playing)
    store.close()
    assert playing.cancelled()
    assert "TMPDIR" in str(caught.value.hint)


def test_without_room_for_the_tape_the_place_is_told(tmp_path: Path) -> None:
    """With what to do about it."""
    with pytest.raises(StorageError, match=r"tape\.db") as caught:
        Tape(tmp_path / "gone" / "tape.db", is_new=True, in_order=True)
    assert "TMPDIR" in str(caught.value.hint)


MEASURED = """\
import json, resource, sys
from integration.test_backtest import backtest, happened, Recording
from pathlib import Path

if __name__ == "__main__":
    events = (happened(number, 1000, pad=40_000) for number in range(int(sys.argv[2])))
    found = backtest(Path(sys.argv[1]), Recording(events=events))
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps([found.size.events, *peaks]))
"""
SMALL, LARGE = 300, 1_000
ROOM = 12 * 1024
"""KiB that the larger one may take beyond the smaller one: less than half of what the events between them take."""


def test_memory_does_not_grow_with_the_events(home: Path, tmp_path: Path) -> None:
    """The peak of the command and of its sides is that of a quarter as many."""
    script = tmp_path / "measured.py"
    script.write_text(MEASURED)
    peaks = {}
    for number in (SMALL, LARGE):
        done = subprocess.run(
            [sys.executable, str(script), str(home), str(number)],
            capture_output=True, text=True, check=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
        )  # fmt: skip
        taken, *peaks[number] = json.loads(done.stdout)
        assert taken == number
    for small, large in zip(peaks[SMALL], peaks[LARGE], strict=True):
        assert large - small < ROOM, peaks
