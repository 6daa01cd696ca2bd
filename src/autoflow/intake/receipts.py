"""What a door answers after the commit: the same shape on HTTP and on stdin."""

from __future__ import annotations

from collections.abc import Sequence

from autoflow.clock import to_rfc3339
from autoflow.engine import Receipt
from autoflow.model.json import Json
from autoflow.store.events import EventStatus


def answer_of(receipts: Sequence[Receipt]) -> dict[str, Json]:
    """The body of a 202."""
    duplicates = sum(1 for receipt in receipts if receipt.stored.status is EventStatus.DUPLICATE)
    return {
        "accepted": len(receipts) - duplicates,
        "duplicates": duplicates,
        "events": [event_answer(receipt) for receipt in receipts],
    }


def event_answer(receipt: Receipt) -> dict[str, Json]:
    """One event of an answer; `runs` says what it led to and when that is due."""
    answer: dict[str, Json] = {
        "id": receipt.event.id,
        "source": receipt.event.source,
        "status": receipt.stored.status.value,
    }
    if receipt.planned:
        answer["runs"] = [
            {"rule": new.rule_id, "run": new.run_id, "due_at": to_rfc3339(new.due_at)} for new in receipt.planned
        ]
    return answer
