"""The door of the shell: JSON lines on standard input; with acks (`acks`), one line each after the commit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

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
CHUNK = 1 << 16
CHUNKS_AHEAD = 16
"""How far the thread that reads a file may be ahead of the gate."""


class ByteSource(Protocol):
    """Where bytes come from: a stream of the event loop, or a file."""

    async def read(self, n: int = ..., /) -> bytes:
        """Some bytes; none at the end, also when asked again."""
        ...


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
        ack: Callable[[bytes], Awaitable[None]] | None,
        tell: Callable[[str], None],
    ) -> None:
        self._gate = gate
        self._decoder = decoder
        self._clock = clock
        self._ack = ack
        self._tell = tell
        self._answers: list[str] = []
        #: whether all that was read is answered
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self.count = LineCount()

    async def run(self, reader: ByteSource) -> None:
        """Take everything up to the end of the input."""
        source = _Lines(reader, self._decoder.limits.event_bytes)
        first = 1
        try:
            while lines := await source.next():
                self._at_rest.clear()
                for begin in range(0, len(lines), MOST_LINES):
                    await self._take(lines[begin : begin + MOST_LINES], first=first + begin)
                first += len(lines)
                self._at_rest.set()
        except BrokenPipeError:
            # Whoever counted on the acks is gone, and will send again what it has no ack for.
            self.count.refused += 1
            self._tell("stdin: nobody reads the acks any more; no further line is taken")
        finally:
            self._at_rest.set()

    async def rest(self) -> None:
        """Return once what was read so far is answered."""
        await self._at_rest.wait()

    async def _take(self, lines: list[bytes], *, first: int) -> None:
        events: list[tuple[int, Event]] = []
        for number, line in enumerate(lines, start=first):
            if not line.strip():
                continue
            try:
                events.append((number, self._decoder.decode_line(line, now=self._clock.now())))
            except IntakeError as error:
                self._refuse(number, error)
        if events:
            # Who writes into a pipe can wait, who sends over HTTP is told to.
            await self._gate.wait_for_room(len(events))
            await self._store(events)
        await self._send_answers()

    async def _store(self, events: list[tuple[int, Event]]) -> None:
        try:
            receipts = await self._gate.take([event for _, event in events], transport="stdin")
        except AutoflowError as error:
            for number, _ in events:
                self._refuse(number, error)
            return
        except Exception as error:
            if len(events) > 1:  # one of them is to blame, and only that one is refused
                for one in events:
                    await self._store([one])
                return
            log.error("api.defect", exception=error, path="stdin")
            self._refuse(events[0][0], AutoflowError("this is a defect of autoflow; the log says more", code="AF500"))
            return
        for (number, _), receipt in zip(events, receipts, strict=True):
            self.count.taken += 1
            self._answer({"line": number, **event_answer(receipt)})

    def _refuse(self, number: int, error: AutoflowError) -> None:
        self.count.refused += 1
        self._tell(f"stdin line {number}: {error}")
        self._answer({"line": number, "status": "refused", "code": error.code, "error": error.message})

    def _answer(self, answer: dict[str, object]) -> None:
        if self._ack is not None:
            self._answers.append(plain_json(answer) + "\n")

    async def _send_answers(self) -> None:
        """No further line is taken before they are with the system: so many are held, and no more."""
        answers, self._answers = self._answers, []
        if self._ack is not None and answers:
            await self._ack("".join(answers).encode())


async def open_stdin() -> ByteSource:
    """Standard input as a source; what cannot be polled (a file, a terminal) is read by a thread."""
    loop = asyncio.get_running_loop()
    mode = os.fstat(sys.stdin.fileno()).st_mode
    # The event loop's own way ends the whole process when it is given a file, so it is never asked.
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        reader = asyncio.StreamReader(limit=CHUNK * CHUNKS_AHEAD)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
        return reader
    return ThreadSource(sys.stdin.fileno(), loop)


class ThreadSource:
    """A file descriptor that is read by a thread, which waits when it is too far ahead."""

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        self._descriptor = descriptor
        self._loop = loop
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = threading.Semaphore(CHUNKS_AHEAD)
        self._ended = False
        threading.Thread(target=self._feed, name="stdin", daemon=True).start()

    async def read(self, _n: int = CHUNK, /) -> bytes:
        """The next chunk; none at the end."""
        if self._ended:
            return b""
        chunk = await self._chunks.get()
        self._room.release()
        self._ended = not chunk
        return chunk

    def _feed(self) -> None:
        chunk = b"-"
        with contextlib.suppress(RuntimeError):  # the daemon has ended meanwhile
            while chunk:
                self._room.acquire()
                chunk = os.read(self._descriptor, CHUNK)
                self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)


class _Lines:
    """Whole lines out of a source, as many as have arrived."""

    def __init__(self, source: ByteSource, longest: int) -> None:
        self._source = source
        self._longest = longest
        self._rest = b""

    async def next(self) -> list[bytes]:
        """At least one line; none at the end. A last line without an end is a line."""
        while True:
            chunk = await self._source.read(CHUNK)
            if not chunk:
                rest, self._rest = self._rest, b""
                return rest.split(b"\n") if rest else []
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if len(self._rest) > self._longest:
                # Too long to be an event: the decoder refuses it, and what follows of it is dropped with it.
                lines.append(self._rest)
                self._rest = b""
                await self._skip_line()
            if lines:
                return lines

    async def _skip_line(self) -> None:
        while chunk := await self._source.read(CHUNK):
            _, found, rest = chunk.partition(b"\n")
            if found:
                self._rest = rest
                return
