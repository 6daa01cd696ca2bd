"""Local times of scenarios: the next time of day, in zones whose clocks are put forth and back."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from autoflow.testing.fields import read_moment
from autoflow.testing.scenario import ClockKeys
from autoflow.testing.times import next_time, start_of, to_millis

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "written", "then"),
    [
        ("2026-05-04T08:00:00", "09:00", "2026-05-04T09:00:00"),
        ("2026-05-04T09:00:00", "09:00", "2026-05-05T09:00:00"),
        ("2026-05-04T09:00:00.001", "09:00", "2026-05-05T09:00:00"),
        ("2026-05-04T23:59:59", "0:00", "2026-05-05T00:00:00"),
        ("2026-12-31T23:59:59", "23:59:58", "2027-01-01T23:59:58"),
        ("2026-03-28T03:00:00", "02:30", "2026-03-29T03:30:00"),
        ("2026-03-29T01:30:00", "03:00", "2026-03-29T03:00:00"),
        ("2026-10-25T02:30:00+02:00", "02:30", "2026-10-26T02:30:00"),
        ("2026-10-25T01:30:00", "02:30", "2026-10-25T02:30:00+02:00"),
        ("2026-05-04T08:00:00", "2026-06-01T00:00:00", "2026-06-01T00:00:00"),
        ("2026-05-04T08:00:00", "2026-06-01 00:00Z", "2026-06-01T02:00:00"),
    ],
)
def test_the_next_time_that_is_meant(now: str, written: str, then: str) -> None:
    """A time of day is never now; one that is skipped that night comes as much later."""
    after = to_millis(datetime.fromisoformat(now), BERLIN)
    assert next_time(read_moment(written), BERLIN, after=after) == to_millis(datetime.fromisoformat(then), BERLIN)


def test_a_test_begins_with_the_year_where_it_says_nothing() -> None:
    """In its own zone."""
    assert start_of(ClockKeys(timezone="Europe/Berlin")) == to_millis(datetime.fromisoformat("2026-01-01"), BERLIN)
