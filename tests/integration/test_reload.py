"""Putting files in force: what is read later wins, what was not kept is read again, a start has its last set."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from autoflow import reload
from autoflow.errors import RulesError, StorageError
from autoflow.observe.health import State
from autoflow.rules.loaded import Loaded
from support.line import Line

RULE = 'id: r\ntrigger: { event: x }\nactions: [ { log: { message: "one" } } ]\n'


class Files:
    """A directory of rules, and the reloader of a line over it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "rules").mkdir(exist_ok=True)
        self.line = Line(home / "autoflow.db")
        self.reloader = self.line.make_reloader(home)

    def write(self, text: str) -> None:
        """The one rule file."""
        (self.home / "rules" / "r.yaml").write_text(text)

    def message(self) -> object:
        """What the rule in force says."""
        [version] = self.line.engine.rulebook.versions
        return version.rule.actions[0].params["message"]


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    made = Files(tmp_path)
    made.write(RULE)
    await made.reloader.start()
    yield made
    made.line.close()


async def test_files_that_did_not_change_are_not_read_again(files: Files) -> None:
    """Their contents count, not that something was touched."""
    files.write(RULE)
    assert not await files.reloader.reload()
    files.write(RULE.replace("one", "two"))
    assert await files.reloader.reload()
    assert files.message() == "two"


async def test_a_bad_edit_leaves_the_last_good_rules_and_says_so(files: Files) -> None:
    """Until it is mended, also by going back."""
    files.write("id: [")
    assert not await files.reloader.reload()
    assert files.reloader.check().state is State.DEGRADED
    assert files.message() == "one"
    files.write(RULE)
    assert await files.reloader.reload()
    assert files.reloader.check().state is State.OK


async def test_a_set_that_could_not_be_kept_is_put_in_force_at_the_next_look(files: Files) -> None:
    """The same files, which nobody touches again; health says that they are not in force."""
    transact = files.line.store.transact

    async def failing(_change: object) -> object:
        raise StorageError("disk full")

    files.write(RULE.replace("one", "two"))
    files.line.store.transact = failing  # type: ignore[method-assign, assignment]  # for a while
    with pytest.raises(StorageError):
        await files.reloader.reload()
    assert files.message() == "one"
    assert "disk full" in files.reloader.check().detail
    files.line.store.transact = transact  # type: ignore[method-assign]  # back to itself
    assert await files.reloader.reload()
    assert files.message() == "two"
    assert files.reloader.check().state is State.OK


async def test_templates_of_a_set_that_could_not_be_kept_are_not_used_either(files: Files) -> None:
    """The rules that run on find the templates that they were checked against."""
    (files.home / "templates").mkdir()
    (files.home / "templates" / "old.txt").write_text("old")
    assert await files.reloader.reload()
    transact = files.line.store.transact

    async def failing(_change: object) -> object:
        raise StorageError("disk full")

    (files.home / "templates" / "old.txt").rename(files.home / "templates" / "new.txt")
    files.line.store.transact = failing  # type: ignore[method-assign, assignment]  # for a while
    with pytest.raises(StorageError):
        await files.reloader.reload()
    assert files.line.executor.actions.library.names == {"old"}
    files.line.store.transact = transact  # type: ignore[method-assign]  # back to itself
    assert await files.reloader.reload()
    assert files.line.executor.actions.library.names == {"new"}


async def test_of_two_reloads_at_once_the_later_files_stay_in_force(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal and the watcher: what was read first must not come in force last."""
    was_read, go_on = threading.Event(), threading.Event()

    load = reload.Files.load

    def slow_at_first(self: reload.Files) -> Loaded:
        loaded = load(self)
        if not was_read.is_set():
            was_read.set()
            assert go_on.wait(20)
        return loaded

    monkeypatch.setattr(reload.Files, "load", slow_at_first)
    files.write(RULE.replace("one", "two"))
    first = asyncio.ensure_future(files.reloader.reload())
    await asyncio.to_thread(was_read.wait, 20)
    files.write(RULE.replace("one", "three"))
    second = asyncio.ensure_future(files.reloader.reload())
    await asyncio.wait([second], timeout=0.2)
    go_on.set()
    await asyncio.gather(first, second)
    assert files.message() == "three"


async def test_a_start_over_bad_files_runs_the_last_good_set(files: Files) -> None:
    """From the database, with what waits under it."""
    files.write("id: [")
    files.line.store.close()
    files.line._open()
    await files.line.make_reloader(files.home).start()
    assert files.message() == "one"


async def test_a_start_over_bad_files_without_any_good_set_says_so(tmp_path: Path) -> None:
    """There is nothing to run."""
    files = Files(tmp_path)
    files.write("id: [")
    with pytest.raises(RulesError, match="cannot be used"):
        await files.reloader.start()
    files.line.close()
