"""What is met by what: maps by their expected keys, lists element by element, matchers by what they say."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoflow.testing.matchers import MATCHERS, Instant, Lapse, compare, is_equal, is_met

BERLIN = ZoneInfo("Europe/Berlin")
NOON = 1_774_778_400_000  # 2026-03-29T12:00:00+02:00, the day on which clocks are put forward


@pytest.mark.parametrize(
    ("expected", "actual", "met"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": 1}, {"b": 1}, False),
        ({"a": None}, {}, False),
        ([1, {"a": 1}], [1, {"a": 1, "b": 2}], True),
        ([1], [1, 2], False),
        ([1, 2], [1], False),
        ([], {}, False),
        ({}, {"a": 1}, True),
        (1, 1.0, True),
        (1, "1", False),
        (1, True, False),
        (0, False, False),
        ("x", "x", True),
        ({"contains": "b"}, "abc", True),
        ({"contains": "d"}, "abc", False),
        ({"contains": {"a": 1}}, [{"a": 2}, {"a": 1, "b": 1}], True),
        ({"contains": 1}, 1, False),
        ({"starts_with": "a", "ends_with": "c"}, "abc", True),
        ({"starts_with": "a", "ends_with": "d"}, "abc", False),
        ({"matches": "b+c$"}, "abbc", True),
        ({"matches": "^b"}, "abbc", False),
        ({"matches": "1"}, 1, False),
        ({"any_of": [1, {"contains": "x"}]}, "wxy", True),
        ({"one_of": [1, 2]}, 3, False),
        ({"not": {"contains": "x"}}, "abc", True),
        ({"not": 1}, 1, False),
        ({"equals": {"a": 1}}, {"a": 1, "b": 2}, False),
        ({"equals": {"contains": 1}}, {"contains": 1}, True),
        ({"gt": 1, "lte": 2}, 2, True),
        ({"gt": 1}, "2", False),
        ({"gte": "b"}, "b", True),
        ({"lt": 1}, True, False),
        ({"contains": 1, "else": 2}, {"contains": 1, "else": 2}, True),
    ],
)
def test_values_are_met_as_they_are_written(expected: object, actual: object, *, met: bool) -> None:
    """Each row is a promise of docs/testing.md."""
    assert is_met(expected, actual) is met


@pytest.mark.parametrize(("wanted", "met"), [(True, True), (False, False)])
def test_exists_asks_for_more_than_null(wanted: object, *, met: bool) -> None:
    """What is null is not there, as in conditions; what is missing is not either."""
    assert is_met({"a": {"exists": wanted}}, {"a": 0}) is met
    assert is_met({"a": {"exists": wanted}}, {"a": None}) is not met
    assert is_met({"a": {"exists": wanted}}, {}) is not met


def test_exactly_allows_no_other_keys() -> None:
    """At any depth, and each key too many is named."""
    lines = compare({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, exactly=True)
    assert [(line.path, line.is_met) for line in lines] == [("a.b", True), ("a.c", False), ("d", False)]


@pytest.mark.parametrize(
    ("written", "met"),
    [
        ("12:00", True),
        ("12:00:00", True),
        ("10:00", False),
        ("2026-03-29T12:00", True),
        ("2026-03-29 12:00:00", True),
        ("2026-03-29T12:00:00+02:00", True),
        ("2026-03-29T10:00:00Z", True),
        ("2026-03-29T12:00:00Z", False),
        ("2026-03-28T12:00:00", False),
        ("noon", False),
    ],
)
def test_a_moment_is_met_by_every_way_of_writing_it(written: str, *, met: bool) -> None:
    """Without an offset a time is local."""
    assert is_met(written, Instant.of(NOON, BERLIN)) is met


def test_a_moment_and_a_span_are_texts_too() -> None:
    """Matchers of texts, and those of numbers where a span is meant, take them."""
    assert Instant.of(NOON + 5, BERLIN) == "2026-03-29T12:00:00.005+02:00"
    assert is_met({"starts_with": "2026-03-29"}, Instant.of(NOON, BERLIN))
    assert is_met("90s", Lapse.of(90_000))
    assert is_met({"gt": "1m", "lt": "2m"}, Lapse.of(90_000))
    assert not is_met({"gt": "2m"}, Lapse.of(90_000))
    assert Lapse.of(-60_000) == "-1m"


KEYS = st.text(max_size=4).filter(lambda key: key not in MATCHERS)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_values_meet_each_other_exactly_where_they_are_equal(one: object, other: object) -> None:
    """Each meets itself, whatever it holds; and what is met exactly is met."""
    assert is_met(one, one, exactly=True)
    assert is_met({"equals": one}, other) is is_equal(one, other) is is_met(one, other, exactly=True)
    assert is_met(one, other) or not is_equal(one, other)
    assert is_met({"not": one}, other) is not is_met(one, other)
