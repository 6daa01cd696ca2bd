"""What statuses, failures and Retry-After mean."""

from __future__ import annotations

import pytest

from autoflow.actions.responses import (
    LONGEST_WAIT,
    Profile,
    Verdict,
    describe_answer,
    judge_answer,
    judge_failure,
    judge_status,
    read_retry_after,
)
from autoflow.clock import from_rfc3339
from autoflow.model.run import Reject, Retry
from autoflow.security.outgoing import Answer, SendFailure

NOW = from_rfc3339("2026-03-29T00:50:00Z")
PASSING = [408, 409, 425, 429, 500, 502, 503, 504, 520, 527, 530]
NEVER = [400, 406, 410, 411, 413, 414, 415, 422, 431, 451, 501, 505]
DEPENDS = [401, 403, 404, 405, 407, 423]


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ([200, 201, 202, 204, 299], Verdict.DONE),
        ([301, 302, 303, 307, 308, 304], Verdict.REJECT),
        (PASSING, Verdict.RETRY),
        (NEVER, Verdict.REJECT),
        ([506, 507, 599], Verdict.RETRY),
    ],
)
def test_statuses_that_mean_the_same_for_both(profile: Profile, statuses: list[int], verdict: Verdict) -> None:
    """2xx is done, overload and server errors pass, our mistakes and redirects never do."""
    assert {judge_status(status, profile) for status in statuses} == {verdict}


@pytest.mark.parametrize("status", DEPENDS)
def test_a_delivery_endpoint_may_be_mid_deploy(status: int) -> None:
    """A webhook's 404 is tried again; an interface's 404 is final."""
    assert judge_status(status, Profile.DELIVERY) is Verdict.RETRY
    assert judge_status(status, Profile.API) is Verdict.REJECT


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer with these headers; `_` stands for a dash."""
    return Answer(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=body)


def test_outcomes_carry_code_detail_and_wait() -> None:
    """The code is stable, the detail one line, the wait what the receiver asked for."""
    found = judge_answer(answer(503, b"busy\r\n\x00now", retry_after="120"), Profile.API, NOW)
    assert found == Retry(code="http-503", detail="status 503: busy now", after=120_000)
    assert judge_answer(answer(400), Profile.API, NOW) == Reject(code="http-400", detail="status 400")
    assert judge_answer(answer(204), Profile.API, NOW) is None
    redirect = judge_answer(answer(302, location="http://10.0.0.1/"), Profile.DELIVERY, NOW)
    assert isinstance(redirect, Reject)
    assert redirect.code == "redirect-not-followed"
    assert "http://10.0.0.1/" in redirect.detail
    assert len(describe_answer(answer(500, b"x" * 100_000))) < 400


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "0"}, 0),
        ({"retry-after": " 120 "}, 120_000),
        ({"retry-after": "Sun, 29 Mar 2026 00:52:00 GMT"}, 120_000),
        ({"retry-after": "Sunday, 29-Mar-26 00:52:00 GMT"}, 120_000),
        ({"retry-after": "Sun Mar 29 00:52:00 2026"}, 120_000),
        ({"retry-after": "Sun, 29 Mar 2026 10:01:00 GMT", "date": "Sun, 29 Mar 2026 10:00:00 GMT"}, 60_000),
        ({"retry-after": "999999999999"}, LONGEST_WAIT),
        ({"retry-after": "Sun, 29 Mar 2099 00:00:00 GMT"}, LONGEST_WAIT),
        ({"retry-after": "Sun, 29 Mar 2026 00:00:00 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], wait: int | None) -> None:
    """Seconds and the three date forms are read, a day is the most, nonsense and the past are ignored."""
    assert read_retry_after(headers, NOW) == wait


@pytest.mark.parametrize("code", ["dns", "connect", "timeout", "tls", "reset", "bad-answer"])
def test_a_failed_connection_passes(code: str) -> None:
    """Sent or not: the key makes it safe to try again."""
    for sent in (True, False):
        assert judge_failure(SendFailure(code, "why", sent=sent)) == Retry(code=code, detail="why")


def test_somebody_else_s_certificate_does_not_pass() -> None:
    """A name that does not match will not match later."""
    assert judge_failure(SendFailure("certificate", "why", sent=False)) == Reject(code="certificate", detail="why")
