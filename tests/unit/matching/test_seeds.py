"""The two rules of the CRM's document, as they stand there."""

from __future__ import annotations

from typing import Any

import pytest

from autoflow.matching.compiler import compile_condition
from autoflow.matching.tree import parse_condition

TECHNICIAN = {
    "all": [
        {"fact": "job", "path": "$.status", "operator": "equal", "value": "Done"},
        {"fact": "job", "path": "$.assignedTechnician.phone", "operator": "notEqual", "value": None},
    ]
}
HIGH_VALUE = {
    "all": [
        {"fact": "job", "path": "$.total", "operator": "greaterThanInclusive", "value": 2000},
        {"fact": "job", "path": "$.client.type", "operator": "equal", "value": "Commercial"},
    ]
}
AS_LINES = ['job.status == "Done"', "job.assignedTechnician.phone exists"]


def holds(document: Any, job: Any) -> bool:
    """Whether the condition holds for a job."""
    condition = parse_condition(document).condition
    assert condition is not None
    return compile_condition(condition)({"job": job})


@pytest.mark.parametrize(
    ("technician", "peer", "meant"),
    [
        ({"phone": "+1"}, True, True),
        ({"phone": None}, False, False),
        ({}, True, False),
        (None, True, False),
        ("absent", True, False),
    ],
)
def test_the_technician_must_have_a_phone(technician: Any, peer: bool, meant: bool) -> None:
    """The tree means what json-rules-engine makes of it, also for a missing phone; `exists` what was meant."""
    job = {"status": "Done"} if technician == "absent" else {"status": "Done", "assignedTechnician": technician}
    assert holds(TECHNICIAN, job) is peer
    assert holds(AS_LINES, job) is meant
    assert not holds(TECHNICIAN, {**job, "status": "Open"})


def test_the_trap_in_the_document_is_warned_of() -> None:
    """`notEqual null` is pointed at, with the way out."""
    (warning,) = parse_condition(TECHNICIAN).warnings
    assert (warning.code, warning.pointer) == ("AF241", ("all", 1))


@pytest.mark.parametrize(
    ("total", "kind", "expected"),
    [
        (2000, "Commercial", True),
        (1999.99, "Commercial", False),
        (2500, "Private", False),
        (None, "Commercial", False),
        ("2500", "Commercial", True),
    ],
)
def test_a_high_value_job_is_commercial_and_at_least_2000(total: Any, kind: str, expected: bool) -> None:
    """The second rule holds from 2,000 on, for commercial clients only."""
    assert holds(HIGH_VALUE, {"total": total, "client": {"type": kind}}) is expected
