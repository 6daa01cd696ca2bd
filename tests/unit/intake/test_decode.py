"""From bytes to events: every spelling, every mistake with its place, and nothing else whatever comes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autoflow.clock import to_rfc3339
from autoflow.errors import IntakeError
from autoflow.intake.decode import ACCEPTED, MOST_MISTAKES, DecodeLimits, Decoder
from autoflow.intake.envelope import ALIASES
from autoflow.model.event import Event
from autoflow.model.ids import IdSource
from autoflow.model.json import plain_json

NOW = 1_800_000_000_000
JSON = "application/json"
LINES = "application/x-ndjson"
CLOUDEVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def decode(body: Any, content_type: str = JSON, *, limits: DecodeLimits | None = None, **more: Any) -> list[Event]:
    """What a decoder makes of a body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Decoder(IdSource(), limits or DecodeLimits()).decode_body(content, content_type, now=NOW, **more)


def refuse(body: Any, content_type: str = JSON, **more: Any) -> IntakeError:
    """The error that a body leads to."""
    with pytest.raises(IntakeError) as caught:
        decode(body, content_type, **more)
    return caught.value


def attempt(body: bytes, media_type: str = JSON) -> list[Event] | IntakeError:
    """Events, or the refusal; anything else fails the test."""
    try:
        return decode(body, media_type)
    except IntakeError as error:
        return error


def test_the_shortest_event_gets_an_id_an_account_a_source_and_its_arrival() -> None:
    """Only the type is required."""
    [event] = decode({"type": "job.created"})
    assert (event.type, event.source, event.account, event.subject) == ("job.created", "autoflow", "default", None)
    assert (event.time, event.received_at, event.data, event.raw) == (NOW, NOW, {}, b"{}")
    assert event.id.count("-") == 4


@pytest.mark.parametrize(("spelling", "name"), ALIASES.items())
def test_every_accepted_spelling_means_its_name(spelling: str, name: str) -> None:
    """What the sender calls it does not matter."""
    value: Any = {"time": "2026-03-29T00:50:00Z", "data": {"a": 1}}.get(name, "x.y")
    plain = decode({"type": "x.y", name: value, "id": "1"})
    spelled = {"type": "x.y", "id": "1"} if name != "type" else {"id": "1"}
    assert decode({**spelled, spelling: value}) == plain
    assert decode({**spelled, spelling: value})[0].extensions == {}


SEED_EVENTS = [
    (
        {
            "name": "job.status.changed",
            "timestamp": "2025-07-06T21:42:00Z",
            "payload": {"job": {"id": "job_abc123", "number": "J-5541", "status": "Done"}},
        },
        ("job.status.changed", "default", "autoflow", "job"),
    ),
    (
        {
            "plugin_id": "email-marketing-plugin",
            "event_type": "customer.created",
            "payload": {"customer_id": "cust_123", "email": "john@example.com", "name": "John Doe"},
        },
        ("customer.created", "default", "email-marketing-plugin", "email"),
    ),
    (
        {
            "event_type": "customer.created",
            "payload": {"customer_id": "c"},
            "source_plugin": "platform",
            "tenant_id": "tenant_123",
        },
        ("customer.created", "tenant_123", "platform", "customer_id"),
    ),
    (
        {
            "event_type": "EmailMarketing.SendEmail",
            "payload": {"recipient": "john@example.com", "variables": {"customer_name": "John Doe"}},
            "flow_execution_id": "exec_456",
            "source_plugin": "automation",
        },
        ("EmailMarketing.SendEmail", "default", "automation", "recipient"),
    ),
    ({"eventName": "job.created", "accountId": "acc_12345", "payload": {"job": {}}},
     ("job.created", "acc_12345", "autoflow", "job")),
    ({"eventName": "invoice.overdue", "organization_id": "org-1", "payload": {"invoice": {}}},
     ("invoice.overdue", "org-1", "autoflow", "invoice")),
    ({"event_type": "lead.created", "org_id": "org-2", "payload": {"lead": {}}},
     ("lead.created", "org-2", "autoflow", "lead")),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "expected"), SEED_EVENTS)
def test_the_events_of_the_seeds_are_taken_as_they_are(sent: Any, expected: tuple[str, ...]) -> None:
    """Nobody has to rewrite a sender."""
    [event] = decode(sent)
    assert (event.type, event.account, event.source) == expected[:3]
    assert expected[3] in event.data


