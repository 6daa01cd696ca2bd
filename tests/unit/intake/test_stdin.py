"""The door of the shell: every line is answered, a bad one stops nobody, and whoever writes may have to wait."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from autoflow.intake import gate as gate_module
from autoflow.intake import stdin as stdin_module
from autoflow.intake.decode import DecodeLimits, Decoder
from autoflow.intake.gate import Gate
from autoflow.intake.stdin import CHUNK, CHUNKS_AHEAD, StdinDoor, ThreadSource
from support.line import Line
from support.turns import turn


class Shell:
    """A door, and what it said."""

    def __init__(self, path: Path, *, event_bytes: int = 1 << 20) -> None:
        self.line = Line(path)
        self.gate = Gate(self.line.engine, self.line.store, self.line.metrics)
        decoder = Decoder(self.line.engine.ids, DecodeLimits(event_bytes=event_bytes))
        self.acks: list[dict[str, Any]] = []
        self.told: list[str] = []
        self.door = StdinDoor(
            self.gate,
            decoder,
            self.line.clock,
            ack=self.keep,
            tell=self.told.append,
        )

    async def keep(self, text: bytes) -> None:
        """What the door answers, as its reader sees it."""
        self.acks += map(json.loads, text.splitlines())

    async def read(self, *parts: bytes) -> list[tuple[int, str]]:
        """Feed these parts and then the end; (line, status) of each ack."""
        reader = asyncio.StreamReader()
        for part in parts:
            reader.feed_data(part)
        reader.feed_eof()
        await self.door.run(reader)
        return [(ack["line"], ack["status"]) for ack in self.acks]


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    made = Shell(tmp_path / "autoflow.db", event_bytes=1_000)
    await made.line.engine.install((), made.line.versions)
    yield made
    made.line.close()


def event(event_id: str, **more: Any) -> bytes:
    """One line, without its end."""
    return json.dumps({"type": "a.b", "id": event_id, **more}).encode()


async def test_every_line_is_answered_with_its_number(shell: Shell) -> None:
    """Blank lines count and are not answered; a repeated event is a duplicate."""
    text = event("1") + b"\r\n\n  \n" + event("2") + b"\n" + event("1") + b"\n"
    assert await shell.read(text) == [(1, "accepted"), (4, "accepted"), (5, "duplicate")]
    assert shell.acks[0] == {"line": 1, "id": "1", "source": "autoflow", "status": "accepted"}
    assert (shell.door.count.taken, shell.door.count.refused) == (3, 0)


async def test_a_bad_line_is_told_and_the_others_are_taken(shell: Shell) -> None:
    """On standard error for people, as an ack for programs, each with its place."""
    text = (
        b"nonsense\n" + event("1") + b"\n" + event("2", time="soon") + b"\n" + event("3", type="autoflow.x") + b"\n"
    )
    assert sorted(await shell.read(text)) == [(1, "refused"), (2, "accepted"), (3, "refused"), (4, "refused")]
    refused = {ack["line"]: ack for ack in shell.acks if ack["status"] == "refused"}
    assert refused[1]["code"] == "AF400"
    assert refused[3]["error"].startswith("/time: ")
    assert refused[4]["error"].startswith("/type: ")
    assert [text.partition(":")[0] for text in shell.told] == ["stdin line 1", "stdin line 3", "stdin line 4"]
    assert shell.door.count.refused == 3


async def test_a_last_line_without_its_end_counts_if_it_is_whole(shell: Shell) -> None:
    """A cut one is refused, never half an event."""
    assert await shell.read(event("1") + b"\n" + event("2")) == [(1, "accepted"), (2, "accepted")]
    shell.acks.clear()
    assert await shell.read(event("3") + b"\n" + event("4")[:-1]) == [(1, "accepted"), (2, "refused")]


async def test_lines_come_in_any_pieces(shell: Shell) -> None:
    """A pipe does not know lines."""
    text = event("1") + b"\n" + event("2") + b"\n"
    assert await shell.read(*(text[n : n + 1] for n in range(len(text)))) == [(1, "accepted"), (2, "accepted")]


async def test_a_line_that_is_too_long_is_refused_and_costs_no_other_line(shell: Shell) -> None:
    """However long it is, whatever comes after it in the same read, and with nothing after it at all."""
    long = b'{"type":"' + b"x" * 300_000
    text = long + b"\n" + event("1") + b"\n" + event("2") + b"\n"
    assert sorted(await shell.read(text)) == [(1, "refused"), (2, "accepted"), (3, "accepted")]
    assert shell.acks[0]["code"] == "AF413"
    shell.acks.clear()
    assert await shell.read(b"\n" + long) == [(2, "refused")]
    shell.acks.clear()
    assert sorted(await shell.read(event("3", data="x" * 1_000) + b"\n" + event("4"))) == [
        (1, "refused"),
        (2, "accepted"),
    ]


async def test_lines_after_a_long_one_at_the_very_end_are_lines(shell: Shell) -> None:
    """The rest of the read in which the long line ends may hold several."""
    first = b"y" * CHUNK
    assert sorted(await shell.read(first, b"y\n" + event("1") + b"\n" + event("2"))) == [
        (1, "refused"),
        (2, "accepted"),
        (3, "accepted"),
    ]


async def test_many_lines_go_in_groups(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, each answered once."""
    monkeypatch.setattr(stdin_module, "MOST_LINES", 7)
    text = b"".join(event(str(n)) + b"\n" for n in range(50))
    assert await shell.read(text) == [(n + 1, "accepted") for n in range(50)]


