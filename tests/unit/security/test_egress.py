"""URLs and names at the guard: read in one way only, judged by every address."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.errors import EgressError
from autoflow.security.egress import EgressGuard, read_url


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [
        ("https://Hooks.Example.COM", "https://hooks.example.com:443", "/"),
        ("http://h.example.:8080/a?b=c#d", "http://h.example:8080", "/a?b=c"),
        ("https://h.example?x", "https://h.example:443", "/?x"),
        ("https://bücher.example/", "https://xn--bcher-kva.example:443", "/"),
        ("https://[2606:4700::1]/", "https://[2606:4700::1]:443", "/"),
    ],
)
def test_the_parts_of_a_url(url: str, name: str, path: str) -> None:
    """The target's name has scheme, lower-case host and port; a fragment is not sent."""
    target = EgressGuard().check_url(url)
    assert (target.name, target.path) == (name, path)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h.example/",
        "file:///etc/passwd",
        "//h.example/",
        "http:///x",
        "http://user@h.example/",
        "http://127.0.0.1\\@example.com/",
        "http://h.example/a b",
        "http://h.example/\r\nX: 1",
        "http://h.example:99999/",
        "http://h.example:0/",
        "http://[fe80::1%25eth0]/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://127。0。0。1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_urls_that_are_never_sent_to(url: str) -> None:
    """Other schemes, ambiguous spellings and inside literals are refused before any look-up."""
    with pytest.raises(EgressError):
        EgressGuard().check_url(url)


@pytest.mark.parametrize("port", [22, 25, 465, 587, 6379, 11211])
def test_ports_of_other_protocols_need_an_entry_with_the_port(port: int) -> None:
    """An HTTP request must not speak to a mail server or a cache by accident."""
    url = f"http://h.example:{port}/"
    with pytest.raises(EgressError, match="another protocol"):
        EgressGuard(["h.example"]).check_url(url)
    assert EgressGuard([f"h.example:{port}"]).check_url(url).origin.port == port


def test_https_can_be_required() -> None:
    """With egress.require_https a plain URL is refused."""
    guard = EgressGuard(require_https=True)
    assert guard.check_url("https://h.example/").origin.scheme == "https"
    with pytest.raises(EgressError, match="only https"):
        guard.check_url("http://h.example/")


@given(
    host=st.sampled_from(["h.example", "H.Example.", "1.1.1.1:8080", "bücher.example", "[2606:4700::1]:81"]),
    rest=st.text(st.sampled_from("/?#:@[]a%é;=&.")).filter(lambda text: not text or text[0] in "/?#"),
)
def test_a_url_is_read_as_the_standard_library_reads_it(host: str, rest: str) -> None:
    """What is sent as path and query is what urlsplit finds there."""
    target = read_url(f"HTTPS://{host}{rest}")
    parts = urlsplit(f"https://{host}{rest}")
    assert target.path == (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    assert target.origin == read_url(f"https://{host}").origin


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://h.example/", "h.example"),
        ("http://h.example:443/", "h.example:443"),
        ("http://[2606:4700::1]:80/", "[2606:4700::1]"),
        ("http://[2606:4700::1]:81/", "[2606:4700::1]:81"),
    ],
)
def test_the_host_header_names_a_port_of_its_own_only(url: str, authority: str) -> None:
    """As every client writes it."""
    assert read_url(url).origin.authority == authority


def test_judging_again_comes_to_the_same() -> None:
    """What passed once passes again, what was refused is refused again, and the config's own is judged apart."""
    guard = EgressGuard(trusted=["127.0.0.1:8080"])
    for _ in range(2):
        assert guard.check_url("http://127.0.0.1:8080/a", own=True).path == "/a"
        assert guard.check_url("http://1.1.1.1:8080/b").path == "/b"
        with pytest.raises(EgressError):
            guard.check_url("http://127.0.0.1:8080/c")


async def test_one_inside_address_refuses_the_whole_name() -> None:
    """A name with a good and a bad address is bad: the good one is the bait."""

    async def resolver(host: str, port: int) -> list[str]:
        return ["1.1.1.1", "10.0.0.1"] if host == "mixed.example" else ["1.1.1.1", "1.1.1.1"]

    guard = EgressGuard()
    assert await guard.resolve("good.example", 443, resolver=resolver) == ["1.1.1.1"]
    with pytest.raises(EgressError, match=r"mixed.example leads to 10\.0\.0\.1"):
        await guard.resolve("mixed.example", 443, resolver=resolver)
    allowed = EgressGuard(["mixed.example:443"])
    assert await allowed.resolve("mixed.example", 443, resolver=resolver) == ["1.1.1.1", "10.0.0.1"]


@pytest.mark.parametrize(
    "spelling", ["2130706433", "0x7f.1", "127.1", "017700000001", "0x7f000001", "0", "localhost", "127.0.0.1"]
)
async def test_every_spelling_of_this_machine_is_refused(spelling: str) -> None:
    """The machine's resolver turns them all into addresses, and those are judged."""
    with pytest.raises(EgressError):
        await EgressGuard().resolve(spelling, 80)