def test_where_the_plain_name_is_given_another_spelling_is_the_senders_own() -> None:
    """A `name` beside a `type` is not a type; nothing of it is lost."""
    [event] = decode({"name": "Jane", "type": "user.created", "timestamp": None})
    assert event.type == "user.created"
    assert event.extensions == {"name": "Jane"}


def test_two_spellings_may_agree_and_must_not_disagree() -> None:
    """Which account it is, or which type, is never a matter of order."""
    [event] = decode({"event_type": "a.b", "tenant_id": "t", "org_id": "t"})
    assert (event.account, event.extensions) == ("t", {})
    error = refuse({"event_type": "a.b", "tenant_id": "t", "org_id": "u"})
    assert error.problems == (("/org_id", "says another account than tenant_id: keep one of both"),)
    assert refuse({"name": 5, "event_type": "a.b"}).problems[0][0] == "/event_type"
    assert {place for place, _ in refuse({"name": 5, "event_type": "a.b"}).problems} == {"/event_type", "/name"}


def test_null_means_not_set() -> None:
    """As in CloudEvents: it is the same as leaving the name out."""
    nothing: Any = dict.fromkeys(("id", "source", "account", "time", "subject", "data", "specversion", "tenant_id"))
    [event] = decode({"type": "a.b", **nothing})
    assert (event.source, event.account, event.time, event.data) == ("autoflow", "default", NOW, {})
    assert decode({"type": None, "name": "a.b"})[0].type == "a.b"


@pytest.mark.parametrize("number", [0, 7, -1, 2**70])
def test_a_whole_number_is_an_id_zero_too(number: int) -> None:
    """An id that looks false is still an id, and tells a duplicate."""
    assert decode({"type": "a.b", "id": number})[0].id == str(number)


@pytest.mark.parametrize("data", [[], [1], "text", 0, False, 1.5, {"": None}, {"a": {"b": [{}]}}])
def test_data_may_be_any_json(data: Any) -> None:
    """It is kept as it is."""
    [event] = decode({"type": "a.b", "data": data})
    assert event.data == data
    assert json.loads(event.raw) == data


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("2026-03-29T00:50:00Z", 1_774_745_400_000),
        ("2026-03-29t00:50:00z", 1_774_745_400_000),
        ("2026-03-29T02:50:00.25+02:00", 1_774_745_400_250),
        ("2026-03-29 00:50:00.123456789Z", 1_774_745_400_123),
        ("1970-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000),
    ],
)
def test_a_time_is_rfc_3339_with_a_zone(text: str, millis: int) -> None:
    """Any zone is taken, UTC is kept."""
    assert decode({"type": "a.b", "time": text})[0].time == millis


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-03-29", "2026-03-29T00:50:00", "20260329T005000Z", "2026-W13-7T00:00Z", "2026-03-29T00:50Z",
        "2026-02-30T00:00:00Z", "2026-03-29T24:00:00Z", "2026-03-29T00:50:60Z", "2026-03-29T00:50:00,5Z",
        "2026-03-29T00:50:00+00:00:30", "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59", "２０２６-03-29T00:50:00Z", "2026-03-29T00:50:00Z\n",
        1_774_745_400, True, [], {},
    ],
)  # fmt: skip
def test_anything_else_is_no_time(text: Any) -> None:
    """Nor is a time that could never be written out again: one such event would break every list it stands in."""
    assert [place for place, _ in refuse({"type": "a.b", "timestamp": text}).problems] == ["/timestamp"]


