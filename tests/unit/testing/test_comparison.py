"""Two replays, outcome by outcome: each difference is counted once, by what kind it is of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from autoflow.app.backtesting import Backtest
from autoflow.app.rule_sets import Origin, ReadSet
from autoflow.cli.backtest_report import Told, backtest_to_json, headline, render_markdown, render_text
from autoflow.model.json import Json, canonical_json
from autoflow.store.sqlite.tape import OutcomeFile, TapeSize
from autoflow.testing.comparison import Comparison, Kind, compare
from autoflow.testing.outcomes import Outcome

AT = 1_800_000_000_000


def outcome(event: str, rule: str = "r", *, at: int = 0, body: Json = None, account: str = "default") -> Outcome:
    """One run, done at once if nothing else is said."""
    return Outcome(
        account=account, event_id=event, source="autoflow", rule_id=rule, event_type="a", received_at=AT + at,
        origin=None, body=canonical_json(body or done()),
    )  # fmt: skip


def done(message: str = "hi", *, due: int = 0, status: str = "done", reason: str | None = None) -> Json:
    """What a run that sends one text came to."""
    return [status, AT + due, reason, [["1", "sms", {"message": message, "recipient": "+1"}]]]


def compared(before: list[Outcome], after: list[Outcome]) -> Comparison:
    """Everything that differs."""
    return compare(iter(sorted(before)), iter(sorted(after)), lambda _rule: True)


def kinds(before: Json, after: Json) -> list[str]:
    """How one outcome differs."""
    found = compared([outcome("e", body=before)], [outcome("e", body=after)])
    return [kind.value for _, kind in found.tallies]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (done(), []),
        (done(due=5), ["due"]),
        (done("ho"), ["actions"]),
        (done("ho", due=5), ["due", "actions"]),
        (done(status="cancelled", reason="event x ended it"), ["cancelled"]),
        (done(status="failed", reason="sms (template): no job"), ["failed"]),
        (done(status="shadow"), ["shadow"]),
        (["error", None, "cannot compare", []], ["error"]),
    ],
)
def test_each_difference_is_of_one_kind(after: Json, expected: list[str]) -> None:
    """What is due later and sends something else is both."""
    assert kinds(done(), after) == expected
    assert kinds(after, done()) == expected


def test_what_is_on_one_side_only_is_added_or_removed() -> None:
    """Whatever stands around it in the order."""
    found = compared([outcome(e) for e in "acd"], [outcome(e) for e in "abde"])
    assert {kind: tally.count for (_, kind), tally in found.tallies.items()} == {Kind.ADDED: 2, Kind.REMOVED: 1}
    assert (found.before, found.after, found.unchanged.total()) == (3, 4, 2)


def test_the_example_is_the_earliest_event() -> None:
    """Not the first by its id."""
    found = compared([], [outcome("a", at=9), outcome("b", at=3), outcome("c", at=5)])
    [tally] = found.tallies.values()
    assert tally.example is not None
    assert tally.example.event_id == "b"


def test_shifts_are_told_from_the_least_to_the_most() -> None:
    """All by the same are told once."""
    before = [outcome(e) for e in "ab"]
    [tally] = compared(before, [outcome(e, body=done(due=300_000)) for e in "ab"]).tallies.values()
    assert headline(Kind.DUE, tally) == "2 due at another time: 5m later"
    later = [outcome("a", body=done(due=-1000)), outcome("b", body=done(due=60_000))]
    [tally] = compared(before, later).tallies.values()
    assert headline(Kind.DUE, tally) == "2 due at another time: 1s earlier to 1m later"


def test_fields_are_told_with_how_often_each_differs() -> None:
    """The number is left out where all differ in it."""
    before = [outcome(e) for e in "ab"]
    after = [outcome("a", body=done("x")), outcome("b", body=done("y"))]
    [tally] = compared(before, after).tallies.values()
    assert headline(Kind.ACTIONS, tally) == "2 send something else: 1.sms.message"
    assert [(one.path, one.before, one.after) for one in tally.example.differences] == [  # type: ignore[union-attr]  # there is one
        ("1.sms.message", "hi", "x")
    ]


def test_only_wanted_rules_count() -> None:
    """The others are replayed all the same."""
    found = compare(iter([]), iter([outcome("a", "r"), outcome("a", "s")]), lambda rule: rule[1] == "s")
    assert [rule for rule, _ in found.tallies] == [("default", "s")]
    assert found.after == 1


def test_reports_tell_kinds_examples_and_totals() -> None:
    """As text, as a table, as JSON; what is foreign stays text."""
    before = [outcome("a"), outcome("b", account="acme", body=done("<b>|`x` @team ![i](http://x) \\\\| y"))]
    after = [outcome("a", body=done(due=60_000)), outcome("b", account="acme", body=done("\x1b[31m"))]
    sets = [ReadSet(origin=Origin.REVISION, title=title) for title in ("old", "new")]
    found = Backtest(comparison=compared(before, after), size=TapeSize(2, AT, AT), before_rules=1, after_rules=2)
    told = Told(backtest=found, before=sets[0], after=sets[1])
    text = render_text(told)
    assert (
        "2 events, 2027-01-15 08:00:00Z to 2027-01-15 08:00:00Z\nfrom old: 1 rule, 2 runs\nto new: 2 rules, 2 runs"
        in text
    )
    assert "acme/r\n  1 sends something else: 1.sms.message\n    a b\n" in text
    assert "sends sms, due 2027-01-15 08:00:00Z -> sends sms, due 2027-01-15 08:01:00Z" in text
    assert text.endswith("1 due at another time, 1 sends something else; 0 unchanged\n")
    assert "\x1b" not in text
    table = [line for line in render_markdown(told).splitlines() if line.startswith("| acme")]
    assert len(table) == 1
    assert "&lt;b&gt;\\|\\`x\\`" in table[0]
    assert "!\\[i\\](http://x)" in table[0]
    assert re.sub(r"\\.", "", table[0]).count("|") == 4, "a backslash before a bar is one of the text's"
    assert "@team" not in re.sub("<code>.*?</code>", "", table[0])
    answer = backtest_to_json(told)
    assert json.loads(json.dumps(answer)) == answer
    assert answer["summary"]["due"] == 1
    assert answer["items"][0]["example"]["to"]["steps"][0]["type"] == "sms"


def test_outcomes_come_back_in_the_order_of_their_keys(tmp_path: Path) -> None:
    """Python's order and the database's are the same, also outside of ASCII."""
    names = ["é", "z", "Z", "a", "\U0001f600", "\uffee", "a\x00b", "", "10", "9"]
    file = OutcomeFile(tmp_path / "outcomes.db", is_new=True)
    file.write(outcome(name) for name in names)
    assert [row[1] for row in file.read()] == sorted(names)
    file.close()
