"""The answer of `why` as a person reads it: the event, each rule with what became of it, and what is left out."""

from typing import Any

import pytest

from autoflow.cli.answers import answer_lines
from autoflow.cli.output import short_time
from autoflow.clock import SystemClock, to_rfc3339

NOW = 1_800_000_000_000
VERSION = {
    "hash": "0123456789abcdef",
    "path": "jobs.yaml",
    "line": 7,
    "commit": "a" * 40,
    "author": "E",
    "dirty": True,
}
NOTHING = {"trigger_conditions": None, "conditions": None, "changes": [], "changes_suffice": None}
NO_RUN = {"run": None, "pending": None, "due_at": None, "dead_letters": [], "shadow": False}


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is always the same moment."""
    monkeypatch.setattr(SystemClock, "now", lambda _clock: NOW)


def moment(minutes: int) -> str:
    """A time so many minutes from now."""
    return to_rfc3339(NOW + minutes * 60_000)


def item(rule: str, outcome: str, because: str, **more: Any) -> dict[str, Any]:
    """What is said of one rule."""
    told = {"rule": rule, "account": "default", "outcome": outcome, "because": because}
    return {**told, **NOTHING, **NO_RUN, "version": VERSION, "now": {"state": "same"}, **more}


def lines(*items: dict[str, Any], **more: Any) -> list[str]:
    """The lines of an answer; those of the rules begin at the fourth."""
    event = {
        "id": "e1", "type": "job.done", "received_at": moment(-2), "made_by": None, "ended": [],
        "duplicates": {"count": 0, "other_bodies": 0, "last_at": None},
    }  # fmt: skip
    told = {
        "event": {**event, **more.pop("event", {})},
        "generation": {"id": 3, "rules": 9, "in_force": True},
        "items": list(items),
        "counts": {},
        "notes": [],
        **more,
    }
    return answer_lines(told)


def test_what_waits_says_until_when_and_what_to_look_at() -> None:
    """With the numbers that other commands take, and the place of the version."""
    because = f"it waits until {moment(5)}; nothing will be sent"
    told = lines(item("r", "waiting", because, run="run_1", pending=4, due_at=moment(5)))
    assert told[0].startswith("job.done e1 arrived 20")
    assert told[0].endswith("(2m ago)")
    assert told[1:] == [
        "  judged by the 9 rules of generation 3, which are in force",
        "",
        "✓ r waits",
        f"  it waits until {short_time(moment(5))} (in 5m); nothing will be sent",
        "  run run_1, pending 4",
        "  jobs.yaml:7 at aaaaaaaa, changed since that commit",
    ]


def test_a_miss_is_told_by_its_conditions_and_not_twice() -> None:
    """The sentence is for other programs; the tree says it all."""
    leaf = {"fact": "n", "operator": "greaterThan", "value": 5, "actual": 3, "decided": True, "result": False}
    change = {"text": "n is 3, needs > 5", "path": "n", "set": 6}
    missed = item(
        "r", "condition", "its condition did not hold: n is 3, needs > 5", conditions=leaf, changes=[change],
        changes_suffice=True, now={"state": "changed", "commit": "b" * 40},
    )  # fmt: skip
    assert lines(missed)[3:] == [
        "✗ r did not act: its condition did not hold",
        "  jobs.yaml:7 at aaaaaaaa, changed since that commit (the rule has changed since, at bbbbbbbb)",
        "  when",
        "    ✗ n > 5  is 3",
        "  it would act if",
        "    n is 3, needs > 5",
    ]


def test_what_does_not_belong_to_the_event_is_one_line_each_or_a_count() -> None:
    """Folded, and shown where it is asked for."""
    folded = lines(counts={"type": 6, "account": 1}, notes=["no rule waited for job.done"])
    assert folded[2:] == [
        "",
        "no rule waited for job.done",
        "not shown: 6 not triggered by job.done, 1 of another account; --all shows each",
    ]
    shown = lines(item("r", "type", "it waits for x; the event is job.done"), counts={"type": 1})
    assert shown[3:5] == [
        "· r it waits for x; the event is job.done",
        "  jobs.yaml:7 at aaaaaaaa, changed since that commit",
    ]


def test_the_event_tells_how_often_it_came_what_it_ended_and_what_made_it() -> None:
    """Before the rules: it is not theirs."""
    event = {
        "made_by": "run_0", "ended": [{"rule": "late", "run": "run_7"}],
        "duplicates": {"count": 1, "other_bodies": 1, "last_at": moment(-1)},
    }  # fmt: skip
    assert lines(event=event)[2:5] == [
        "  made by run_0",
        "  it ended what late had waiting (run_7)",
        "  came again 1 time, last 1m ago, 1 of them with another body: a duplicate does nothing",
    ]


def test_what_is_in_shadow_says_so_whatever_became_of_it() -> None:
    """A run that was cancelled would have sent nothing."""
    told = lines(item("r", "cancelled", "cancelled at 1: event e2 (x) ended it", run="run_1", shadow=True))
    assert told[3:5] == ["● r was cancelled, in shadow", "  cancelled at 1: event e2 (x) ended it"]
    gone = lines(
        item("r", "done", "it acted", now={"state": "removed"}, version={**VERSION, "path": None, "commit": None})
    )
    assert gone[3:] == ["✓ r acted", "  it acted", "  version 01234567 (the rule is not there any more)"]
