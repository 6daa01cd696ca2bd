"""The decoder's short way: what it takes is what the long way takes, and it takes what senders usually send."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autoflow.errors import IntakeError
from autoflow.intake.decode import ACCEPTED, DecodeLimits, Decoder
from autoflow.intake.envelope import ALIASES
from autoflow.intake.plain import PlainEvent, read_plain, read_plain_array, read_plain_lines
from autoflow.model.event import Event
from autoflow.model.ids import IdSource

NOW = 1_800_000_000_000
JSON = "application/json"
LINES = "application/x-ndjson"
LIMITS = DecodeLimits(event_bytes=60, depth=5, events=3)

Outcome = list[Event] | tuple[Any, ...]


class SameId(IdSource):
    """Every id is the same one, so that two ways of making events can be compared."""

    def make(self, now: int) -> str:
        return f"made at {now}"

    def make_many(self, now: int, count: int) -> list[str]:
        return [f"made at {now}"] * count


class LongWay(Decoder):
    """A decoder that reads every event name by name."""

    def _make_plain(self, found: Any, *, now: int) -> None:
        return None


def outcome(decoder: Decoder, body: bytes, media_type: str | None) -> Outcome:
    """The events of a body, or everything that a refusal tells. Without a media type: those of one line."""
    try:
        if media_type is None:
            return [decoder.decode_line(body, now=NOW)]
        return decoder.decode_body(body, media_type, now=NOW)
    except IntakeError as error:
        return (error.status, error.code, error.message, error.problems)


def check_both_ways(body: bytes, media_type: str | None) -> None:
    """The short way and the long one come to the same, within wide limits and narrow ones."""
    for limits in (DecodeLimits(), LIMITS):
        short = outcome(Decoder(SameId(), limits), body, media_type)
        assert short == outcome(LongWay(SameId(), limits), body, media_type)


WORDS = st.text(max_size=6) | st.sampled_from(
    ["crm", "", "a\x00b", "\u2003", "\x9b", "x" * 256, "x" * 257, "job.*", "*"]
)
TYPES = st.sampled_from(["a", "job.created", "", "a b", "a.*", "*", "autoflow.x", "a\u0085", "\ud7ff", "x" * 257])
TIMES = st.sampled_from([
    "2026-03-29T00:50:00Z", "2026-03-29t02:50:00.25+02:00", "2026-03-29T00:50:00", "2026-02-30T00:00:00Z",
    "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "20260329T005000Z", "now", "",
])  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ODD = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | VALUES,
        "id": WORDS | VALUES,
        "source": WORDS | VALUES,
        "account": WORDS | VALUES,
        "subject": WORDS | VALUES,
        "time": TIMES | VALUES,
        "specversion": st.sampled_from(["1.0", "0.3"]),
        "x": VALUES,
        "data_base64": WORDS,
    },
) | st.dictionaries(st.sampled_from(sorted(ALIASES)), WORDS | VALUES, max_size=2)
GOOD = st.fixed_dictionaries(
    {"type": st.sampled_from(["a", "job.created"])},
    optional={
        "id": st.text("abc", min_size=1),
        "time": st.just("2026-03-29T00:50:00Z"),
        "source": st.just("crm"),
        "account": st.just("acme"),
        "subject": st.just("s"),
        "data": VALUES,
    },
)
ONE_WORD = st.sampled_from(["type", "id", "source", "account", "subject"])
SPOILT = st.tuples(GOOD, st.dictionaries(ONE_WORD, WORDS | TYPES, max_size=1))
EVENTS = GOOD | SPOILT.map(lambda pair: pair[0] | pair[1]) | st.tuples(GOOD, ODD).map(lambda pair: pair[0] | pair[1])
SHAPES = st.sampled_from([(b"", JSON), (b"", None), (b"[,]", JSON), (b"\n", LINES), (b"\r\n", LINES)])
DAMAGE = st.binary(max_size=3) | st.sampled_from(
    [b"1e999", b"NaN", b"\\ud800", b"\xef\xbb\xbf", b"[" * 9, b" ", b"\n"]
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, str | None]:
    """One event, an array or lines, written in one way or another; some are damaged, some wrongly called."""
    joint, media_type = draw(SHAPES)
    values = draw(st.lists(EVENTS, min_size=1, max_size=4 if joint else 1))
    ascii_only = draw(st.booleans())
    texts = [json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") for value in values]
    body = b"[" + b",".join(texts) + b"]" if joint == b"[,]" else joint.join(texts)
    fate = draw(st.integers(0, 5))
    if fate == 0:
        place = draw(st.integers(0, len(body)))
        body = body[:place] + draw(DAMAGE) + body[place + draw(st.integers(0, 3)) :]
    return body, draw(st.sampled_from(ACCEPTED)) if fate == 1 else media_type


@given(request=requests())
@example(request=(b'[{"type":"a"}]', None))
@example(request=(b'{"type":"a"}\n{"type":"b"}', None))
@example(request=(b'{"type":"a"} {"type":"b"}', LINES))
@example(request=(b'{"type":"a","data":1e999}', JSON))
@example(request=(b'{"type":"a","data":"\xff"}', JSON))
@example(request=(b'{"type":"a","data":[[[[1]]]]}', JSON))
@example(request=(b'[{"type":"a","data":[[[[1]]]]}]', JSON))
@example(request=(b'[{"type":"a","data":[[[[[]]]]]}]', JSON))
@example(request=(b'{"type":"a","type":null}', LINES))
@example(request=(b'{"type":"a","id":"x","id":null,"data":null}', LINES))
@example(request=(b'{"type":"a"}\n' * 4, LINES))
def test_both_ways_make_the_same_events_or_tell_the_same_mistakes(request: tuple[bytes, str | None]) -> None:
    """Whatever comes: nobody can tell which way it took but by the clock."""
    check_both_ways(*request)


@given(body=st.binary(max_size=60), media_type=st.sampled_from([*ACCEPTED, None]))
def test_both_ways_say_the_same_about_any_bytes(body: bytes, media_type: str | None) -> None:
    """Also where it is no JSON at all."""
    check_both_ways(body, media_type)


PLAIN = b'{"type": "job.created", "source": "crm", "time": "2026-03-02T09:30:00Z", "data": {"job": {"id": 7}}}'


def test_an_event_with_plain_names_and_good_values_is_read_in_one_pass() -> None:
    """By itself, in an array, and as a line."""
    event = PlainEvent(type="job.created", source="crm", time="2026-03-02T09:30:00Z", data={"job": {"id": 7}})
    assert read_plain(PLAIN, depth=64) == event
    assert read_plain_array(b"[" + PLAIN + b"]", depth=64, most=1) == [event]
    assert read_plain_lines(PLAIN + b"\n\n" + PLAIN + b"\r\n", depth=64, most=2) == [event, event]


@pytest.mark.parametrize(
    "text",
    [
        b'{"type":"a","x":1}', b'{"name":"a"}', b'{"type":"a","id":7}', b'{"type":"a","specversion":"1.0"}', b"{}",
        b'{"type":"a","id":""}', b'{"type":"a","source":"\\n"}', b'{"type":"job.*"}', b'{"type":null}', b"[]", b"",
        b'{"type":"a","data":[[[[[]]]]]}',
    ],
)  # fmt: skip
def test_anything_unusual_is_left_to_the_long_way(text: bytes) -> None:
    """There every spelling is known and every mistake has its place."""
    assert read_plain(text, depth=5) is None
    assert read_plain_array(b"[" + text + b"]", depth=5, most=9) in (None, [])
    if text:
        assert read_plain_lines(text, depth=5, most=9) is None


def test_more_events_than_a_request_may_hold_are_not_read_to_the_end() -> None:
    """The line after the last one that is allowed ends it."""
    assert read_plain_lines(PLAIN + b"\n" + PLAIN, depth=64, most=1) is None
    assert read_plain_array(b"[" + PLAIN + b"," + PLAIN + b"]", depth=64, most=1) is None
