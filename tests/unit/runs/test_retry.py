"""What follows a failed attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoflow.model.retry import PRESETS
from autoflow.model.run import DeadLetterReason, Retry
from autoflow.model.step import RetryPolicy
from autoflow.runs.retry import LONGEST_WAIT, GiveUp, TryAgain, decide_retry

NOW = 1_800_000_000_000
MINUTE = 60_000
STANDARD = PRESETS["standard"]


def fail(after: int | None = None) -> Retry:
    """A failure that may pass."""
    return Retry(code="timeout", detail="", after=after)


@pytest.mark.parametrize(
    ("attempt", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60), (5, 360)], ids=lambda value: str(value)
)
def test_standard_waits_as_the_seed_says(attempt: int, minutes: int) -> None:
    """At once, 1 m, 5 m, 15 m, 1 h, 6 h."""
    decision = decide_retry(STANDARD, fail(), attempt=attempt, now=NOW, random=lambda: 0.0)
    assert decision == TryAgain(at=NOW + minutes * MINUTE)


def test_after_the_last_attempt_there_is_none() -> None:
    """Six attempts, then it is given up."""
    decision = decide_retry(STANDARD, fail(), attempt=6, now=NOW, random=lambda: 0.0)
    assert decision == GiveUp(reason=DeadLetterReason.MAX_ATTEMPTS)


def test_jitter_only_makes_later() -> None:
    """Up to a tenth more, never less."""
    latest = decide_retry(STANDARD, fail(), attempt=1, now=NOW, random=lambda: 1.0)
    assert latest == TryAgain(at=NOW + MINUTE + 6_000)


def test_the_receivers_wish_counts_where_it_is_longer() -> None:
    """The later of both."""
    asked = decide_retry(STANDARD, fail(3 * MINUTE), attempt=1, now=NOW, random=lambda: 0.0)
    scheduled = decide_retry(STANDARD, fail(3), attempt=1, now=NOW, random=lambda: 0.0)
    assert asked == TryAgain(at=NOW + 3 * MINUTE)
    assert scheduled == TryAgain(at=NOW + MINUTE)


def test_a_wish_beyond_the_whole_schedule_gives_up() -> None:
    """What the policy would never wait is not waited."""
    decision = decide_retry(PRESETS["quick"], fail(37_000), attempt=1, now=NOW, random=lambda: 0.0)
    assert decision == GiveUp(reason=DeadLetterReason.RETRY_AFTER_TOO_LONG)


@given(
    st.lists(st.integers(0, 10 * LONGEST_WAIT), min_size=1, max_size=20),
    st.integers(1, 30),
    st.none() | st.integers(0, 20 * LONGEST_WAIT),
    st.floats(0, 1),
)
def test_an_attempt_is_never_early_and_always_ends(
    schedule: list[int], attempt: int, after: int | None, chance: float
) -> None:
    """Not before its schedule (a day at most), at most a tenth later, and not past the policy."""
    policy = RetryPolicy(schedule=tuple(schedule))
    decision = decide_retry(policy, fail(after), attempt=attempt, now=NOW, random=lambda: chance)
    if attempt >= policy.max_attempts:
        assert isinstance(decision, GiveUp)
    elif isinstance(decision, TryAgain):
        least = min(max(schedule[attempt], after or 0), LONGEST_WAIT)
        assert least <= decision.at - NOW <= least * 1.1 + 1
