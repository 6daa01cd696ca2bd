"""Real receivers on loopback for actions: an HTTP server that answers as told, and a mail server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiosmtpd import smtp

from autoflow.actions.base import Actions, Request
from autoflow.actions.registry import ActionContext, build_actions
from autoflow.model.json import Json
from autoflow.model.notifier import Notifier
from autoflow.security.egress import EgressGuard
from autoflow.security.outgoing import Outgoing
from autoflow.security.secrets import Secrets
from autoflow.templates import TemplateLibrary

NOW = 1_774_745_400_000
KEY = "act_abcdefghijklmnopqrstuvwxyz"


def make_request(params: dict[str, Json], *, attempt: int = 1) -> Request:
    """One attempt at an action of the CRM seed's example."""
    return Request(
        params=params,
        key=KEY,
        attempt=attempt,
        account="acc_12345",
        rule_id="notify-technician",
        run_id="run-1",
        event_id="e1",
        event_type="job.status.changed",
        now=NOW,
    )


@dataclass
class Received:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server that keeps what it gets and answers with `reply`."""

    port: int = 0
    requests: list[Received] = field(default_factory=list)
    reply: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    status: int = 200
    body: bytes = b'{"id": "m1"}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Keep the request, then answer."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Received(request.method, request.path_qs, headers, body))
        if self.reply is not None:
            return await self.reply(request)
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@asynccontextmanager
async def serve_http() -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    made = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@dataclass
class Bench:
    """Builds actions for a config and closes what they opened."""

    state: Path
    shown: list[str] = field(default_factory=list)
    logged: list[tuple[str, dict[str, Json]]] = field(default_factory=list)
    opened: list[Outgoing] = field(default_factory=list)
    secrets: Secrets = field(default_factory=lambda: Secrets({"KEY": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}))

    def build(
        self, *notifiers: Notifier, guard: EgressGuard | None = None, timeout_ms: int = 10_000, **options: Json
    ) -> Actions:
        """The actions of these notifiers; the guard allows loopback unless another one is given."""
        outgoing = Outgoing(guard or EgressGuard(["127.0.0.1"]), **options)
        self.opened.append(outgoing)
        context = ActionContext(
            state_dir=self.state,
            library=TemplateLibrary,
            show=self.shown.append,
            version="1.2.3",
            write_log=lambda message, who: self.logged.append((message, who)),
            timeout_ms=timeout_ms,
        )
        return build_actions({one.name: one for one in notifiers}, outgoing, self.secrets, context)


@dataclass(frozen=True)
class Authority:
    """A throwaway authority and a certificate it signed for one name."""

    ca_file: Path
    server: ssl.SSLContext

    @property
    def client(self) -> ssl.SSLContext:
        """A context that trusts only this authority."""
        return ssl.create_default_context(cafile=str(self.ca_file))


class Mailbox:
    """A mail server's handler: keeps what it gets, and refuses what it is told to."""

    def __init__(self) -> None:
        self.port = 0
        self.envelopes: list[smtp.Envelope] = []
        self.sessions: list[smtp.Session] = []
        #: answers by address, for RCPT
        self.refused: dict[str, str] = {}
        #: what DATA is answered with
        self.verdict = "250 OK"

    async def handle_RCPT(
        self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope, address: str, options: list[str]
    ) -> str:
        """Take the address, or refuse it."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope) -> str:
        """Keep the mail where the verdict is good."""
        if self.verdict.startswith("2"):
            self.envelopes.append(envelope)
            self.sessions.append(session)
        return self.verdict


@asynccontextmanager
async def serve_mail(*, implicit_tls: ssl.SSLContext | None = None, **options: Json) -> AsyncIterator[Mailbox]:
    """A mail server on a free port, on this loop."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    made: list[smtp.SMTP] = []

    def make_protocol() -> smtp.SMTP:
        made.append(smtp.SMTP(mailbox, hostname="mail.test", loop=loop, **options))
        return made[-1]

    server = await loop.create_server(make_protocol, "127.0.0.1", 0, ssl=implicit_tls)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()
        for protocol in made:
            # Some patch releases of Python cannot abort a TLS transport that is closed already.
            if protocol.transport is not None and not protocol.transport.is_closing():
                protocol.transport.abort()
        await asyncio.sleep(0)  # the transports close their sockets in the loop's next turn


async def loopback(_host: str, _port: int) -> list[str]:
    """A resolver that leads every name to this machine."""
    return ["127.0.0.1"]
