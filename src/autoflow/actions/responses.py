"""What an HTTP answer means for a run: done, worth another attempt, or never. Pure functions of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

from autoflow.model.run import Reject, Retry
from autoflow.security.outgoing import Answer, SendFailure

LONGEST_WAIT = 24 * 3_600_000
"""A Retry-After beyond a day counts as a day."""

_DETAIL_CAP = 300


class Profile(StrEnum):
    """Who answers."""

    #: an endpoint that takes deliveries and may be in the middle of a deploy
    DELIVERY = "delivery"
    #: an interface whose client errors are ours
    API = "api"


class Verdict(StrEnum):
    """What a status means."""

    #: 2xx
    DONE = "done"
    #: it may work later
    RETRY = "retry"
    #: it will never work as it is
    REJECT = "reject"


_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 530, *range(520, 528)})
_NEVER = frozenset({400, 406, 410, 411, 413, 414, 415, 422, 431, 451, 501, 505})


def judge_status(status: int, profile: Profile) -> Verdict:
    """The class of a status. 409 means that our own key is still being worked on: it passes."""
    if 200 <= status < 300:
        return Verdict.DONE
    if status < 400 or status in _NEVER:
        return Verdict.REJECT
    if status in _PASSING or status >= 500 or profile is Profile.DELIVERY:
        return Verdict.RETRY
    return Verdict.REJECT


def judge_answer(answer: Answer, profile: Profile, now: int) -> Retry | Reject | None:
    """The outcome of an answer; None for success."""
    verdict = judge_status(answer.status, profile)
    if verdict is Verdict.DONE:
        return None
    if 300 <= answer.status < 400:
        where = answer.headers.get("location", "nowhere")
        detail = f"status {answer.status} leads to {where}; redirects are not followed"
        return Reject(code="redirect-not-followed", detail=detail)
    code, detail = f"http-{answer.status}", describe_answer(answer)
    if verdict is Verdict.REJECT:
        return Reject(code=code, detail=detail)
    return Retry(code=code, detail=detail, after=read_retry_after(answer.headers, now))


def judge_failure(failure: SendFailure) -> Retry | Reject:
    """The outcome where no answer came. Sent or not, the key makes it safe to try again."""
    if failure.code == "certificate":
        return Reject(code=failure.code, detail=failure.detail)
    return Retry(code=failure.code, detail=failure.detail)


def describe_answer(answer: Answer) -> str:
    """The status and the beginning of the body, on one line."""
    text = answer.body[: 4 * _DETAIL_CAP].decode("utf-8", "replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f"status {answer.status}: {line[:_DETAIL_CAP]}" if line else f"status {answer.status}"


def read_retry_after(headers: Mapping[str, str], now: int) -> int | None:
    """Milliseconds that Retry-After asks for, in seconds or as a date; None where it says nothing usable.

    A date is counted from the answer's own Date, so that the two machines' clocks need not agree.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]) * 1000, LONGEST_WAIT)
    until = _read_date(text)
    if until is None:
        return None
    wait = until - (_read_date(headers.get("date", "")) or now)
    return min(wait, LONGEST_WAIT) if wait >= 0 else None


def _read_date(text: str) -> int | None:
    """UTC milliseconds of an HTTP date in any of its three forms (IMF-fixdate, RFC 850, asctime)."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
