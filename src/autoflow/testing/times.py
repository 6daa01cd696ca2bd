"""A scenario's times: local where they are written and told, UTC milliseconds where they count."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from autoflow.clock import Millis
from autoflow.testing.scenario import ClockKeys, Moment

DEFAULT_START = datetime(2026, 1, 1)  # noqa: DTZ001 - in the zone of each test


def start_of(clock: ClockKeys) -> Millis:
    """When a test begins."""
    return to_millis(clock.start or DEFAULT_START, zone_of(clock))


def zone_of(clock: ClockKeys) -> ZoneInfo:
    """The zone of a test."""
    return ZoneInfo(clock.timezone or "UTC")


def to_millis(written: datetime, zone: ZoneInfo) -> Millis:
    """A time as written; without an offset it is local. Of an hour that comes twice the first one is meant."""
    moment = written if written.tzinfo else written.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)


def next_time(moment: Moment, zone: ZoneInfo, *, after: Millis) -> Millis:
    """The moment that is meant: of a time of day the next one, which is never now."""
    if isinstance(moment.value, datetime):
        return to_millis(moment.value, zone)
    today = datetime.fromtimestamp(after / 1000, UTC).astimezone(zone).date()
    return next(found for day in range(3) if (found := _on_day(today, day, moment.value, zone)) > after)


def _on_day(today: date, days: int, at: time, zone: ZoneInfo) -> Millis:
    return to_millis(datetime.combine(today + timedelta(days=days), at), zone)
