"""`python -m crash.sink`: the receiver of the crash loop. Writes each call down, synced, before it answers.

What it answers is decided by the path and by the key and attempt, so that a call tells what was answered to it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
from pathlib import Path

from aiohttp import web

from crash.journal import Journal

HANG_SECONDS = 3.0
"""Longer than a webhook waits for its answer here."""
SLOW_SECONDS = 0.08
JOURNAL: web.AppKey[Journal] = web.AppKey("journal", Journal)
SEED: web.AppKey[str] = web.AppKey("seed", str)


def choose_answer(seed: str, path: str, key: str, attempt: str) -> str:
    """A status, `hang` for no answer at all, or `slow` for a 200 that leaves a kill some time."""
    draw = int.from_bytes(hashlib.sha256(f"{seed} {key} {attempt}".encode()).digest()[:4]) / 2**32
    if path == "/hopeless":
        return "503"
    if path == "/gone":
        return "410"
    if path == "/flaky" and draw < 0.45:
        return "hang" if draw < 0.06 else "503"
    return "slow" if draw > 0.75 else "200"


async def take(request: web.Request) -> web.Response:
    """One call: onto the disk, then its answer."""
    body = await request.text()
    head = request.headers
    key, attempt = head.get("Idempotency-Key", ""), head.get("X-Autoflow-Attempt", "0")
    answer = choose_answer(request.app[SEED], request.path, key, attempt)
    request.app[JOURNAL].write(
        "call",
        sync=True,
        key=key,
        attempt=int(attempt),
        run=head.get("X-Autoflow-Run", ""),
        rule=head.get("X-Autoflow-Rule", ""),
        path=request.path,
        body=body,
        answer=answer,
    )
    if answer in ("hang", "slow"):
        never = asyncio.Event()
        try:
            await asyncio.wait_for(never.wait(), HANG_SECONDS if answer == "hang" else SLOW_SECONDS)
        except TimeoutError:
            if answer == "hang" and request.transport is not None:
                request.transport.abort()
    return web.Response(status=200 if answer in ("hang", "slow") else int(answer))


async def serve(journal: Journal, seed: str) -> None:
    """Say the port on standard output, then serve until the process is ended."""
    app = web.Application()
    app[JOURNAL] = journal
    app[SEED] = seed
    app.router.add_post("/{tail:.*}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    # Its end is the end of whoever started it: that closes our standard input.
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seed", required=True)
    options = parser.parse_args()
    asyncio.run(serve(Journal(options.log), options.seed))