@pytest.mark.parametrize(
    ("event", "pointers"),
    [
        ({}, ["/type"]),
        ({"type": ""}, ["/type"]),
        ({"type": 5}, ["/type"]),
        ({"type": "a b"}, ["/type"]),
        ({"type": "a\u0085b"}, ["/type"]),
        ({"type": "a\u2003b"}, ["/type"]),
        ({"type": "a" * 257}, ["/type"]),
        ({"type": "*"}, ["/type"]),
        ({"type": "job.*"}, ["/type"]),
        ({"eventName": "autoflow.action.dead_lettered"}, ["/eventName"]),
        ({"type": "a", "id": ""}, ["/id"]),
        ({"type": "a", "id": True}, ["/id"]),
        ({"type": "a", "id": 1.5}, ["/id"]),
        ({"type": "a", "id": "x" * 257}, ["/id"]),
        ({"type": "a", "id": 10**300}, ["/id"]),
        ({"type": "a", "id": "a\x00b"}, ["/id"]),
        ({"type": "a", "source": []}, ["/source"]),
        ({"type": "a", "tenant_id": 5}, ["/tenant_id"]),
        ({"type": "a", "account": "a\nb"}, ["/account"]),
        ({"type": "a", "subject": "\x9b31m"}, ["/subject"]),
        ({"type": "a", "specversion": "0.3"}, ["/specversion"]),
        ({"type": "a", "specversion": 1.0}, ["/specversion"]),
        ({"type": "a", "data_base64": "AA=="}, ["/data_base64"]),
        ({"id": "", "source": 1, "time": 2}, ["/id", "/source", "/type", "/time"]),
        ([], [""]), ("text", [""]), (None, [""]), (5, [""]),
    ],
)  # fmt: skip
def test_every_mistake_is_told_with_its_place(event: Any, pointers: list[str]) -> None:
    """All at once, under the spelling that was used; in an array and in lines too."""
    if isinstance(event, list):
        assert decode(event) == []
    else:
        error = refuse(event)
        assert [place for place, _ in error.problems] == pointers
        assert (error.status, error.code) == (400, "AF400")
    assert [place for place, _ in refuse([{"type": "a"}, event]).problems] == ["/1" + place for place in pointers]
    lines = b'{"type":"a"}\n\r\n' + json.dumps(event).encode()
    assert [place for place, _ in refuse(lines, LINES).problems] == ["/line/3" + place for place in pointers]


