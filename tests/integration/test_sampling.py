"""What the daemon counts of its events beside the line: which, how many, and what becomes of the counts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from autoflow.sampling import MOST_COMPARISONS, MOST_EVENTS, MOST_OF_A_TYPE, Sampler
from autoflow.store.counts import VersionCounts, load_counts
from autoflow.store.retention import KeepFor, prune
from support.faults import Faults
from support.line import START, Line

RULE = """
id: r
trigger: { event: x, when: a == 1 }
when: [ b == 1, c == 1 ]
actions: [ log: { message: "first" } ]
"""
KEEP = KeepFor(events=0, unmatched_events=0, duplicates=0, runs=0, dead_letters=0, max_size=1 << 40)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    made = Line(tmp_path / "autoflow.db")
    yield made
    made.close()


def sampler_of(line: Line) -> Sampler:
    """One that watches the line."""
    sampler = Sampler(lambda: line.engine.rulebook, line.store, line.clock)
    line.engine.watch = sampler.offer
    return sampler


async def counts_of(line: Line) -> dict[int, VersionCounts]:
    """What is stored for the versions 1 to 9."""
    return await line.store.read(lambda view: load_counts(view, range(1, 10)))


async def test_each_event_counts_for_each_comparison(line: Line) -> None:
    """At a low rate every event is looked at, and every comparison of it, whatever the others say."""
    sampler = sampler_of(line)
    await line.use(RULE)
    await line.emit("x", {"a": 0})
    await line.emit("x", {"a": 1, "b": 0, "c": 1})
    await line.emit("x", {"a": 1, "b": 0, "c": 0})
    await line.emit("y", {"a": 1})
    await sampler.look()
    await sampler.flush()
    assert await counts_of(line) == {1: VersionCounts(1, START, 3, 2, ((2, 1, 0), (0, 2, 0), (1, 1, 0)))}


async def test_counts_add_up_from_one_writing_to_the_next(line: Line) -> None:
    """Nothing is counted twice, and where nothing was counted nothing is written."""
    sampler = sampler_of(line)
    await line.use(RULE)
    for _ in range(3):
        await line.emit("x", {"a": 1, "b": 1})
        await sampler.look()
        await sampler.flush()
        await sampler.flush()
    assert (await counts_of(line))[1] == VersionCounts(1, START, 3, 3, ((3, 0, 0), (3, 0, 0), (0, 3, 0)))


async def test_a_duplicate_shows_nothing_new(line: Line) -> None:
    """It was answered, and judged by nobody."""
    sampler = sampler_of(line)
    await line.use(RULE)
    await line.emit("x", {"a": 1}, event_id="same")
    await line.emit("x", {"a": 1}, event_id="same")
    await sampler.look()
    await sampler.flush()
    assert (await counts_of(line))[1].judged == 1


async def test_a_flood_is_sampled_and_hides_nothing_rare(line: Line) -> None:
    """Of one type only some a second are looked at; one event of another type in that second is."""
    sampler = sampler_of(line)
    await line.use(RULE + "---" + RULE.replace("id: r", "id: rare").replace("x,", "y,"))
    for _ in range(5 * MOST_OF_A_TYPE):
        await line.emit("x", {"a": 1})
    await line.emit("y", {"a": 1})
    await sampler.look()
    await sampler.flush()
    assert {version: counts.judged for version, counts in (await counts_of(line)).items()} == {
        1: MOST_OF_A_TYPE,
        2: 1,
    }
    line.clock.move_to(START + 1000)
    await line.emit("x", {"a": 1})
    await sampler.look()
    await sampler.flush()
    assert (await counts_of(line))[1].judged == MOST_OF_A_TYPE + 1


async def test_no_more_waits_than_fits(line: Line) -> None:
    """However many types flood in, what waits to be looked at is bounded."""
    sampler = sampler_of(line)
    await line.use(RULE.replace("x,", "'*',"))
    for number in range(MOST_EVENTS + 50):
        await line.emit(f"type.{number}", {"a": 1})
    await sampler.look()
    await sampler.flush()
    assert (await counts_of(line))[1].judged == MOST_EVENTS


async def test_where_many_rules_listen_each_has_its_turn(line: Line) -> None:
    """What is judged at once is bounded, and the next look goes on with other rules."""
    sampler = sampler_of(line)
    leaves = ", ".join(f"b == {number}" for number in range(500))
    rule = RULE.replace("b == 1, c == 1", leaves)
    await line.use("---".join(rule.replace("id: r", f"id: r{number}") for number in range(15)))
    for second in range(4):
        line.clock.move_to(START + 1000 * second)
        await line.emit("x", {"a": 1})
        await sampler.look()
    await sampler.flush()
    counts = await line.store.read(lambda view: load_counts(view, range(1, 16)))
    assert len(counts) == 15
    assert 15 <= sum(one.judged for one in counts.values()) <= 4 * (MOST_COMPARISONS // 500 + 1)


async def test_another_version_is_counted_by_itself(line: Line) -> None:
    """What was seen of the old one stays its own; one that stays in force goes on."""
    sampler = sampler_of(line)
    other = RULE.replace("id: r", "id: s")
    await line.use(RULE + "---" + other)
    await line.emit("x", {"a": 1})
    await sampler.look()
    await line.use(RULE.replace("b == 1", "b == 2") + "---" + other)
    line.clock.move_to(START + 5000)
    await line.emit("x", {"a": 1, "b": 2})
    await sampler.look()
    await sampler.flush()
    counts = await counts_of(line)
    assert {version: one.judged for version, one in counts.items()} == {1: 1, 2: 2, 3: 1}
    assert counts[3].leaves[1] == (1, 0, 0)


async def test_counts_that_cannot_be_stored_are_kept_for_the_next_time(line: Line) -> None:
    """A disk that fails loses nothing of them."""
    sampler = sampler_of(line)
    await line.use(RULE)
    await line.emit("x", {"a": 1})
    await sampler.look()
    faults = Faults(line.store, at=1)
    await sampler.flush()
    assert faults.seen == 1
    assert await counts_of(line) == {}
    await line.emit("x", {"a": 0})
    await sampler.look()
    await sampler.flush()
    assert (await counts_of(line))[1] == VersionCounts(1, START, 2, 1, ((1, 1, 0), (0, 1, 0), (0, 1, 0)))


async def test_counts_go_with_their_version(line: Line) -> None:
    """Retention removes what was seen of a version with it; counts that come too late are let go."""
    sampler = sampler_of(line)
    await line.use(RULE)
    await line.emit("x", {"a": 0})
    await sampler.look()
    await sampler.flush()
    await line.emit("x", {"a": 0})
    await sampler.look()
    await line.use(RULE.replace("first", "second"))
    await line.emit("other", {})
    line.clock.move_to(START + 1000)
    await prune(line.store, KEEP)
    await sampler.flush()
    assert await counts_of(line) == {}


async def test_a_defect_in_counting_keeps_nobody_from_the_answer(line: Line) -> None:
    """What follows a commit is nobody's business but its own."""
    await line.use(RULE)

    def fail(_receipts: object) -> None:
        raise RuntimeError("a defect")

    line.engine.watch = fail
    receipt = await line.emit("x", {"a": 1})
    assert receipt.event.id == "e1"
