"""The server without storage: decodes an event, answers 202, keeps nothing.

The same uvicorn, httptools and uvloop as autoflow's, with the same settings and no framework: what is left is the
price of HTTP itself. `python -m benchmarks.reference` prints its port and serves until it is told to stop.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import msgspec
import uvicorn
import uvloop

ANSWER = b'{"accepted":1}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Read a request to its end, decode it, answer."""
    if scope["type"] != "http":
        return
    msgspec.json.decode(await read_body(receive))
    await answer_accepted(send)


async def read_body(receive: Any) -> bytes:
    """A request's body to its end."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def answer_accepted(send: Any) -> None:
    """202, as autoflow answers."""
    await send({"type": "http.response.start", "status": 202, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


def main() -> None:
    """Serve on a free port of the loopback address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        answer, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
