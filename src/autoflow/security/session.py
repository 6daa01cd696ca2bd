"""The HTTP client behind Outgoing: aiohttp with a resolver and a socket factory that ask the guard.

The resolver judges all addresses of a name; the socket factory judges the address a socket is made for,
which is the only place where literal addresses pass. Imported by the first request, for start-up's sake.
"""

from __future__ import annotations

import socket
import ssl
from contextvars import ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from autoflow.errors import EgressError
from autoflow.security.egress import EgressGuard, Resolver, Target
from autoflow.security.outgoing import BODY_CAP, DEADLINE_MS, Answer, Send, SendFailure
from autoflow.security.patience import Patience

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

_CONNECT_SECONDS = 5.0
_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH = 62, 64
"""OpenSSL's verify codes for a valid certificate of somebody else."""

_target: ContextVar[Target | None] = ContextVar("target", default=None)
"""Whom the request at hand is for; the tasks that connect for it inherit it."""


class _GuardedResolver(AbstractResolver):
    """Answers with addresses that the guard let pass."""

    def __init__(self, guard: EgressGuard, resolver: Resolver) -> None:
        self._guard = guard
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of the name, each judged."""
        target = _target.get()
        own = target is not None and target.origin.own
        addresses = await self._guard.resolve(host, port, own=own, resolver=self._resolver)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held open."""


class GuardedSession:
    """One pool of guarded connections."""

    def __init__(
        self, guard: EgressGuard, *, resolver: Resolver, tls: ssl.SSLContext | None, connections: int
    ) -> None:
        self._guard = guard
        connector = aiohttp.TCPConnector(
            resolver=_GuardedResolver(guard, resolver),
            socket_factory=self._make_socket,
            ssl=tls or ssl.create_default_context(),
            limit=connections,
            limit_per_host=max(1, connections // 8),
            # a look-up may be shared by a rule's request and the config's own, which are judged differently
            use_dns_cache=False,
        )
        trace: aiohttp.TraceConfig = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_note_sent)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            trace_configs=[trace],
            # until something was sent; from then on Patience counts
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        )

    async def request(self, send: Send, target: Target) -> Answer:
        """Send once and read the head of the answer."""
        progress = SimpleNamespace(sent=False)
        token = _target.set(target)
        try:
            async with Patience(min(send.timeout_ms, DEADLINE_MS) / 1000):
                return await self._exchange(send, target, progress)
        except TimeoutError as error:
            raise SendFailure("timeout", f"{target.name} did not answer in time", sent=progress.sent) from error
        except aiohttp.InvalidURL as error:
            raise EgressError(f"not a URL to send to: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _describe(error, target, sent=progress.sent) from error
        finally:
            _target.reset(token)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _exchange(self, send: Send, target: Target, progress: SimpleNamespace) -> Answer:
        try:
            url = URL(f"{target.name}{target.path}", encoded=True)
        except ValueError as error:
            raise EgressError(f"not a URL: {error}") from error
        headers = {"Accept": "*/*", **send.headers, "Accept-Encoding": "identity"}
        response = await self._session.request(
            send.method,
            url,
            headers=headers,
            data=send.body,
            allow_redirects=False,
            skip_auto_headers=("Content-Type", "User-Agent"),
            trace_request_ctx=progress,
        )
        try:
            body = await _read_head(response)
        finally:
            # an answer that was not read to its end closes its connection instead of going back to the pool
            response.release()
        names = {name.lower(): value for name, value in reversed(list(response.headers.items()))}
        return Answer(status=response.status, headers=names, body=body[:BODY_CAP], truncated=len(body) > BODY_CAP)

    def _make_socket(self, addr_info: AddrInfoType) -> socket.socket:
        family, kind, proto, _, sockaddr = addr_info
        target = _target.get()
        self._guard.check_peer(
            sockaddr, target.origin.host if target else None, own=bool(target and target.origin.own)
        )
        return socket.socket(family=family, type=kind, proto=proto)


async def _note_sent(_session: object, context: Any, _params: object) -> None:
    context.trace_request_ctx.sent = True


async def _read_head(response: aiohttp.ClientResponse) -> bytes:
    parts = bytearray()
    while len(parts) <= BODY_CAP:
        part = await response.content.read(BODY_CAP + 1 - len(parts))
        if not part:
            break
        parts += part
    return bytes(parts)


def _describe(error: Exception, target: Target, *, sent: bool) -> SendFailure:
    detail = f"{target.name}: {error}"
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return SendFailure(_judge_certificate(error.certificate_error), detail, sent=False)
        case aiohttp.ClientConnectorDNSError():
            return SendFailure("dns", detail, sent=False)
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return SendFailure("tls", detail, sent=sent)
        case aiohttp.ClientConnectorError():
            return SendFailure("connect", detail, sent=False)
        case aiohttp.ClientResponseError():
            return SendFailure("bad-answer", detail, sent=sent)
        case _:
            return SendFailure("reset", detail, sent=sent)


def _judge_certificate(error: Exception) -> str:
    code = getattr(error, "verify_code", None)
    return "certificate" if code in (_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH) else "tls"
