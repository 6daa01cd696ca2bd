"""What a soak run calls flat."""

from dataclasses import replace

import pytest
from benchmarks.soak import Look, Outcome, judge, write_soak

FLAT = Look(at=0.0, memory_mib=60.0, descriptors=40, wal_mib=16.0, database_mib=5.0, waiting=200)


def outcome(last: Look) -> Outcome:
    """Forty looks, of which the last five are as given."""
    looks = [replace(FLAT, at=float(at)) for at in range(35)]
    looks += [replace(last, at=float(at)) for at in range(35, 40)]
    return Outcome(looks=tuple(looks), answered=100, runs={"done": 98, "failed": 2, "waiting": 0})


def test_a_level_run_has_no_findings() -> None:
    """Nothing grew, and all that was answered has ended."""
    assert judge(outcome(FLAT)) == []
    assert "nothing was left" in write_soak(outcome(FLAT), {"disk": "fast"}, "today")


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (replace(FLAT, memory_mib=90.0), "memory grew"),
        (replace(FLAT, descriptors=105), "descriptors grew"),
        (replace(FLAT, wal_mib=65.0), "write-ahead log grew"),
    ],
)
def test_what_grows_is_a_finding(last: Look, said: str) -> None:
    """Memory, descriptors and the log each have their bound."""
    (finding,) = judge(outcome(last))
    assert said in finding


def test_the_page_cache_may_fill_while_the_database_grows() -> None:
    """What is kept in memory of a database that grows is no leak, up to the size of the cache."""
    assert judge(outcome(replace(FLAT, memory_mib=120.0, database_mib=50.0))) == []
    (finding,) = judge(outcome(replace(FLAT, memory_mib=160.0, database_mib=500.0)))
    assert "memory grew from 60 to 160 MiB" in finding


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ({"done": 97, "failed": 2}, "99 runs have ended"),
        ({"done": 98, "failed": 2, "waiting": 1}, "1 pending triggers were left"),
        ({"done": 100}, "nothing failed"),
    ],
)
def test_what_gets_lost_is_a_finding(runs: dict[str, int], said: str) -> None:
    """Every answered event has a run that ended, and the sink did fail."""
    (finding,) = judge(replace(outcome(FLAT), runs=runs))
    assert said in finding
