"""What is kept, what goes, and what a swap of rules in the middle of things means."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from autoflow.model.event import Event
from autoflow.model.run import Reject
from autoflow.store.retention import KeepFor, prune
from support.line import START, Line

DAY = 86_400_000
RULE = """
id: r
trigger: { event: x }
actions: [ { log: { message: "first" } } ]
"""
KEEP = KeepFor(
    events=30 * DAY, unmatched_events=7 * DAY, duplicates=7 * DAY, runs=90 * DAY, dead_letters=30 * DAY,
    max_size=1 << 40,
)  # fmt: skip


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    yield made
    made.close()


async def count(line: Line, query: str, **values: object) -> int:
    """How many rows a query gives."""
    return len(await line.rows(query, **values))


async def events(line: Line) -> list[str]:
    """The ids of what is stored, newest first."""
    return [row["id"] for row in await line.rows("list_events", before=1 << 62, type=None, account=None, limit=100)]


async def test_an_event_judged_before_a_swap_is_judged_again_at_its_commit(line: Line) -> None:
    """What is stored says which generation decided, and that one did decide."""
    await line.use(RULE)
    event = Event(id="e", type="x", time=START, received_at=START, raw=b"{}", data={})
    judged = line.engine.judge(event)
    await line.use(RULE.replace("first", "second"))
    await line.store.transact(lambda tx: line.engine.record(tx, [judged]))
    await line.advance(0)
    assert [request.params["message"] for request in line.recorder.sent] == ["second"]
    [row] = await line.rows("events_by_id", id="e")
    assert row["generation"] == line.engine.rulebook.generation


async def test_the_same_set_is_the_same_generation(line: Line) -> None:
    """Comments and names change no meaning; another rule does; going back is a new generation of known versions."""
    await line.use(RULE)
    await line.use("# a comment\n" + RULE.replace("id: r", "id: r\nname: A name"))
    assert line.engine.rulebook.generation == 1
    await line.use(RULE.replace("first", "second"))
    assert line.engine.rulebook.generation == 2
    await line.use(RULE)
    assert line.engine.rulebook.generation == 3
    assert line.engine.rulebook.versions[0].id == 1


async def test_a_failing_swap_leaves_the_old_rules_in_force(line: Line) -> None:
    """Nothing is half swapped."""
    from autoflow.errors import StorageError
    from autoflow.rules.loader import load_text

    await line.use(RULE)
    before = line.engine.rulebook
    from support.line import CONTEXT

    result = load_text(RULE.replace("first", "second"), "r.yaml", CONTEXT)
    line.store.close()
    with pytest.raises(StorageError):
        await line.engine.install(result.rules, line.versions)
    assert line.engine.rulebook is before


async def test_retention_removes_what_is_old_and_never_what_is_referred_to(line: Line) -> None:
    """Unmatched events go first, then runs, then their events; the newest event stays; what waits stays."""
    await line.use(
        RULE + "---\nid: late\ntrigger: { event: y }\ndelay: 100d\n" + RULE.split("trigger", 1)[1].split("\n", 1)[1]
    )
    await line.emit("nobody", {}, event_id="unmatched")
    await line.emit("x", {}, event_id="acted")
    await line.emit("y", {}, event_id="waiting")
    await line.advance(0)
    line.clock.move_to(START + 8 * DAY)
    await line.emit("nobody", {}, event_id="new")
    await prune(line.store, KEEP)
    assert await events(line) == ["new", "waiting", "acted"]
    line.clock.move_to(START + 31 * DAY)
    await prune(line.store, KEEP)
    assert await events(line) == ["new", "waiting", "acted"]
    line.clock.move_to(START + 91 * DAY)
    await prune(line.store, KEEP)
    assert await events(line) == ["new", "waiting"]
    assert await line.runs() == []
    await line.advance(30 * DAY)
    assert [request.params["message"] for request in line.recorder.sent] == ["first", "first"]


async def test_a_dead_letter_keeps_its_run_and_event(line: Line) -> None:
    """It can be looked at and replayed for as long as it is kept."""
    await line.use(RULE)
    line.recorder.replies = [Reject(code="no", detail="no")]
    await line.emit("x", {}, event_id="e")
    await line.emit("nobody", {}, event_id="last")
    await line.advance(0)
    keep = KeepFor(
        events=DAY, unmatched_events=DAY, duplicates=DAY, runs=DAY, dead_letters=30 * DAY, max_size=1 << 40
    )
    line.clock.move_to(START + 20 * DAY)
    await prune(line.store, keep)
    assert "e" in await events(line)
    line.clock.move_to(START + 31 * DAY)
    await prune(line.store, keep)
    assert "e" not in await events(line)
    assert await line.dead_letters() == []


async def test_an_id_may_come_again_once_its_time_as_a_duplicate_is_over(line: Line) -> None:
    """Seven days by default, and never while its event is still kept."""
    await line.use(RULE)
    await line.emit("nobody", {}, event_id="again")
    await line.emit("nobody", {}, event_id="other")
    line.clock.move_to(START + 8 * DAY)
    await line.emit("nobody", {}, event_id="now")
    await prune(line.store, KEEP)
    receipt = await line.emit("nobody", {}, event_id="again")
    assert receipt.stored.status == "accepted"


async def test_a_file_that_is_too_large_loses_old_events_early(line: Line) -> None:
    """What nothing refers to goes, whatever its age."""
    await line.use(RULE)
    for number in range(20):
        await line.emit("nobody", {"text": "x" * 1000}, event_id=f"e{number}")
    line.clock.move_to(START + 1)
    keep = KeepFor(
        events=30 * DAY,
        unmatched_events=7 * DAY,
        duplicates=7 * DAY,
        runs=90 * DAY,
        dead_letters=30 * DAY,
        max_size=1,
    )
    await prune(line.store, keep)
    assert await events(line) == ["e19"]


async def test_a_file_that_is_too_large_loses_no_more_than_it_has_to(line: Line) -> None:
    """The oldest go until there is room, and no further."""
    await line.use(RULE)
    line.store._connection.execute("PRAGMA synchronous = OFF")
    for number in range(400):
        await line.emit("nobody", {"text": "x" * 20_000}, event_id=f"e{number:03}")
    line.clock.move_to(START + 1)
    await prune(line.store, replace(KEEP, max_size=5_000_000))
    left = [row["id"] for row in await line.rows("list_events", before=1 << 62, type=None, account=None, limit=400)]
    assert 100 < len(left) < 300
    assert left == [f"e{number:03}" for number in range(399, 399 - len(left), -1)]


async def versions_and_generations(line: Line) -> tuple[int, int]:
    """How many of each are kept."""
    return (
        await line.store.read(lambda view: len(view.rows("version_ids")) + 1),
        await line.store.read(lambda view: len(view.rows("generations_in_use"))),
    )


async def test_versions_and_generations_live_as_long_as_something_refers_to_them(line: Line) -> None:
    """A hundred edits that nothing came of go; what an event was judged by, and what waits under it, stays."""
    await line.use(RULE.replace("trigger:", "delay: 100d\ntrigger:"))
    await line.emit("x", {}, event_id="waiting")
    for number in range(100):
        await line.use(RULE.replace("first", f"edit {number}"))
    assert await versions_and_generations(line) == (101, 101)
    await prune(line.store, KEEP)
    assert await versions_and_generations(line) == (2, 2)
    await line.advance(100 * DAY)
    assert [request.params["message"] for request in line.recorder.sent] == ["first"]
    await line.emit("nobody", {})
    line.clock.move_to(line.clock.now() + 100 * DAY)
    await prune(line.store, KEEP)
    assert await versions_and_generations(line) == (1, 1)


async def test_a_number_of_a_version_is_never_given_again(line: Line) -> None:
    """Whoever has it at hand would else take one rule for another."""
    for number in range(5):
        await line.use(RULE.replace("first", f"edit {number}"))
    await prune(line.store, KEEP)
    await line.use(RULE.replace("first", "another"))
    assert line.engine.rulebook.versions[0].id == 6
    assert line.engine.rulebook.generation == 6


async def test_a_version_that_is_taken_up_again_while_it_is_removed_stays(line: Line) -> None:
    """What was found unused is looked at again where it is removed, and a swap never refers to what has gone."""
    from autoflow.rules.loader import load_text
    from autoflow.store.versions import find_unused, remove_unused
    from support.line import CONTEXT

    await line.use(RULE)
    await line.use(RULE.replace("first", "second"))
    unused = await line.store.read(find_unused)
    assert (unused.generations, unused.versions) == ((1,), (1,))
    await line.use(RULE)
    assert await line.store.transact(lambda tx: remove_unused(tx, unused)) == 1
    await line.use(RULE.replace("first", "third"))

    transact, calls = line.store.transact, 0

    async def with_removal(change: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:  # between the storing of the versions and the swap
            again = await line.store.read(find_unused)
            assert again.versions
            await transact(lambda tx: remove_unused(tx, again))
        return await transact(change)  # type: ignore[arg-type]  # handed through

    line.store.transact = with_removal  # type: ignore[method-assign, assignment]  # at the worst moment
    result = load_text(RULE, "r.yaml", CONTEXT)
    await line.engine.install(result.rules, line.versions)
    assert calls > 2
    await line.emit("x", {})
    await line.advance(0)
    assert [request.params["message"] for request in line.recorder.sent] == ["first"]
