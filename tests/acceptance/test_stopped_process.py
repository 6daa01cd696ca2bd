"""A daemon that stands still for a while and goes on: what was in flight meanwhile is not sent a second time."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiosmtpd import smtp

from support.daemon import DaemonProcess, until
from support.receivers import Receiver, serve_http, serve_mail

MANY = 6
TIMEOUT_MS = 500


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that answers once it is told to."""
    async with serve_http() as made:
        yield made


async def stand_still(daemon: DaemonProcess, go_on: asyncio.Event) -> None:
    """Stop the process, let the receivers answer, and wake it when every timeout is long over."""
    assert daemon.process is not None
    pid = daemon.process.pid
    daemon.process.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    go_on.set()
    over = time.monotonic() + 2 * TIMEOUT_MS / 1000
    await until(lambda: time.monotonic() > over)  # the clock that the process's timeouts go by
    daemon.process.send_signal(signal.SIGCONT)


async def count_done(daemon: DaemonProcess) -> int:
    """How many runs have come to a good end."""
    return len((await daemon.get("/v1/runs", status="done"))["items"])


async def test_webhooks_answered_while_it_stood_still_are_not_sent_again(
    daemon: DaemonProcess, receiver: Receiver
) -> None:
    """Their timeouts fire first, though the answers are there: the answers count, also those on a new connection."""
    daemon.write_rule(
        "a.yaml",
        f'id: r\ntrigger: {{event: x}}\nactions: [ {{ webhook: {{ url: "{receiver.url}/", payload: {{}} }} }} ]\n',
    )
    daemon.config = {
        "egress": {"allow": ["127.0.0.1"]},
        "notifiers": {"webhook": {"timeout": f"{TIMEOUT_MS}ms"}},
    }
    go_on = asyncio.Event()

    async def hold(_request: web.Request) -> web.Response:
        await go_on.wait()
        return web.Response(status=204)

    await daemon.start()
    receiver.reply = hold
    await daemon.post([{"type": "x"} for _ in range(MANY)])
    await until(lambda: len(receiver.requests) == MANY)
    await stand_still(daemon, go_on)
    await until(lambda: count_done(daemon), log=daemon.log)
    await daemon.post({"type": "x", "id": "after"})

    async def all_done() -> bool:
        return await count_done(daemon) == MANY + 1

    await until(all_done, log=daemon.log)
    assert {attempt["result"] for attempt in daemon.events_logged("action.attempt")} == {"delivered"}
    assert len(receiver.requests) == MANY + 1
    assert len({request.headers["idempotency-key"] for request in receiver.requests}) == MANY + 1
    assert await daemon.stop() == 0


async def test_a_mail_taken_while_it_stood_still_is_not_sent_again(daemon: DaemonProcess) -> None:
    """The mail server's last word counts, whenever it is read."""
    go_on = asyncio.Event()

    async def take_slowly(_server: object, _session: object, envelope: smtp.Envelope) -> str:
        mailbox.envelopes.append(envelope)
        await go_on.wait()
        return "250 OK"

    async with serve_mail() as mailbox:
        mailbox.handle_DATA = take_slowly  # type: ignore[method-assign]  # the last word is held back
        daemon.config = {
            "notifiers": {
                "email": {
                    "transport": "smtp", "host": "127.0.0.1", "port": mailbox.port, "tls": "none",
                    "from": "a@example.com", "timeout": f"{TIMEOUT_MS}ms",
                }
            },
        }  # fmt: skip
        daemon.write_rule(
            "a.yaml",
            "id: r\ntrigger: {event: x}\n"
            "actions: [ { email: { recipient: b@example.com, subject: s, message: m } } ]\n",
        )
        await daemon.start()
        await daemon.post({"type": "x"})
        await until(lambda: mailbox.envelopes)
        await stand_still(daemon, go_on)
        await until(lambda: daemon.events_logged("action.attempt"), log=daemon.log)
        assert [attempt["result"] for attempt in daemon.events_logged("action.attempt")] == ["delivered"]
        assert await daemon.stop() == 0
        assert len(mailbox.envelopes) == 1