async def test_when_too_much_is_on_its_way_lines_wait_and_none_is_lost(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe can be left full; only HTTP senders are sent away."""
    monkeypatch.setattr(gate_module, "MOST_IN_FLIGHT", 2)
    monkeypatch.setattr(stdin_module, "MOST_LINES", 2)
    decoder = Decoder(shell.line.engine.ids)
    other = shell.gate.take([decoder.decode_line(event(name), now=1) for name in ("x", "y")], transport="http")
    beside = asyncio.ensure_future(other)
    await asyncio.sleep(0)  # it hands in what it has
    text = b"".join(event(str(n)) + b"\n" for n in range(6))
    assert await shell.read(text) == [(n + 1, "accepted") for n in range(6)]
    assert len(await beside) == 2


async def test_after_the_gate_is_closed_lines_are_refused(shell: Shell) -> None:
    """Their sender hears that nothing was kept."""
    await shell.gate.close()
    assert await shell.read(event("1") + b"\n" + event("2") + b"\n") == [(1, "refused"), (2, "refused")]
    assert {ack["code"] for ack in shell.acks} == {"AF503"}


async def test_when_nobody_reads_the_acks_any_more_no_further_line_is_taken(shell: Shell) -> None:
    """What was taken before stays; the door ends and says so, and the daemon goes on with its other doors."""

    async def fail(_text: bytes) -> None:
        raise BrokenPipeError

    shell.door._ack = fail
    await shell.read(event("1") + b"\n")
    assert shell.told == ["stdin: nobody reads the acks any more; no further line is taken"]
    assert shell.door.count.refused == 1


async def test_while_the_acks_are_not_read_no_further_line_is_taken(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow reader slows its sender and holds nobody else; the door rests once they are with the system."""
    monkeypatch.setattr(stdin_module, "MOST_LINES", 2)
    read = asyncio.Event()

    async def wait(text: bytes) -> None:
        await read.wait()
        await shell.keep(text)

    shell.door._ack = wait
    reading = asyncio.ensure_future(shell.read(b"".join(event(str(n)) + b"\n" for n in range(6))))
    while shell.door.count.taken < 2:
        await asyncio.sleep(0)
    resting = asyncio.ensure_future(shell.door.rest())
    await turn(20)
    assert (shell.door.count.taken, resting.done(), shell.acks) == (2, False, [])
    read.set()
    assert await reading == [(n + 1, "accepted") for n in range(6)]
    await resting


async def test_an_event_that_breaks_something_inside_harms_no_other_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its own line is refused."""
    judge = shell.line.engine.judge

    def fail_on_two(one: Any) -> Any:
        if one.id == "2":
            raise LookupError("a defect")
        return judge(one)

    monkeypatch.setattr(shell.line.engine, "judge", fail_on_two)
    text = b"".join(event(name) + b"\n" for name in "123")
    assert await shell.read(text) == [(1, "accepted"), (2, "refused"), (3, "accepted")]
    assert shell.acks[1]["code"] == "AF500"


async def test_a_file_is_read_no_faster_than_it_is_taken(tmp_path: Path) -> None:
    """A file of any size needs no more memory than a few reads."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * (CHUNK * CHUNKS_AHEAD * 3))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        source = ThreadSource(descriptor, asyncio.get_running_loop())
        await source.read()
        assert os.lseek(descriptor, 0, os.SEEK_CUR) <= CHUNK * (CHUNKS_AHEAD + 1)
        size = CHUNK
        while chunk := await source.read():
            size += len(chunk)
        assert size == CHUNK * CHUNKS_AHEAD * 3
        assert await source.read() == b""
    finally:
        os.close(descriptor)