NOT_JSON = [
    b"", b"  \n", b"{", b"}", b"{'type':'a'}", b'{"type":"a",}', b'{"type":"a"} x', b'{"type":"a"}{"type":"b"}',
    b'{"type":"a","data":NaN}', b'{"type":"a","data":Infinity}', b'{"type":"a","data":-Infinity}',
    b'{"type":"a","data":1e999}', b'{"type":"a","data":01}', b'{"type":"a","data":"\xff"}',
    b'{"type":"\xed\xa0\x80"}',
    b'{"type":"a","data":"\\ud800"}', b'{"type":"a","data":"\\udc00 "}', b'{"type":"a","\\ud800":1}',
    b'{"type":"a","data":"\\ud800\\u0041"}', b'{"type":"a","data":"\\x41"}', b'{"type":"a\n"}', b"\x00",
    b'{"type":"a","data":' + b"9" * 5_000 + b"}", '{"type":"a"}'.encode("utf-16"), b"\x1f\x8b\x08\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_JSON)
def test_what_is_not_json_is_refused_as_such(text: bytes) -> None:
    """Also what other readers let pass: no NaN, no half of a character, no number that does not fit."""
    assert [place for place, _ in refuse(text).problems] == [""]
    with pytest.raises(IntakeError):
        Decoder(IdSource()).decode_line(text, now=NOW)


def test_bad_lines_are_told_with_their_numbers_and_all_at_once() -> None:
    """Lines that are not JSON and lines that are no events, counted as the sender counts them."""
    body = b'{"type":"a"}\n\nnonsense\n{"type":""}\n{"type":"b"}\n"x"\n'
    error = refuse(body, LINES)
    assert sorted(place for place, _ in error.problems) == ["/line/3", "/line/4/type", "/line/6"]


def test_lines_may_end_in_any_way_and_begin_with_a_mark() -> None:
    """CRLF, blank lines, no last line end, a byte order mark."""
    body = b'\xef\xbb\xbf{"type":"a"}\r\n\r\n  \n{"type":"b"}'
    for media_type in (LINES, "application/jsonl", "application/x-jsonlines; charset=utf-8"):
        assert [event.type for event in decode(body, media_type)] == ["a", "b"]
    assert decode(b'\xef\xbb\xbf{"type":"a"}')[0].type == "a"
    assert decode(b"\n\n", LINES) == []


def test_of_a_name_that_stands_twice_the_last_one_counts_for_everybody() -> None:
    """What is judged is what is stored: there is no second reader who could see the other one."""
    [event] = decode(b'{"type":"a","type":"b","data":{"x":1,"x":2}}')
    assert (event.type, event.data, event.raw) == ("b", {"x": 2}, b'{"x":2}')


@pytest.mark.parametrize("inside", [b"[", b'{"a":'])
def test_depth_is_limited_at_the_limit(inside: bytes) -> None:
    """64 levels with the event itself, the same in an array; bombs of a hundred thousand too."""
    end = {b"[": b"]", b'{"a":': b"}"}[inside]

    def event(levels: int) -> bytes:
        return b'{"type":"a","data":' + inside * (levels - 1) + b"1" + end * (levels - 1) + b"}"

    assert decode(event(64))[0].type == "a"
    assert decode(b"[" + event(64) + b"]")[0].type == "a"
    assert decode(event(64), LINES)[0].type == "a"
    for bad in (event(65), b"[" + event(65) + b"]", event(100_000), b"[" * 100_000, event(500)):
        assert refuse(bad).status == 400
    assert "64 levels" in refuse(event(65)).message


def test_a_wide_event_is_not_a_deep_one() -> None:
    """Brackets beside each other do not count."""
    assert len(decode({"type": "a", "data": [[{}]] * 1_000})[0].data) == 1_000


def test_sizes_are_limited() -> None:
    """Events in a request, bytes of one event at every door."""
    assert len(decode([{"type": "a"}] * 1_000)) == 1_000
    assert refuse([{"type": "a"}] * 1_001).status == 413
    assert refuse(b'{"type":"a"}\n' * 1_001, LINES).status == 413
    assert refuse(b"x\n" * 1_001, LINES).status == 413
    small = DecodeLimits(event_bytes=20)
    error = refuse([{"type": "a", "data": "x" * 18}, {"type": "a", "data": "x" * 19}], limits=small)
    assert (error.status, error.code, error.problems[0][0]) == (413, "AF413", "/1")
    with pytest.raises(IntakeError, match="larger than 20 bytes"):
        Decoder(IdSource(), small).decode_line(b'{"type":"aaaaaaaaaaaaaaaaaaaaaaa"}', now=NOW)


def test_not_more_mistakes_are_told_than_anybody_reads() -> None:
    """The answer stays small whatever was sent."""
    error = refuse([{}] * 1_000)
    assert len(error.problems) == MOST_MISTAKES
    assert "and 999 more" in error.message


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/xml", "application/cloudevents+avro", "json"])
def test_another_media_type_is_refused_with_those_that_are_taken(media_type: str) -> None:
    """A web page can send text/plain without asking anybody: it is not read as JSON."""
    error = refuse({"type": "a"}, media_type)
    assert (error.status, error.code, error.headers) == (415, "AF415", (("Accept-Post", ", ".join(ACCEPTED)),))


def test_media_types_are_compared_without_case_and_parameters() -> None:
    """As the standard has it."""
    assert decode({"type": "a"}, "Application/JSON; charset=utf-8")[0].type == "a"


CE = {"specversion": "1.0", "id": "c1", "source": "/crm", "type": "job.created"}


def test_cloudevents_are_taken_structured_and_in_batches() -> None:
    """Extensions are kept, also those whose names mean something else in our own form."""
    sent = {**CE, "data": {"job": {}}, "name": "n", "timestamp": "t", "traceparent": "00-a-b-01", "time": None}
    [event] = decode(sent, CLOUDEVENT)
    assert (event.id, event.source, event.type, event.data) == ("c1", "/crm", "job.created", {"job": {}})
    assert event.extensions == {"name": "n", "timestamp": "t", "traceparent": "00-a-b-01"}
    assert [one.id for one in decode([CE, {**CE, "id": "c2"}], BATCH)] == ["c1", "c2"]
    assert decode([], BATCH) == []
    assert decode({**CE, "data": '{"a":1}'}, CLOUDEVENT)[0].data == '{"a":1}'


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_a_cloudevent_without_a_required_attribute_is_refused(name: str) -> None:
    """Who says that it is a CloudEvent is held to it."""
    event = {key: value for key, value in CE.items() if key != name}
    assert [place for place, _ in refuse(event, CLOUDEVENT).problems] == [f"/{name}"]
    assert [place for place, _ in refuse([CE, event], BATCH).problems] == [f"/1/{name}"]


def test_one_cloudevent_is_no_batch_and_a_batch_is_not_one() -> None:
    """The media type says which it is."""
    assert refuse(CE, BATCH).problems[0][0] == ""
    assert refuse([CE], CLOUDEVENT).problems[0][0] == ""


def test_an_idempotency_key_is_the_id_of_a_single_event() -> None:
    """An id in the event wins; an array of one is a single event."""
    assert decode({"type": "a"}, default_id="k1")[0].id == "k1"
    assert decode([{"type": "a"}], default_id="k1")[0].id == "k1"
    assert decode(b'{"type":"a"}\n', LINES, default_id="k1")[0].id == "k1"
    assert decode({"type": "a", "id": "own"}, default_id="k1")[0].id == "own"
    assert decode({"type": "a", "id": 0}, default_id="k1")[0].id == "0"


def test_an_idempotency_key_for_several_events_is_refused_unless_each_has_its_id() -> None:
    """Dropping it silently would start everything twice when the sender tries again."""
    assert [one.id for one in decode([{"type": "a", "id": "1"}, {"type": "a", "id": "2"}], default_id="k")] == [
        "1",
        "2",
    ]
    error = refuse([{"type": "a", "id": "1"}, {"type": "a"}], default_id="k")
    assert [place for place, _ in error.problems] == ["/1/id"]


@pytest.mark.parametrize("key", ["", "x" * 257, "a\x00b", "a\x85"])
def test_an_idempotency_key_is_held_to_what_an_id_is_held_to(key: str) -> None:
    """It is one."""
    assert "Idempotency-Key" in refuse({"type": "a"}, default_id=key).message


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([*ALIASES, "id", "type", "source", "account", "time", "subject", "data", "specversion", "x"])


def check_whole(events: list[Event]) -> None:
    """Everything that the store and the views do with an event works with these."""
    for event in events:
        for text in (event.id, event.type, event.source, event.account, event.subject or "x"):
            assert text
            assert len(text.encode()) <= 4 * 256
        assert to_rfc3339(event.time)
        assert msgspec.json.decode(event.raw) == event.data
        assert plain_json(dict(event.extensions)).encode()


@given(body=st.binary(max_size=300), media_type=st.sampled_from(ACCEPTED))
@example(body=b'{"type":"a","time":"0001-01-01T00:00:00+23:59"}', media_type=JSON)
@example(body=b'{"type":"a","x":"\\ud800"}', media_type=JSON)
def test_any_bytes_are_events_or_refused(body: bytes, media_type: str) -> None:
    """Nothing else ever comes out of the decoder."""
    answer = attempt(body, media_type)
    if isinstance(answer, IntakeError):
        assert answer.status in (400, 413)
    else:
        check_whole(answer)


@given(value=st.dictionaries(NAMES, JSON_VALUES, max_size=6) | JSON_VALUES, media_type=st.sampled_from(ACCEPTED))
def test_any_json_is_an_event_or_refused_with_places_inside_it(value: Any, media_type: str) -> None:
    """A pointer leads to something that was sent, or to a name that is missing there."""
    answer = attempt(json.dumps(value).encode(), media_type)
    if isinstance(answer, IntakeError):
        assert answer.problems
        assert all(pointer == "" or pointer.startswith("/") for pointer, _ in answer.problems)
    else:
        check_whole(answer)


@given(prefix=st.binary(max_size=12), suffix=st.binary(max_size=12), cut=st.integers(0, 60))
def test_a_damaged_event_is_refused_or_whole(prefix: bytes, suffix: bytes, cut: int) -> None:
    """Cut short, or with something before or after it."""
    whole = b'{"type":"job.created","id":"1","data":{"a":[1,2,{"b":"c"}]}}'
    answer = attempt(prefix + whole[: len(whole) - cut] + suffix)
    if isinstance(answer, IntakeError):
        assert answer.status == 400
    else:
        check_whole(answer)


def test_a_time_without_a_zone_is_in_the_configs() -> None:
    """Summer time counts; a CloudEvent's time has a zone of its own, or is none."""
    from zoneinfo import ZoneInfo

    decoder = Decoder(IdSource(), zone=ZoneInfo("Europe/Berlin"))
    body = b'{"type": "a", "time": "2026-07-01T12:00:00"}'
    [event] = decoder.decode_body(body, "application/json", now=NOW)
    assert to_rfc3339(event.time) == "2026-07-01T10:00:00.000Z"
    cloud = b'{"specversion": "1.0", "id": "1", "source": "/a", "type": "a", "time": "2026-07-01T12:00:00"}'
    with pytest.raises(IntakeError):
        decoder.decode_body(cloud, "application/cloudevents+json", now=NOW)
