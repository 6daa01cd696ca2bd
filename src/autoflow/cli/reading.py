"""Events that a command is given: JSON, @FILE, a file of JSON lines, or standard input."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from autoflow.clock import SystemClock, from_rfc3339
from autoflow.errors import IntakeError, UsageError
from autoflow.intake.decode import Decoder
from autoflow.model.event import Event
from autoflow.model.ids import IdSource

JSON = "application/json"
LINES = "application/x-ndjson"
MOST_SHOWN = 20


def read_text(spec: str) -> bytes:
    """The bytes behind a spec: JSON itself, @FILE, or - for standard input."""
    if spec == "-":
        return sys.stdin.buffer.read()
    if spec.startswith("@"):
        return read_file(Path(spec[1:]))
    return spec.encode("utf-8", "surrogateescape")


def read_file(path: Path) -> bytes:
    """A file's bytes. UsageError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def read_lines(spec: str) -> bytes:
    """The bytes of `--events`: a file, or - for standard input."""
    return read_text("-") if spec == "-" else read_file(Path(spec.removeprefix("@")))


@contextlib.contextmanager
def open_lines(spec: str) -> Iterator[IO[bytes]]:
    """The lines of `--events`, one by one, however many there are."""
    if spec == "-":
        yield sys.stdin.buffer
        return
    path = Path(spec.removeprefix("@"))
    try:
        lines = path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    with lines:
        yield lines


def read_moment(at: str | None) -> int | None:
    """The time of `--at`. UsageError where it is none."""
    try:
        return None if at is None else from_rfc3339(at)
    except ValueError as error:
        raise UsageError(
            f"--at {at}: this is no time", hint="write it as RFC 3339 does, for example 2026-03-29T00:50:00Z"
        ) from error


def read_events(event: str | None, events: str | None, at: str | None) -> list[Event]:
    """The events of `--event` (one, or an array) or `--events` (JSON lines), arriving at `at`."""
    moment = read_moment(at)
    now = SystemClock().now() if moment is None else moment
    decoder = Decoder(IdSource())
    try:
        if event is not None:
            return decoder.decode_body(read_text(event), JSON, now=now)
        assert events is not None  # noqa: S101 - the command checked that one of both is given
        return decoder.decode_body(read_lines(events), LINES, now=now)
    except IntakeError as error:
        raise _unreadable("--event" if event is not None else "--events", error) from error


def _unreadable(option: str, error: IntakeError) -> UsageError:
    """Every mistake with its place; JSON lines have line numbers."""
    lines = []
    for pointer, detail in error.problems[:MOST_SHOWN]:
        place = pointer
        if pointer.startswith("/line/"):
            number, _, rest = pointer.removeprefix("/line/").partition("/")
            place = f"line {number} /{rest}" if rest else f"line {number}"
        lines.append(f"{place}: {detail}" if place else detail)
    if len(error.problems) > MOST_SHOWN:
        lines.append(f"and {len(error.problems) - MOST_SHOWN} more")
    if len(lines) > 1:
        return UsageError("\n  ".join([f"{option} cannot be read:", *lines]), code=error.code)
    hint = 'an event is {"type": "job.created", "data": {...}}' if option == "--event" else None
    return UsageError(f"{option}: {lines[0] if lines else error.message}", hint=error.hint or hint, code=error.code)
