"""Events that a command is given, and every mistake in them with its line."""

import io
import sys
from pathlib import Path

import pytest

from autoflow.cli.reading import read_events
from autoflow.errors import UsageError

LINES = b'{"type": "a.b"}\n\n{"type": "c.d", "id": "e2"}\n'


def test_an_event_is_json_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same event by every way."""
    text = '{"type": "a.b", "id": "e1"}'
    path = tmp_path / "event.json"
    path.write_text(text)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    for spec in (text, f"@{path}", "-"):
        [event] = read_events(spec, None, "2026-03-29T00:50:00Z")
        assert (event.type, event.id, event.received_at) == ("a.b", "e1", 1774745400000)


def test_an_array_is_several_events() -> None:
    """In its order."""
    assert [event.type for event in read_events('[{"type": "a"}, {"type": "b"}]', None, None)] == ["a", "b"]


def test_json_lines_are_events_and_empty_lines_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file and from standard input."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(LINES)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES)))
    for spec in (str(path), "-"):
        assert [event.type for event in read_events(None, spec, None)] == ["a.b", "c.d"]


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    """Not only the first one."""
    path = tmp_path / "events.jsonl"
    path.write_text('{"type": "a"}\nnonsense\n{"typ": "b"}\n{bad\n')
    with pytest.raises(UsageError) as refused:
        read_events(None, str(path), None)
    assert "line 2: not JSON" in refused.value.message
    assert "line 4: not JSON" in refused.value.message


@pytest.mark.parametrize(
    ("event", "at", "said"),
    [
        ("@nowhere.json", None, "cannot read nowhere.json: No such file"),
        ("{", None, "--event: not JSON"),
        ("7", None, "--event: an event is an object"),
        ('{"data": {}}', None, "--event: /type: is missing"),
        ('{"type": "a"}', "tomorrow", "--at tomorrow: this is no time"),
        ('{"type": "a"}', "2026-03-29 00:50:00", "--at 2026-03-29 00:50:00: this is no time"),
    ],
)
def test_what_cannot_be_read_is_a_wrong_call(event: str, at: str | None, said: str) -> None:
    """Exit code 2, with what is wrong and where."""
    with pytest.raises(UsageError) as refused:
        read_events(event, None, at)
    assert said in str(refused.value)
