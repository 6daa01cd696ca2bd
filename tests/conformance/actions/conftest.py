"""A receiver, a bench of actions and a throwaway certificate for the tests beside this."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from autoflow.security.egress import EgressGuard
from autoflow.security.outgoing import Outgoing
from support.receivers import Authority, Bench, Receiver, serve_http


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The client runs on the daemon's event loop and, in `autoflow test-rule` and the like, on Python's own."""
    loops = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return (
        loops
        if item.path.stem in {"test_connections", "test_connection_pool"}
        else {"asyncio": asyncio.new_event_loop}
    )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A running receiver on a free port."""
    async with serve_http() as made:
        yield made


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose connections are closed at the end."""
    made = Bench(tmp_path)
    yield made
    for outgoing in made.opened:
        await outgoing.close()
    await asyncio.sleep(0)  # the transports close their sockets in the loop's next turn


@pytest.fixture
async def outgoing() -> AsyncIterator[Outgoing]:
    """A client that may reach this machine."""
    made = Outgoing(EgressGuard(["127.0.0.1"]))
    yield made
    await made.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority whose certificate is valid for mail.test and nobody else."""
    home = tmp_path_factory.mktemp("authority")
    extensions = home / "extensions"
    extensions.write_text("subjectAltName=DNS:mail.test\nkeyUsage=digitalSignature\nauthorityKeyIdentifier=keyid\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    ca = [
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=Test authority",
        "-addext",
        "keyUsage=critical,keyCertSign",
    ]
    for command in (
        ["req", "-x509", *new_key, *ca, "-days", "2"],
        ["req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=mail.test"],
        [
            *("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", "2", "-extfile", "extensions", "-out", "server.pem"),
        ],
    ):
        subprocess.run(["openssl", *command], cwd=home, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "server.pem", home / "server.key")
    return Authority(ca_file=home / "ca.pem", server=context)
