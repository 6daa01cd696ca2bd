"""Made-up values in place of people's: of the same shape, the same wherever they occur, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.testing.redaction import Redaction

WANTED = ("email", "phone", "job.client.name", "job.client.number")
DATA = {
    "job": {
        "id": 5541,
        "total": 2000.5,
        "due": "2026-11-21T08:00:00Z",
        "note": "call +1 (555) 765-4321 or write to eve.adams+x@mail.example.org, Eve",
        "client": {"name": "Eve Adams", "number": 77123, "email": "eve.adams+x@mail.example.org"},
        "phones": ["+15557654321", "+49 30 1234567"],
        "mobile": "030 1234567",
        "contact": {"phone": 15557654321},
    }
}


def redact(data: Any, value: Any, wanted: tuple[str, ...] = WANTED) -> Any:
    """A value with what an event's data brought replaced."""
    redaction = Redaction(wanted)
    redaction.learn(data)
    return redaction.replace(value)


def test_no_value_of_a_person_is_left() -> None:
    """Neither whole nor inside a text, however it is written."""
    told = json.dumps(redact(DATA, DATA))
    digits = "".join(char for char in told if char.isdigit())
    for secret in ("eve.adams", "mail.example.org", "Eve Adams", "77123"):
        assert secret not in told
    for number in ("15557654321", "49301234567", "0301234567"):
        assert number not in digits


def test_what_is_nobodys_stays_as_it_is() -> None:
    """Ids, amounts and times are no phone numbers, though they have digits; types stay."""
    job = redact(DATA, DATA)["job"]
    assert (job["id"], job["total"], job["due"]) == (5541, 2000.5, "2026-11-21T08:00:00Z")
    assert isinstance(job["client"]["number"], int)
    assert isinstance(job["contact"]["phone"], int)


def test_the_same_value_is_replaced_by_the_same() -> None:
    """In another text, and with its digits written otherwise."""
    job = redact(DATA, DATA)["job"]
    first = job["phones"][0]
    digits = first.removeprefix("+")
    assert len(first) == len("+15557654321")
    assert str(job["contact"]["phone"]) == digits
    assert f"+{digits[0]} ({digits[1:4]}) {digits[4:7]}-{digits[7:]}" in job["note"]
    assert job["client"]["email"] in job["note"]
    sent = redact(DATA, {"recipient": "+15557654321", "message": "Hi Eve Adams, 77123"})
    assert sent == {"recipient": first, "message": f"Hi {job['client']['name']}, {job['client']['number']}"}


def test_what_a_rule_says_of_itself_stays() -> None:
    """Only what the event brought is replaced."""
    sent = {"recipient": "office@example.com", "message": "call +15550009999"}
    assert redact(DATA, sent) == sent


def test_shapes_stay() -> None:
    """Letters for letters in their case, digits for digits, an address for an address."""
    data = {"job": {"client": {"name": "Zoë O'Neil 42"}}, "to": "x@y.de"}
    name = redact(data, data)["job"]["client"]["name"]
    assert len(name) == len("Zoë O'Neil 42")
    assert [char.isupper() for char in name] == [char.isupper() for char in "Zoë O'Neil 42"]
    assert (name[3], name[5]) == (" ", "'")
    assert redact(data, data)["to"].endswith("@example.com")


@pytest.mark.parametrize("wanted", [(), ("phone",), ("email",)])
def test_only_what_is_asked_for_is_replaced(wanted: tuple[str, ...]) -> None:
    """Nothing at all where the list is empty."""
    job = redact(DATA, DATA, wanted)["job"]
    assert (job["client"]["email"] == DATA["job"]["client"]["email"]) is ("email" not in wanted)
    assert (job["phones"] == DATA["job"]["phones"]) is ("phone" not in wanted)


def test_a_value_that_is_not_there_is_nothing_to_replace() -> None:
    """A reference that leads nowhere, or to nothing."""
    for data in ({}, {"job": {"client": {"name": ""}}}, {"job": {"client": {"name": None}}}, None, [1]):
        assert redact(data, data) == data


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.emails(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["phone", "a", "b"]), inner),
        max_leaves=8,
    )
)
def test_any_event_keeps_its_form(data: Any) -> None:
    """The same maps, lists and types, whatever was in it; and replacing is stable."""
    told = redact({"job": data}, {"job": data}, ("email", "phone", "job"))["job"]

    def form(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: form(part) for key, part in value.items()}
        return [form(part) for part in value] if isinstance(value, list) else type(value)

    assert form(told) == form(data)
