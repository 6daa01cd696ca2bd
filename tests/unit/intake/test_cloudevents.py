"""CloudEvents in binary form: headers decoded as the specification has it."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.errors import IntakeError
from autoflow.intake.cloudevents import decode_value, read_attributes
from autoflow.intake.decode import Decoder
from autoflow.intake.envelope import Mistakes
from autoflow.model.event import Event
from autoflow.model.ids import IdSource

HEADERS = {"ce-specversion": "1.0", "ce-id": "c1", "ce-source": "/crm", "ce-type": "job.created"}


def take(body: bytes, content_type: str = "application/json", **headers: str) -> list[Event]:
    """What the door makes of a request."""
    named = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in named.items() if value != "-"]
    mistakes: Mistakes = []
    attributes = read_attributes([(b"host", b"x"), *raw], mistakes)
    return Decoder(IdSource()).decode_binary(attributes, body, content_type, mistakes=mistakes, now=1)


def test_attributes_come_from_headers_and_the_data_from_the_body() -> None:
    """An extension is an attribute like any other, and the body is never read as an envelope."""
    [event] = take(
        b'{"type":"other","job":{}}', ce_subject="j1", ce_time="2026-03-29T00:50:00Z", ce_traceparent="00-1"
    )
    assert (event.id, event.type, event.source, event.subject) == ("c1", "job.created", "/crm", "j1")
    assert event.time == 1_774_745_400_000
    assert event.data == {"type": "other", "job": {}}
    assert event.extensions == {"traceparent": "00-1"}


def test_the_body_is_any_json_or_nothing() -> None:
    """A vendor's JSON is JSON."""
    assert take(b"[1]", "application/vnd.crm+json; charset=utf-8")[0].data == [1]
    assert take(b"", "")[0].data == {}
    with pytest.raises(IntakeError) as caught:
        take(b"<job/>", "application/xml")
    assert (caught.value.status, caught.value.headers) == (415, (("Accept-Post", "application/json"),))
    with pytest.raises(IntakeError, match="not JSON"):
        take(b"{")


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"Euro%20%e2%82%ac%20%f0%9f%98%80", "Euro € 😀"),
        (b"%2525", "%25"),
        (b'"a \\"b\\" %20c"', 'a "b"  c'),
        (b'"', '"'),
        (b"100%", "100%"),
        (b"", ""),
        (b"%C0%A0", None),
        (b"%ff", None),
        (b"\xff", None),
        (b"%ED%A0%80", None),
    ],
)
def test_a_value_is_unquoted_and_percent_decoded_once(header: bytes, text: str | None) -> None:
    """The specification's example, lower-case digits, and what is no UTF-8 behind the percent signs."""
    assert decode_value(header) == text


@given(text=st.text(min_size=1, alphabet=st.characters(exclude_categories=("Cs",))))
def test_whatever_a_sender_encodes_comes_out_again(text: str) -> None:
    """Encoding and decoding are each other's opposite."""
    assert decode_value(quote(text, safe="/:").encode()) == text


@pytest.mark.parametrize(
    ("headers", "pointers"),
    [
        ({"ce_id": "-"}, ["/id"]),
        ({"ce_id": ""}, ["/id"]),
        ({"ce_source": "-", "ce_type": "-"}, ["/type", "/source"]),
        ({"ce_specversion": "0.3"}, ["/specversion"]),
        ({"ce_id": "%C0%A0"}, ["/id"]),
        ({"ce_subject": "%00"}, ["/subject"]),
        ({"ce_time": "yesterday"}, ["/time"]),
        ({"ce_data": "{}"}, ["/data"]),
        ({"ce_datacontenttype": "text/plain"}, ["/datacontenttype"]),
        ({"ce_a_b": "c"}, ["/a-b"]),
        ({"ce_type": "autoflow.action.dead_lettered"}, ["/type"]),
    ],
)
def test_every_mistake_of_a_header_is_told_with_its_attribute(headers: dict[str, str], pointers: list[str]) -> None:
    """A header that cannot be read is not missing as well."""
    with pytest.raises(IntakeError) as caught:
        take(json.dumps({}).encode(), **headers)
    assert [place for place, _ in caught.value.problems] == pointers


def test_a_header_that_stands_there_twice_is_refused() -> None:
    """Which of both would count is nobody's guess."""
    mistakes: Mistakes = []
    read_attributes([(b"ce-id", b"a"), (b"ce-id", b"b")], mistakes)
    assert mistakes == [("/id", "the header ce-id stands there twice")]
