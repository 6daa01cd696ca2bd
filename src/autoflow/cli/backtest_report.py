"""A backtest for people and for programs: as text, as Markdown for a pull request, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from autoflow.app.backtesting import Backtest
from autoflow.app.rule_sets import ReadSet
from autoflow.cli.formats.github import escape_markdown
from autoflow.cli.output import paint, printable, short_time
from autoflow.cli.plan_report import difference_to_json, show_value
from autoflow.clock import Millis, to_rfc3339
from autoflow.model.event import DEFAULT_ACCOUNT, DEFAULT_SOURCE
from autoflow.model.json import Json
from autoflow.model.run import RunStatus
from autoflow.model.span import write_span
from autoflow.rules.differences import ABSENT, Difference
from autoflow.testing.comparison import Example, Kind, RuleKey, Tally
from autoflow.testing.outcomes import NOT_JUDGED, Body

STYLES: Mapping[Kind, str] = {Kind.ADDED: "green", Kind.REMOVED: "red", Kind.FAILED: "red", Kind.ERROR: "red"}
MOST_FIELDS = 6
MOST_SHOWN = 3
"""Differences of one example that are shown to people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A backtest, and what it was of."""

    backtest: Backtest
    before: ReadSet
    after: ReadSet


def render_text(told: Told) -> str:
    """For a terminal; it reads as well without colour."""
    lines = list(_head(told))
    for rule in _rules(told.backtest):
        lines += ["", paint(_named(rule), "bold")]
        for kind, tally in _tallies_of(told.backtest, rule):
            lines.append(f"  {paint(headline(kind, tally), STYLES.get(kind, 'yellow'))}")
            lines += [f"    {line}" for line in _example(tally)]
        lines += [f"  {same:,} unchanged" for same in [told.backtest.comparison.unchanged[rule]] if same]
    return "\n".join([*lines, "", summary(told.backtest)]) + "\n"


def render_markdown(told: Told) -> str:
    """For a comment on a pull request: a row for each way in which a rule's outcomes differ."""
    lines = [f"### autoflow backtest: {summary(told.backtest)}", ""]
    lines += [f"- {escape_markdown(line)}" for line in _head(told)]
    rows = [
        f"| {_named(rule)} | {escape_markdown(headline(kind, tally))} | {'<br>'.join(map(_cell, _example(tally)))} |"
        for rule in _rules(told.backtest)
        for kind, tally in _tallies_of(told.backtest, rule)
    ]
    if rows:
        lines += ["", "| rule | what differs | for example |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def backtest_to_json(told: Told) -> dict[str, Json]:
    """One object for other programs. It holds what the events held: addresses, names, whatever is sent."""
    backtest = told.backtest
    comparison, size = backtest.comparison, backtest.size
    return {
        "schema_version": 1,
        "from": _set_json(told.before, backtest.before_rules),
        "to": _set_json(told.after, backtest.after_rules),
        "events": {"count": size.events, "first": _moment(size.first), "last": _moment(size.last)},
        "items": [
            _tally_json(rule, kind, tally) for rule in _rules(backtest) for kind, tally in _tallies_of(backtest, rule)
        ],
        "summary": {
            "from_runs": comparison.before,
            "to_runs": comparison.after,
            "unchanged": comparison.unchanged.total(),
            **{kind.value: _total(backtest, kind) for kind in Kind},
        },
    }


def summary(backtest: Backtest) -> str:
    """`12 runs added, 3 cancelled differently; 280 unchanged`."""
    same = f"{backtest.comparison.unchanged.total():,} unchanged"
    counts = [f"{number:,} {_words(kind, number)}" for kind in Kind if (number := _total(backtest, kind))]
    return f"{', '.join(counts)}; {same}" if counts else f"no difference; {same}"


def headline(kind: Kind, tally: Tally) -> str:
    """`280 due 5m later`, `4 send something else: sms.message`."""
    text = f"{tally.count:,} {_words(kind, tally.count)}"
    if kind is Kind.DUE and tally.shifts is not None:
        least, most = tally.shifts
        text += f": {_shift(least)}" if least == most else f": {_shift(least)} to {_shift(most)}"
    if kind is Kind.ACTIONS:
        fields = [
            f"{name} ({count:,})" if count != tally.count else name for name, count in tally.fields.most_common()
        ]
        more = f", and {len(fields) - MOST_FIELDS} more" if len(fields) > MOST_FIELDS else ""
        text += f": {printable(', '.join(fields[:MOST_FIELDS]))}{more}"
    return text


def _words(kind: Kind, number: int) -> str:
    one = number == 1
    match kind:
        case Kind.ADDED:
            return "run added" if one else "runs added"
        case Kind.REMOVED:
            return "run removed" if one else "runs removed"
        case Kind.DUE:
            return "due at another time"
        case Kind.ACTIONS:
            return "sends something else" if one else "send something else"
        case Kind.CANCELLED:
            return "cancelled differently"
        case Kind.FAILED:
            return "fails differently" if one else "fail differently"
        case Kind.SHADOW:
            return "in shadow on one side"
        case Kind.ERROR:
            return "cannot be judged on one side"


def _shift(millis: Millis) -> str:
    return f"{write_span(abs(millis))} {'later' if millis > 0 else 'earlier'}" if millis else "as before"


def _head(told: Told) -> Iterator[str]:
    backtest, size = told.backtest, told.backtest.size
    if size.first is None or size.last is None:
        yield "no events"
    else:
        span = f"{short_time(to_rfc3339(size.first))} to {short_time(to_rfc3339(size.last))}"
        yield f"{size.events:,} event{'' if size.events == 1 else 's'}, {span}"
    comparison = backtest.comparison
    for word, read, rules, runs in (
        ("from", told.before, backtest.before_rules, comparison.before),
        ("to", told.after, backtest.after_rules, comparison.after),
    ):
        yield f"{word} {printable(read.title)}: {_count(rules, 'rule')}, {_count(runs, 'run')}"


def _example(tally: Tally) -> Iterator[str]:
    """The earliest event of a kind, with what each side makes of it."""
    example = tally.example
    if example is None:
        return
    source = "" if example.source == DEFAULT_SOURCE else f" of {example.source}"
    origin = "" if example.origin is None else f", made by {example.origin}"
    yield printable(f"{example.event_type} {example.event_id}{source}{origin}")
    if example.differences:
        for difference in example.differences[:MOST_SHOWN]:
            yield from _difference(difference)
        if len(example.differences) > MOST_SHOWN:
            yield f"and {len(example.differences) - MOST_SHOWN} more"
        return
    yield from _difference(Difference("", _told(example.before), _told(example.after), is_line=True))


def _difference(one: Difference) -> Iterator[str]:
    lead = f"{printable(one.path)}  " if one.path else ""
    before, after = (
        "nothing" if value is ABSENT else show_value(value, is_line=one.is_line) for value in (one.before, one.after)
    )
    if len(before) + len(after) <= 80:
        yield f"{lead}{paint(before, 'red')} -> {paint(after, 'green')}"
    else:
        yield from ([printable(one.path)] if one.path else [])
        yield f"{paint(f'- {before}', 'red')}"
        yield f"{paint(f'+ {after}', 'green')}"


def _told(body: Body | None) -> str:
    """What became of an event under a rule, in words."""
    if body is None:
        return "does not run"
    if body.status == NOT_JUDGED:
        return f"cannot be judged: {body.reason}"
    when = "" if body.due_at is None else f", due {short_time(to_rfc3339(body.due_at))}"
    why = f" ({body.reason})" if body.reason is not None else ""
    sent = ", ".join(one.type for one in body.steps)
    words = {
        RunStatus.DONE: f"sends {sent}",
        RunStatus.SHADOW: f"records {sent} in shadow",
        RunStatus.CANCELLED: "is cancelled",
        RunStatus.FAILED: "fails",
    }
    return f"{words.get(RunStatus(body.status), body.status)}{why}{when}"


def _rules(backtest: Backtest) -> list[RuleKey]:
    """The rules with a difference."""
    return sorted({rule for rule, _ in backtest.comparison.tallies})


def _tallies_of(backtest: Backtest, rule: RuleKey) -> Iterator[tuple[Kind, Tally]]:
    for kind in Kind:
        tally = backtest.comparison.tallies.get((rule, kind))
        if tally is not None:
            yield kind, tally


def _total(backtest: Backtest, kind: Kind) -> int:
    return sum(tally.count for (_, one), tally in backtest.comparison.tallies.items() if one is kind)


def _tally_json(rule: RuleKey, kind: Kind, tally: Tally) -> dict[str, Json]:
    return {
        "account": rule[0],
        "rule": rule[1],
        "kind": kind.value,
        "count": tally.count,
        "fields": dict(tally.fields),
        "shift_ms": None if tally.shifts is None else {"least": tally.shifts[0], "most": tally.shifts[1]},
        "example": None if tally.example is None else _example_json(tally.example),
    }


def _example_json(example: Example) -> dict[str, Json]:
    return {
        "event": example.event_id,
        "event_type": example.event_type,
        "source": example.source,
        "received_at": to_rfc3339(example.received_at),
        "origin": example.origin,
        "from": _body_json(example.before),
        "to": _body_json(example.after),
        "differences": [difference_to_json(one) for one in example.differences],
    }


def _body_json(body: Body | None) -> Json:
    if body is None:
        return None
    return {
        "status": body.status,
        "due_at": _moment(body.due_at),
        "reason": body.reason,
        "steps": [{"step": one.step, "type": one.type, "params": dict(one.params)} for one in body.steps],
    }


def _set_json(read: ReadSet, rules: int) -> dict[str, Json]:
    return {
        "origin": read.origin.value,
        "title": read.title,
        "generation": read.generation,
        "commit": read.commit,
        "rules": rules,
    }


def _moment(moment: Millis | None) -> str | None:
    return None if moment is None else to_rfc3339(moment)


def _cell(text: str) -> str:
    """A text that ends no cell of a table and is taken for no markup; as code it mentions nobody."""
    return f"<code>{escape_markdown(text)}</code>"


def _named(rule: RuleKey) -> str:
    return rule[1] if rule[0] == DEFAULT_ACCOUNT else f"{rule[0]}/{rule[1]}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
