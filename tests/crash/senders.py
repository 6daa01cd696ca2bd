"""`python -m crash.senders KIND`: one of the four senders of the crash loop, in a process of its own.

What it offers stands in its log before it is sent, what was answered is synced to it. What was not answered is
offered again, with the same ids, until it is. It stops when the other end of its standard input is closed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crash.journal import Journal
from crash.stories import Batch, Event, Story

KINDS = {"single": 1, "array": 6, "lines": 6, "stdin": 8}
"""How many events each offers at once, at the most."""
PATIENCE = 60.0
"""Seconds without a daemon after which something is wrong with the loop itself."""
ANSWER_SECONDS = 10.0


class GaveUpError(Exception):
    """Nobody answered for a long time."""


class LostError(Exception):
    """The daemon went away before it answered."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the daemon's unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("autoflow", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the path instead of the host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class HttpDoor:
    """Offers over HTTP: one event, an array, or JSON lines (these over the unix socket)."""

    def __init__(self, kind: str, port: int, state: Path, socket_file: str) -> None:
        self._kind = kind
        self._state = state
        self._socket_file = socket_file
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def offer(self, batch: Batch) -> Iterator[tuple[int, dict[str, Any]]]:
        """The status and what was answered. LostError where there was no answer."""
        try:
            connection = self._connect()
            connection.request("POST", "/v1/events", body=self._body(batch.events), headers=self._headers())
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            raise LostError(type(error).__name__) from error
        yield response.status, answer

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = (
                UnixConnection(self._socket_file)
                if self._kind == "lines"
                else http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
            )
        return self._connection

    def _headers(self) -> dict[str, str]:
        if self._kind == "lines":
            return {"Content-Type": "application/x-ndjson"}
        token = (self._state / "token").read_text().strip()
        return {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def _body(self, events: list[Event]) -> bytes:
        if self._kind == "single":
            return json.dumps(events[0]).encode()
        if self._kind == "array":
            return json.dumps(events).encode()
        return b"".join(json.dumps(event).encode() + b"\n" for event in events)


class PipeDoor:
    """Offers lines on a daemon's standard input; the loop hands over new pipes with each new daemon."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._input = self._acks = -1
        self._rest = b""

    def offer(self, batch: Batch) -> Iterator[tuple[int, dict[str, Any]]]:
        """One answer after the other, as they come. LostError where the daemon went away before the last."""
        self._take_pipes()
        if self._input < 0:
            raise LostError("NoPipes")
        try:
            os.write(self._input, b"".join(json.dumps(event).encode() + b"\n" for event in batch.events))
            statuses = []
            for _ in batch.events:
                ack = self._read_ack()
                statuses.append(_status_of(ack))
                if 503 not in statuses:
                    yield statuses[-1], {"events": [ack]}
            if 503 in statuses:
                yield 503, {}  # from the first such line on, all of them are offered again
        except OSError as error:
            self._drop_pipes()
            raise LostError(type(error).__name__) from error

    def _take_pipes(self) -> None:
        while select.select([self._control], [], [], 0)[0]:
            message, pipes, _, _ = socket.recv_fds(self._control, 1, 2)
            if not message:
                return
            self._drop_pipes()
            self._input, self._acks = pipes

    def _drop_pipes(self) -> None:
        for pipe in (self._input, self._acks):
            if pipe >= 0:
                os.close(pipe)
        self._input = self._acks = -1
        self._rest = b""

    def _read_ack(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            if not select.select([self._acks], [], [], ANSWER_SECONDS)[0]:
                raise TimeoutError("no ack")
            chunk = os.read(self._acks, 65536)
            if not chunk:
                raise BrokenPipeError("the daemon is gone")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        ack: dict[str, Any] = json.loads(line)
        return ack


class Sender:
    """Offers one batch after the other until it is told to stop."""

    def __init__(self, story: Story, door: HttpDoor | PipeDoor, journal: Journal) -> None:
        self._story = story
        self._door = door
        self._journal = journal

    def run(self, control: socket.socket, pause: float) -> None:
        """Until the other end of `control` is closed."""
        while not _is_closed(control, pause):
            batch = self._story.next_batch()
            self._journal.write("offer", events=batch.events, bad=batch.bad)
            self._insist(batch)
        self._journal.write("stopped", sync=True)

    def _insist(self, batch: Batch) -> None:
        """Offer until everything is answered."""
        begun = time.monotonic()
        while batch.events:
            if time.monotonic() - begun > PATIENCE:
                raise GaveUpError(f"no answer for {PATIENCE:.0f} s")
            try:
                for status, answer in self._door.offer(Batch(events=list(batch.events), bad=batch.bad)):
                    self._note(batch, status, answer)
            except LostError as lost:
                self._journal.write("lost", why=str(lost), ids=[event["id"] for event in batch.events])
                time.sleep(0.02)  # a daemon that is down is not asked in a tight loop

    def _note(self, batch: Batch, status: int, answer: dict[str, Any]) -> None:
        """Write down what was answered, and take it out of what is still to be offered."""
        if status == 503:
            self._journal.write("busy")
            time.sleep(0.02)  # as it was asked to, only shorter
            return
        if status == 400 and batch.bad:
            self._journal.write("refused", sync=True, ids=[event["id"] for event in batch.events])
            batch.events.clear()
            return
        told = [(one.get("id"), one.get("status")) for one in answer.get("events", ())]
        waiting = [event["id"] for event in batch.events][: len(told)]
        if status != 202 or not told or [name for name, _ in told] != waiting:
            self._journal.write("odd", sync=True, status=status, answer=answer, waiting=waiting)
            batch.events.clear()
            return
        self._journal.write("answer", sync=True, events=told)
        done, batch.events = batch.events[: len(told)], batch.events[len(told) :]
        for event in done:
            self._story.note_answer(event)


def _status_of(ack: dict[str, Any]) -> int:
    """What HTTP would say in place of a line."""
    if ack["status"] != "refused":
        return 202
    return 503 if ack["code"] == "AF007" else 400


def _is_closed(control: socket.socket, pause: float) -> bool:
    """Wait for the word to stop; new pipes are no such word."""
    begun = time.monotonic()
    while (left := pause - (time.monotonic() - begun)) > 0:
        if select.select([control], [], [], left)[0]:
            if not control.recv(1, socket.MSG_PEEK):
                return True
            time.sleep(0.005)  # the byte stays where it is, for the next select to find at once
    return False


def main() -> None:
    """Tell one story at one door."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--pause", type=float, required=True)
    options = parser.parse_args()
    control = socket.socket(fileno=0)
    story = Story(
        source=options.kind,
        seed=f"{options.seed} {options.kind}",
        most=KINDS[options.kind],
        can_be_bad=options.kind in ("array", "lines"),
    )
    door = (
        PipeDoor(control)
        if options.kind == "stdin"
        else HttpDoor(options.kind, options.port, options.home / "state", options.socket)
    )
    journal = Journal(options.home / f"sender-{options.kind}.jsonl")
    Sender(story, door, journal).run(control, options.pause)


if __name__ == "__main__":
    main()
