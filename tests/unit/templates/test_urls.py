"""Templates in URLs: the host is literal, and what is inserted stays in its place."""

from __future__ import annotations

import pytest

from autoflow.errors import TemplateError
from autoflow.templates import check_url_template, render_url

FACTS = {"id": "a/b?c=d&e#f", "n": 2000.0, "up": "..", "ü": "ü", "none": None}


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("https://h.example", "https://h.example"),
        ("http://h.example:8080/x", "http://h.example:8080/x"),
        ("https://h.example/{{ id }}", "https://h.example/a%2Fb%3Fc%3Dd%26e%23f"),
        ("https://h.example?q={{ n }}", "https://h.example?q=2000"),
        ("https://h.example/{{ id | urlencode }}", "https://h.example/a%2Fb%3Fc%3Dd%26e%23f"),
        ("https://h.example/x{{ none }}?a={{ ü }}", "https://h.example/x?a=%C3%BC"),
        ("http://[2001:db8::1]:80/{{ n }}", "http://[2001:db8::1]:80/2000"),
    ],
)
def test_each_inserted_value_is_encoded_once(source: str, url: str) -> None:
    """A value cannot add a segment, a parameter or a fragment; the urlencode filter does no harm."""
    assert render_url(source, FACTS) == url


@pytest.mark.parametrize(
    "source",
    [
        "{{ id }}",
        "{{ id }}://h.example/",
        "https://{{ id }}/x",
        "https://h.example{{ id }}",
        "https://h.example:{{ n }}/x",
        "https://{% if id %}a{% endif %}.example/",
        "https://user:pass@h.example/",
        "https://user@h.example/{{ id }}",
        "ftp://h.example/",
        "h.example/x",
        "[https://hooks.crm.com/new-lead](https://hooks.crm.com/new-lead)",
    ],
)
def test_scheme_host_and_port_are_literal(source: str) -> None:
    """Event data never chooses where a request goes."""
    with pytest.raises(TemplateError):
        check_url_template(source)


@pytest.mark.parametrize(
    "source",
    [
        "https://h.example/{{ up }}/x",
        "https://h.example/a b",
        "https://h.example/\\x",
        "https://h.example/{{ nope }}",
    ],
)
def test_what_would_change_the_path_is_refused(source: str) -> None:
    """Dots that climb, spaces, backslashes and missing names are errors."""
    with pytest.raises(TemplateError):
        render_url(source, FACTS)
