"""The door of the shell: JSON lines on standard input; with acks, one line each after the commit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from autoflow.clock import Clock
from autoflow.errors import AutoflowError, IntakeError
from autoflow.intake.decode import Decoder
from autoflow.intake.gate import Gate
from autoflow.intake.receipts import event_answer
from autoflow.model.event import Event
from autoflow.model.json import plain_json
from autoflow.observe.log import get_log

log = get_log("autoflow.intake")

MOST_LINES = 500
LINE_LIMIT = 1 << 21


@dataclass(slots=True, kw_only=True)
class LineCount:
    """What came of the lines."""

    taken: int = 0
    refused: int = 0


class StdinDoor:
    """Reads lines until the end of the input; a bad line is told and the next one is read."""

    def __init__(
        self,
        gate: Gate,
        decoder: Decoder,
        clock: Clock,
        *,
        ack: Callable[[str], None] | None,
        tell: Callable[[str], None],
    ) -> None:
        self._gate = gate
        self._decoder = decoder
        self._clock = clock
        self._ack = ack
        self._tell = tell
        self.count = LineCount()

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Take everything up to the end of the input."""
        source = _Lines(reader)
        first = 1
        while lines := await source.next():
            for begin in range(0, len(lines), MOST_LINES):
                await self._take(lines[begin : begin + MOST_LINES], first=first + begin)
            first += len(lines)

    async def _take(self, lines: list[bytes], *, first: int) -> None:
        events: list[tuple[int, Event]] = []
        for number, line in enumerate(lines, start=first):
            if not line.strip():
                continue
            try:
                events.append((number, self._decoder.decode_line(line, now=self._clock.now())))
            except IntakeError as error:
                self._refuse(number, error)
        try:
            receipts = await self._gate.take([event for _, event in events], transport="stdin")
        except IntakeError:
            await self._take_singly(events)
            return
        except AutoflowError as error:
            for number, _ in events:
                self._refuse(number, error)
            return
        for (number, _), receipt in zip(events, receipts, strict=True):
            self.count.taken += 1
            self._answer({"line": number, **event_answer(receipt)})

    async def _take_singly(self, events: list[tuple[int, Event]]) -> None:
        """One of them may not come from outside: the others may."""
        for number, event in events:
            try:
                [receipt] = await self._gate.take([event], transport="stdin")
            except AutoflowError as error:
                self._refuse(number, error)
            else:
                self.count.taken += 1
                self._answer({"line": number, **event_answer(receipt)})

    def _refuse(self, number: int, error: AutoflowError) -> None:
        self.count.refused += 1
        self._tell(f"stdin line {number}: {error}")
        self._answer({"line": number, "status": "refused", "code": error.code, "error": error.message})

    def _answer(self, answer: dict[str, object]) -> None:
        if self._ack is not None:
            self._ack(plain_json(answer))


async def open_stdin() -> asyncio.StreamReader:
    """Standard input as a stream of this event loop; what cannot be polled (a file, a terminal) is read by a thread."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    mode = os.fstat(sys.stdin.fileno()).st_mode
    # The event loop's own way ends the whole process when it is given a file, so it is never asked.
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    else:
        threading.Thread(target=_feed, args=(loop, reader), name="stdin", daemon=True).start()
    return reader


def _feed(loop: asyncio.AbstractEventLoop, reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(RuntimeError):  # the daemon has ended meanwhile
        while chunk := os.read(sys.stdin.fileno(), 1 << 16):
            loop.call_soon_threadsafe(reader.feed_data, chunk)
        loop.call_soon_threadsafe(reader.feed_eof)


class _Lines:
    """Whole lines out of a stream, as many as have arrived."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._rest = b""

    async def next(self) -> list[bytes]:
        """At least one line; none at the end. A last line without an end is a line."""
        while True:
            chunk = await self._reader.read(1 << 16)
            if not chunk:
                rest, self._rest = self._rest, b""
                return [rest] if rest else []
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if len(self._rest) > LINE_LIMIT:
                # Too long to be an event: the decoder refuses it, and what follows of it is dropped with it.
                lines.append(self._rest)
                self._rest = b""
                await self._skip_line()
            if lines:
                return lines

    async def _skip_line(self) -> None:
        while chunk := await self._reader.read(1 << 16):
            _, found, rest = chunk.partition(b"\n")
            if found:
                self._rest = rest
                return
