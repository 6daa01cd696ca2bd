"""The whole job by hand, keeping nothing: uvicorn in front, two `if`s, an aiohttp session with 32 in flight behind.

`python -m benchmarks.forwarder SINK` prints its port. It answers 202 before it sends, remembers what waits in a list,
tries once, and forgets everything when it ends: the least that anybody would write for this.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from typing import Any

import aiohttp
import msgspec
import uvicorn
import uvloop

from benchmarks.reference import answer_accepted, read_body

IN_FLIGHT = 32


class Forwarder:
    """The application, and those who send for it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Decode, ask, leave what is to be sent to others, answer."""
        if scope["type"] != "http":
            return
        job = msgspec.json.decode(await read_body(receive))["data"]["job"]
        if job["client"]["type"] == "Commercial" and job["total"] >= 1000:
            self._waiting.put_nowait(json.dumps(job).encode())
        await answer_accepted(send)

    async def forward(self) -> None:
        """Send until cancelled."""
        headers = {"Content-Type": "application/json"}
        connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def send_some() -> None:
                while True:
                    async with session.post(self._url, data=await self._waiting.get()) as response:
                        await response.read()

            await asyncio.gather(*(send_some() for _ in range(IN_FLIGHT)))


async def serve(listener: socket.socket, url: str) -> None:
    """Serve and forward until told to stop."""
    forwarder = Forwarder(url)
    config = uvicorn.Config(
        forwarder, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    forwarding = asyncio.create_task(forwarder.forward())
    await uvicorn.Server(config).serve(sockets=[listener])
    forwarding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await forwarding


def main() -> None:
    """Serve on a free port of the loopback address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(listener, f"http://127.0.0.1:{sys.argv[1]}/hook"))


if __name__ == "__main__":
    main()
