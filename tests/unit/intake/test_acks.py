"""Acks go out in order and whole, and only whoever waits for them waits for their reader."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from autoflow.intake.acks import AckWriter

MORE_THAN_A_PIPE_HOLDS = 1 << 20


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of the system: (where it is read, where it is written)."""
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test closed it


async def read_all(descriptor: int, size: int) -> bytes:
    """So many bytes, read beside the loop."""

    def read() -> bytes:
        text = b""
        while len(text) < size:
            text += os.read(descriptor, 1 << 16)
        return text

    return await asyncio.to_thread(read)


@pytest.mark.parametrize("blocking", [True, False])
async def test_a_reader_that_waits_holds_the_writer_alone(pipe: tuple[int, int], blocking: bool) -> None:
    """The loop goes on; once it is read, all of it is there, in order, whichever kind of pipe it is."""
    reading, writing = pipe
    os.set_blocking(writing, blocking)
    acks = AckWriter(writing, asyncio.get_running_loop())
    texts = [bytes([65 + number]) * MORE_THAN_A_PIPE_HOLDS for number in range(3)]
    waiting = [asyncio.ensure_future(acks.write(text)) for text in texts]
    for _ in range(50):
        await asyncio.sleep(0.001)  # time for a thread to write what it can, and to say too early that it is done
    assert not any(one.done() for one in waiting)
    assert await read_all(reading, sum(map(len, texts))) == b"".join(texts)
    await asyncio.gather(*waiting)


async def test_where_nobody_reads_any_more_it_says_so(pipe: tuple[int, int]) -> None:
    """To whoever waited, and to the next one."""
    reading, writing = pipe
    os.close(reading)
    acks = AckWriter(writing, asyncio.get_running_loop())
    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            await acks.write(b"x")


async def test_whoever_stops_waiting_keeps_nobody(pipe: tuple[int, int]) -> None:
    """The next ones go out all the same, behind it."""
    reading, writing = pipe
    acks = AckWriter(writing, asyncio.get_running_loop())
    text = b"a" * MORE_THAN_A_PIPE_HOLDS
    first = asyncio.ensure_future(acks.write(text))
    await asyncio.sleep(0)  # it begins to write
    first.cancel()
    second = asyncio.ensure_future(acks.write(b"b"))
    assert await read_all(reading, len(text) + 1) == text + b"b"
    await second
