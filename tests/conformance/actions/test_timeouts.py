"""A notifier's own timeout is the one that counts, whatever the daemon's is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from autoflow.model.run import Retry
from autoflow.settings import load_settings
from support.receivers import Bench, make_request

PARAMS = {
    "sms": {"recipient": "+15557654321", "message": "hello"},
    "email": {"recipient": "a@example.com", "subject": "s", "message": "hello"},
    "webhook": {"payload": {}},
}


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    """A server that takes connections and says nothing."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in held:
        writer.close()


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("sms", "transport: http, url: 'http://127.0.0.1:{port}/'"),
        ("sms", "transport: twilio, base_url: 'http://127.0.0.1:{port}', account_sid: AC, auth_token: x, from: y"),
        ("email", "transport: smtp, host: 127.0.0.1, port: {port}, tls: none, from: a@example.com"),
        ("webhook", ""),
    ],
)
async def test_a_silent_receiver_is_given_up_after_the_notifier_s_timeout(
    kind: str, written: str, silent_port: int, bench: Bench, tmp_path: Path
) -> None:
    """The attempt ends after what the config says, and is worth another one."""
    config = tmp_path / "config.yaml"
    entry = ", ".join(part for part in (written.format(port=silent_port), "timeout: 50ms") if part)
    config.write_text(f"notifiers: {{ {kind}: {{ {entry} }} }}")
    notifier = load_settings(config, environ={}).notifiers[kind]
    action = bench.build(notifier, timeout_ms=3_600_000)[kind]
    params = PARAMS[kind] | ({"url": f"http://127.0.0.1:{silent_port}/"} if kind == "webhook" else {})
    async with asyncio.timeout(60):
        outcome = await action.perform(make_request(params))
    assert isinstance(outcome, Retry)
    assert "timeout" in outcome.code
