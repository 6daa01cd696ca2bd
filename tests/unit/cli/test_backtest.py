"""The events of a file, as a backtest takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoflow.cli.backtest import _read_events, _recording
from autoflow.clock import from_rfc3339
from autoflow.errors import UsageError

LINES = """\
{"type": "a", "id": "1", "time": "2026-11-02T09:00:00Z"}

{"type": "b", "id": "2"}\r
{"type": "c", "id": "3", "time": "2026-11-01T00:00:00Z", "data": {"x": "\u2028\U0001f600"}}
"""


def write(tmp_path: Path, text: str) -> str:
    """A file of JSON lines."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(text.encode())
    return str(path)


def test_events_arrive_at_their_times(tmp_path: Path) -> None:
    """One without a time arrives with the one before it; empty lines and other line ends do not count."""
    first, last = from_rfc3339("2026-11-02T09:00:00Z"), from_rfc3339("2026-11-01T00:00:00Z")
    events = list(_read_events(write(tmp_path, LINES), None))
    assert [(event.id, event.received_at) for event in events] == [("1", first), ("2", first), ("3", last)]


def test_events_arrive_an_interval_apart_where_that_is_asked(tmp_path: Path) -> None:
    """From the first one's time on, in the order of the file."""
    first = from_rfc3339("2026-11-02T09:00:00Z")
    events = list(_read_events(write(tmp_path, LINES), 60_000))
    assert [event.received_at - first for event in events] == [0, 60_000, 120_000]
    assert events[2].time == from_rfc3339("2026-11-01T00:00:00Z")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"type": 1}', "line 3: /type must be text"),
        ("{", "line 3: "),
        ('["a"]', "line 3: "),
        ('{"type": "a", "time": "soon"}', "line 3: /time"),
    ],
)
def test_a_line_that_is_no_event_is_told_by_its_number(tmp_path: Path, line: str, told: str) -> None:
    """What stands before it is read all the same: it may be a long file."""
    events = _read_events(write(tmp_path, '{"type": "a"}\n\n' + line + "\n"), None)
    assert next(events).type == "a"
    with pytest.raises(UsageError) as caught:
        next(events)
    assert told in caught.value.message


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(UsageError, match="cannot read"):
        next(_read_events(str(tmp_path / "none.jsonl"), None))


@pytest.mark.parametrize(
    ("since", "events", "interval", "told"),
    [
        ("7d", "x", None, "--since is for the store"),
        (None, None, "1s", "--interval is for --events"),
        ("week", None, None, "--since week"),
        (None, "x", "soon", "--interval soon"),
    ],
)
def test_words_that_do_not_go_together_are_told(
    since: str | None, events: str | None, interval: str | None, told: str
) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError, match=told):
        _recording(since, events, interval, None)
