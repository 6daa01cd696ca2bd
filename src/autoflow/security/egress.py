"""The guard at the way out: which hosts autoflow may connect to. Everything that opens a connection asks it.

Names are never judged by their spelling: all addresses of a name are, and then the one really connected to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from autoflow.errors import ConfigError, EgressError
from autoflow.security.addresses import Address, Network, is_metadata, unwrap_address, why_inside

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a name, as text. OSError where there are none."""

_LOW_PORTS = "1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115"
_HIGH_PORTS = (
    "117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 "
    "601 636 989 990 993 995 1719 1720 1723 2049 3306 3659 4045 4190 5060 5061 5432 6000 6379 6566 6665 6666 "
    "6667 6668 6669 6679 6697 10080 11211 27017"
)
_REFUSED_PORTS = frozenset(int(port) for port in f"{_LOW_PORTS} {_HIGH_PORTS}".split())
"""Ports of other protocols that can be spoken to with an HTTP request (browsers refuse most of them too)."""

_URL = re.compile(r"[\x21-\x5b\x5d-\x7e\u00a1-\uffff]+")
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_KNOWN_ORIGINS = 1024
"""Servers whose reading and judging is remembered: rules name them as they stand, so there are few."""
_KNOWN_URLS, _KNOWN_LENGTH = 1024, 256
"""Addresses that are remembered whole, and how long they are at most: many rules have one and the same for all."""
_PORTS = {"http": 80, "https": 443}
_ENTRY = re.compile(
    r"\[(?P<v6>[^\]]+)\](?::(?P<v6port>\d+))?"
    r"|(?P<host>[^:\[\]\s]+)(?::(?P<port>\d+))?"
    r"|(?P<bare>[0-9a-fA-F:.]+(?:/\d+)?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A server that requests go to."""

    scheme: str
    #: lower-case ASCII, without brackets
    host: str
    port: int
    #: the address stands in the config, not in a rule
    own: bool = False
    #: what limits and slots go by: `https://hooks.example.com:443`
    name: str = field(init=False, compare=False)
    #: what the Host header says: the port only where the scheme has another one
    authority: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Written once: each request asks for them."""
        full = join_host(self.host, self.port)
        short = f"[{self.host}]" if ":" in self.host else self.host
        object.__setattr__(self, "name", f"{self.scheme}://{full}")
        object.__setattr__(self, "authority", short if self.port == _PORTS[self.scheme] else full)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    origin: Origin
    #: path and query, as they are sent
    path: str

    @property
    def name(self) -> str:
        """The server's name."""
        return self.origin.name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One line of egress.allow."""

    host: str | None
    network: Network | None
    port: int | None

    def covers(self, host: str | None, address: Address, port: int) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is None:
            return host == self.host and not is_metadata(address)
        exact = self.network.prefixlen == self.network.max_prefixlen
        return unwrap_address(address) in self.network and (exact or not is_metadata(address))


class EgressGuard:
    """Judges addresses by the built-in lists and the config's own.

    `allow` holds hosts, addresses and networks, each with or without a port. `trusted` holds the hosts of
    the config's notifiers: allowed to those alone.
    """

    def __init__(self, allow: Sequence[str] = (), require_https: bool = False, trusted: Sequence[str] = ()) -> None:
        self._allow = tuple(parse_entry(entry) for entry in allow)
        self._trusted = tuple(parse_entry(entry) for entry in trusted)
        self._require_https = require_https
        # what is refused is not remembered: it is rare, and its error is told in full each time
        self._pass = lru_cache(maxsize=_KNOWN_ORIGINS)(self._judge)
        self._know = lru_cache(maxsize=_KNOWN_URLS)(self._check_url)

    def check_url(self, url: str, *, own: bool = False) -> Target:
        """The parts of an http(s) URL. EgressError when it can never be sent to; names are judged at connect."""
        return self._know(url, own) if len(url) <= _KNOWN_LENGTH else self._check_url(url, own)

    def check_written(self, url: str) -> None:
        """EgressError when a rule with this URL can never be sent, as far as that is known without a look-up."""
        origin = self.check_url(url).origin
        if origin.host == "localhost" or origin.host.endswith(".localhost"):
            self.check_address(ipaddress.IPv4Address("127.0.0.1"), origin.host, origin.port)

    async def resolve(
        self, host: str, port: int, *, own: bool = False, resolver: Resolver | None = None
    ) -> list[str]:
        """All addresses of a name. EgressError when one of them is refused, OSError when there are none."""
        host = host.rstrip(".").lower()
        found = list(dict.fromkeys(await (resolver or look_up)(host, port)))
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} has no address")
        for text in found:
            self.check_address(_must_read(text), host, port, own=own)
        return found

    def check_peer(self, sockaddr: Sequence[Any], host: str | None = None, *, own: bool = False) -> None:
        """EgressError unless a socket may connect to this address (as getaddrinfo writes it)."""
        text, port = str(sockaddr[0]), int(sockaddr[1])
        if len(sockaddr) == 4 and sockaddr[3] and "%" not in text:
            text = f"{text}%{sockaddr[3]}"
        self.check_address(_must_read(text), host, port, own=own)

    def check_address(self, address: Address, host: str | None, port: int, *, own: bool = False) -> None:
        """EgressError unless the address is outside or allowed for this host and port."""
        reason = why_inside(address)
        if reason is None:
            return
        host = None if host is None else host.rstrip(".").lower()
        entries = (*self._allow, *self._trusted) if own else self._allow
        if any(entry.covers(host, address, port) for entry in entries):
            return
        shown = host or str(address)
        what = f"{address} is {reason}" if shown == str(address) else f"{shown} leads to {address}: {reason}"
        wanted = str(unwrap_address(address)) if is_metadata(address) else shown
        raise EgressError(
            f"refused to connect: {what}",
            hint=f'if it is meant, write "{join_host(wanted, port)}" under egress.allow in the config',
        )

    def _check_url(self, url: str, own: bool) -> Target:
        target = read_url(url, own=own)
        self._pass(target.origin)
        return target

    def _judge(self, origin: Origin) -> None:
        if self._require_https and origin.scheme != "https":
            hint = f"write https://{origin.host}, or take egress.require_https out of the config"
            raise EgressError(f"{origin.name}: only https is allowed (egress.require_https)", hint=hint)
        if origin.port == 0 or (origin.port in _REFUSED_PORTS and not self._names_port(origin)):
            raise EgressError(
                f"{origin.name}: port {origin.port} belongs to another protocol",
                hint=f'if it is meant, write "{join_host(origin.host, origin.port)}" under egress.allow',
            )
        if (address := _read_address(origin.host)) is not None:
            self.check_address(address, origin.host, origin.port, own=origin.own)

    def _names_port(self, origin: Origin) -> bool:
        address = _read_address(origin.host)
        for entry in self._allow + (self._trusted if origin.own else ()):
            by_name = entry.host is not None and entry.host == origin.host
            by_address = entry.network is not None and address is not None and address in entry.network
            if entry.port == origin.port and (by_name or by_address):
                return True
        return False


def read_url(url: str, *, own: bool = False) -> Target:
    """The parts of an http(s) URL; EgressError when it is none, or could be read in two ways."""
    if not _URL.fullmatch(url):
        raise EgressError("the URL holds a space, a backslash or a control character")
    found = _ORIGIN.match(url)
    if found is None:
        raise EgressError("the URL must begin with http:// or https://")
    path, _, query = url[found.end() :].partition("#")[0].partition("?")
    return Target(_read_origin(found.group(), own), f"{path or '/'}?{query}" if query else path or "/")


@lru_cache(maxsize=_KNOWN_ORIGINS)
def _read_origin(text: str, own: bool) -> Origin:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host = host if ":" in host else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError) as error:
        raise EgressError(f"not a URL: {error}") from error
    if "@" in parts.netloc:
        raise EgressError(
            "the URL holds user:password@", hint="write an Authorization header with a secret:// reference"
        )
    if not host:
        raise EgressError("the URL has no host")
    return Origin(
        scheme=parts.scheme,
        host=host.rstrip(".").lower(),
        port=_PORTS[parts.scheme] if port is None else port,
        own=own,
    )


def parse_entry(entry: str) -> _Entry:
    """One entry of egress.allow: a host, an address or a network, with or without a port."""
    match = _ENTRY.fullmatch(entry.strip())
    if match is None:
        raise ConfigError(f"egress.allow: {entry!r} is not host, host:port, address or network")
    place = match["v6"] or match["host"] or match["bare"]
    digits = match["v6port"] or match["port"]
    port = int(digits) if digits else None
    if port is not None and not 0 < port < 65536:
        raise ConfigError(f"egress.allow: {entry!r}: there is no port {port}")
    try:
        return _Entry(host=None, network=ipaddress.ip_network(place), port=port)
    except ValueError as error:
        if "/" in place or ":" in place:
            raise ConfigError(f"egress.allow: {entry!r}: {error}") from error
        return _Entry(host=place.rstrip(".").lower(), network=None, port=port)


async def look_up(host: str, port: int) -> list[str]:
    """All addresses of a name, from the machine's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [_with_scope(sockaddr) for *_, sockaddr in found]


def _with_scope(sockaddr: tuple[Any, ...]) -> str:
    text = str(sockaddr[0])
    return f"{text}%{sockaddr[3]}" if len(sockaddr) == 4 and sockaddr[3] and "%" not in text else text


def is_address(host: str) -> bool:
    """Whether it is an address as it stands, and needs no look-up."""
    return _read_address(host) is not None


def _read_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _must_read(text: str) -> Address:
    address = _read_address(text)
    if address is None:
        raise EgressError(f"refused to connect: {text!r} is not an address")
    return address


def join_host(host: str, port: int) -> str:
    """`host:port`, with brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
