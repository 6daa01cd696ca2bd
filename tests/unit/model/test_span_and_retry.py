"""Spans and retry policies as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.model.retry import PRESETS, parse_retry, write_retry
from autoflow.model.span import LONGEST, parse_span, write_span


@pytest.mark.parametrize(
    ("text", "millis"),
    [("0s", 0), ("500ms", 500), ("30s", 30_000), ("1h30m", 5_400_000), ("1d", 86_400_000), ("2w", 1_209_600_000)],
)
def test_spans_mean_what_they_say(text: str, millis: int) -> None:
    """A day is 24 hours."""
    assert parse_span(text) == millis


@given(st.integers(0, LONGEST))
def test_a_written_span_reads_as_it_was(millis: int) -> None:
    """Nothing is lost."""
    assert parse_span(write_span(millis)) == millis


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5", "5 what? write 5s, 5m or 5h"),
        ("1.5", "what?"),
        ("PT5M", "is not a span"),
        ("-5m", "is not a span"),
        ("5 m", "write 5m"),
        ("5 minutes", "write 5m"),
        ("90 sec", "write 90s"),
        ("1 hour and 30 min", "write 1h30m"),
        ("2 weeks, 3 days", "write 2w3d"),
        ("250 milliseconds", "write 250ms"),
        ("2 months", "write for example"),
        ("minutes 5", "write for example"),
        ("", "is not a span"),
        ("999999w", "longer than ten years"),
    ],
)
def test_what_is_no_span_is_refused_with_what_to_write(text: str, said: str) -> None:
    """The message helps."""
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        parse_span(text)


@pytest.mark.parametrize("text", ["5 minutes", "1 hour and 30 min", "3 hrs 5 secs", "2 wks, 3 days", "7 MS"])
def test_what_is_said_to_be_written_is_a_span(text: str) -> None:
    """Whoever follows the message is done."""
    with pytest.raises(ValueError, match="is not a span") as said:
        parse_span(text)
    assert parse_span(str(said.value).rpartition("write ")[2]) > 0


def test_a_number_is_no_retry_policy_and_says_how_it_is_written() -> None:
    """It could be attempts or repetitions: the key says which."""
    with pytest.raises(ValueError, match=r"for 3 attempts write \{ max_attempts: 3 \}"):
        parse_retry(3)
    assert len(parse_retry({"max_attempts": 3}).schedule) == 3


def test_presets_have_their_attempts() -> None:
    """standard is the seed's six."""
    assert {name: policy.max_attempts for name, policy in PRESETS.items()} == {
        "standard": 6,
        "patient": 10,
        "quick": 4,
        "none": 1,
    }


def test_a_formula_is_written_out() -> None:
    """The first attempt waits nothing; the waits grow up to the cap; missing words are standard's."""
    policy = parse_retry({"max_attempts": 5, "base": "1s", "factor": 3, "cap": "10s"})
    assert policy.schedule == (0, 1_000, 3_000, 9_000, 10_000)
    assert parse_retry({"max_attempts": 3}).schedule == (0, 60_000, 120_000)


@pytest.mark.parametrize("name", list(PRESETS))
def test_policies_write_as_they_read(name: str) -> None:
    """Presets by name, everything else as a schedule."""
    assert write_retry(parse_retry(name)) == name
    odd = {"schedule": ["0s", "7s"]}
    assert write_retry(parse_retry(odd)) == odd


@pytest.mark.parametrize(
    "value",
    [
        "fast", 3, [], {"schedule": []}, {"schedule": ["x"]}, {"schedule": ["1s"], "base": "1s"},
        {"max_attempts": 0}, {"max_attempts": True}, {"max_attempts": 51}, {"factor": 0}, {"factor": "2"},
        {"base": "soon"}, {"tries": 3}, {"schedule": ["1s"] * 51},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_policy_is_refused(value: object) -> None:
    """With a ValueError that says why."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_retry(value)


def test_a_huge_factor_ends_at_its_cap() -> None:
    """No number grows past what a time can hold."""
    policy = parse_retry({"max_attempts": 50, "factor": 100, "base": "1d", "cap": "3650d"})
    assert max(policy.schedule) <= 365 * 86_400_000
