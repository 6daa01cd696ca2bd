"""Events that a command is given: JSON, @FILE, a file of JSON lines, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from autoflow.clock import SystemClock, from_rfc3339
from autoflow.errors import UsageError
from autoflow.intake.decode import Decoder
from autoflow.model.event import Event
from autoflow.model.ids import IdSource


def read_text(spec: str) -> bytes:
    """The bytes behind a spec: JSON itself, @FILE, or - for standard input."""
    if spec == "-":
        return sys.stdin.buffer.read()
    if spec.startswith("@"):
        return read_file(Path(spec[1:]))
    return spec.encode()


def read_file(path: Path) -> bytes:
    """A file's bytes. UsageError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def read_events(event: str | None, events: str | None, at: str | None) -> list[Event]:
    """The events of `--event` (one, or an array) or `--events` (JSON lines), arriving at `at`."""
    try:
        now = from_rfc3339(at) if at is not None else SystemClock().now()
    except ValueError as error:
        raise UsageError(f"--at {at}: {error}") from error
    decoder = Decoder(IdSource())
    if event is not None:
        return decoder.decode_body(read_text(event), "application/json", now=now)
    assert events is not None  # noqa: S101 - the command checked that one of both is given
    content = read_text("-") if events == "-" else read_file(Path(events))
    return [event for line in content.splitlines() if line.strip() for event in [decoder.decode_line(line, now=now)]]
