"""Which addresses lie outside: autoflow's own lists, because Python's `is_global` lets tunnels through.

The lists follow the IANA special-purpose registries. IPv6 is judged the other way round: only 2000::/3 is
outside, less what is special inside it.
"""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_INSIDE_V4 = tuple(
    (ipaddress.IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a carrier's inside network"),
        ("127.0.0.0/8", "this machine"),
        ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for examples"),
        ("192.31.196.0/24", "reserved (AS112)"),
        ("192.52.193.0/24", "reserved (AMT)"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "reserved (AS112)"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for examples"),
        ("203.0.113.0/24", "for examples"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("168.63.129.16/32", "Azure's wire server"),
    )
)
_OUTSIDE_V6 = ipaddress.IPv6Network("2000::/3")
_INSIDE_V6 = tuple(
    (ipaddress.IPv6Network(network), reason)
    for network, reason in (
        ("2001::/23", "reserved (Teredo and others)"),
        ("2001:db8::/32", "for examples"),
        ("2002::/16", "a 6to4 tunnel"),
        ("2620:4f:8000::/48", "reserved (AS112)"),
        ("3fff::/20", "for examples"),
    )
)
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_METADATA: tuple[Network, ...] = (
    ipaddress.IPv4Network("169.254.0.0/16"),
    ipaddress.IPv4Network("168.63.129.16/32"),
    ipaddress.IPv4Network("100.100.100.200/32"),
    ipaddress.IPv4Network("192.0.0.192/32"),
    ipaddress.IPv6Network("fd00:ec2::/32"),
    ipaddress.IPv6Network("fd20:ce::254/128"),
)
"""Cloud metadata, which hands out credentials: only the exact address lets a rule reach it."""


def unwrap_address(address: Address) -> Address:
    """The IPv4 address inside a mapped or NAT64 one, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address) and (address in _MAPPED or address in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def why_inside(address: Address) -> str | None:
    """Why an address is refused, in a few words; None when it lies outside."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return "scoped to one network interface"
    address = unwrap_address(address)
    if isinstance(address, ipaddress.IPv4Address):
        return next((reason for network, reason in _INSIDE_V4 if address in network), None)
    if address == ipaddress.IPv6Address("::1"):
        return "this machine"
    if address not in _OUTSIDE_V6:
        return "not a public IPv6 address"
    return next((reason for network, reason in _INSIDE_V6 if address in network), None)


def is_metadata(address: Address) -> bool:
    """Whether clouds answer with credentials there."""
    address = unwrap_address(address)
    return any(address in network for network in _METADATA)
