"""Which addresses lie outside, and which the guard lets through."""

from __future__ import annotations

import ipaddress

import pytest

from autoflow.errors import ConfigError, EgressError
from autoflow.security.addresses import is_metadata, why_inside
from autoflow.security.egress import EgressGuard, parse_entry

INSIDE = """
0.0.0.0 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254 169.254.170.2
172.16.0.1 172.31.255.255 192.0.0.8 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.1.1
192.175.48.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe
64:ff9b:1::1 100::1 100:0:0:1::1 2001::1 2001:2::1 2001:10::1 2001:db8::1 2002:7f00:1::1 2620:4f:8000::1 3fff::1
4000::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::1%eth0 2606:4700::1%eth0 fec0::1 ff02::1
"""
OUTSIDE = """
1.1.1.1 8.8.8.8 100.63.255.255 172.32.0.1 192.0.1.1 223.255.255.255 2606:4700:4700::1111 2a00:1450:4001::1
2003::1 ::ffff:8.8.8.8 64:ff9b::808:808
"""


@pytest.mark.parametrize("text", INSIDE.split())
def test_inside_addresses_are_refused(text: str) -> None:
    """Private, local, special, tunnelled and wrapped addresses lie inside."""
    assert why_inside(ipaddress.ip_address(text))
    with pytest.raises(EgressError):
        EgressGuard().check_peer((text, 443))


@pytest.mark.parametrize("text", OUTSIDE.split())
def test_outside_addresses_pass(text: str) -> None:
    """Ordinary addresses of the internet do, also wrapped in IPv6."""
    assert why_inside(ipaddress.ip_address(text)) is None
    EgressGuard().check_peer((text, 443))


@pytest.mark.parametrize(
    ("entry", "passes", "refused"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000, "127.0.0.1"), ("127.0.0.1", 9001, "127.0.0.1")),
        ("127.0.0.1", ("127.0.0.1", 1, None), ("127.0.0.2", 1, None)),
        ("127.0.0.1:80", ("::ffff:127.0.0.1", 80, None), ("::1", 80, None)),
        ("10.0.0.0/8", ("10.200.0.1", 80, "x.lan"), ("127.0.0.1", 80, "x.lan")),
        ("10.0.0.0/8:8080", ("10.0.0.1", 8080, None), ("10.0.0.1", 80, None)),
        ("hooks.lan:8123", ("192.168.1.20", 8123, "Hooks.LAN."), ("192.168.1.20", 8123, "other.lan")),
        ("hooks.lan", ("192.168.1.20", 1, "hooks.lan"), ("192.168.1.20", 1, "192.168.1.20")),
        ("[::1]:80", ("::1", 80, None), ("::1", 81, None)),
        ("::1", ("::1", 5, None), ("fe80::1", 5, None)),
        ("fd00::/8", ("fd12::1", 80, None), ("fd00:ec2::254", 80, None)),
        ("169.254.169.254", ("169.254.169.254", 80, "169.254.169.254"), ("169.254.170.2", 80, None)),
        ("fd00:ec2::254", ("fd00:ec2::254", 80, None), None),
    ],
)
def test_what_an_entry_allows(entry: str, passes: tuple, refused: tuple | None) -> None:
    """An entry allows its own host, address or network, on its own port, and nothing beside."""
    guard = EgressGuard([entry])
    guard.check_peer(passes[:2], passes[2])
    if refused is not None:
        with pytest.raises(EgressError):
            guard.check_peer(refused[:2], refused[2])


@pytest.mark.parametrize("entry", ["169.254.0.0/16", "metadata.lan", "metadata.lan:80", "0.0.0.0/0"])
def test_metadata_needs_its_exact_address(entry: str) -> None:
    """A network or a name never opens the addresses where clouds hand out credentials."""
    assert is_metadata(ipaddress.ip_address("169.254.169.254"))
    with pytest.raises(EgressError, match=r'write "169.254.169.254:80"'):
        EgressGuard([entry]).check_peer(("169.254.169.254", 80), "metadata.lan")


@pytest.mark.parametrize("entry", ["", "a b", "10.0.0.0/33", "host:0", "host:70000", "[::1", "10.0.0.1/8", "a:b:c"])
def test_an_entry_that_means_nothing_is_a_config_error(entry: str) -> None:
    """A mistake in egress.allow is told at start, not ignored."""
    with pytest.raises(ConfigError):
        parse_entry(entry)


def test_the_config_s_own_hosts_are_allowed_to_notifiers_only() -> None:
    """A mail server inside can be used by the email notifier and not by a rule's webhook."""
    guard = EgressGuard(trusted=["mail.lan:25"])
    guard.check_peer(("10.0.0.5", 25), "mail.lan", own=True)
    with pytest.raises(EgressError):
        guard.check_peer(("10.0.0.5", 25), "mail.lan")


def test_the_message_names_host_reason_and_remedy() -> None:
    """Whoever meant it knows what to write."""
    with pytest.raises(EgressError) as caught:
        EgressGuard().check_peer(("10.0.0.5", 8123), "hooks.lan")
    assert str(caught.value) == (
        "refused to connect: hooks.lan leads to 10.0.0.5: a private network "
        '(if it is meant, write "hooks.lan:8123" under egress.allow in the config)'
    )
