"""`autoflow backtest`: recorded events through two sets of rules, and what differs in the outcome."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from autoflow.cli.help import help_text
from autoflow.cli.options import ConfigOption, JsonOption, RulesOption, StateOption, check_choice, settings_for
from autoflow.cli.plan import FORMATS, PANEL, FormatOption, FromOption, ToOption

if TYPE_CHECKING:
    from autoflow.app.backtesting import Recording
    from autoflow.app.rule_sets import ReadSet
    from autoflow.cli.backtest_report import Told
    from autoflow.model.event import Event
    from autoflow.settings import Settings

BACKTEST_HELP = help_text(
    "Replay recorded events through two versions of the rules, on a virtual clock and with the daemon's own engine, "
    "and show what would have been different: runs, their times, what they send. Nothing is sent.",
    "autoflow backtest                              # what runs, against the directory, over a week",
    "autoflow backtest --since 30d --to origin/main",
    "autoflow backtest --events events.jsonl --from HEAD~1 --to HEAD",
    "autoflow backtest --rule notify-technician --format markdown > comment.md",
    "autoflow backtest --fail-on-change             # for CI: ends with 1 where anything differs",
)
DEFAULT_SINCE = "7d"

SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="SPAN", help="How far back the store's events are taken. Default: 7d."),
]
EventsOption = Annotated[
    str | None, typer.Option("--events", metavar="FILE", help="A file of JSON lines instead, or - for stdin.")
]
IntervalOption = Annotated[
    str | None,
    typer.Option("--interval", metavar="SPAN", help="How far apart a file's events arrive. Default: by their times."),
]
RuleOption = Annotated[
    list[str] | None, typer.Option("--rule", metavar="ID", help="Show this rule only; may be given several times.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    short = "Replay recorded events through two versions"
    app.command("backtest", help=BACKTEST_HELP, short_help=short, rich_help_panel=PANEL)(backtest)


def backtest(
    since: SinceOption = None,
    events: EventsOption = None,
    interval: IntervalOption = None,
    from_: FromOption = None,
    to: ToOption = "worktree",
    rule: RuleOption = None,
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Only of this account.")] = None,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="End with 1 where anything differs.")
    ] = False,
    format_: FormatOption = "text",
    json_: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
    rules: RulesOption = None,
) -> None:
    """What two versions of the rules make of recorded events."""
    from autoflow.app.backtesting import Sides, run_backtest
    from autoflow.app.rule_sets import read_named, refuse_same
    from autoflow.cli.backtest_report import Told
    from autoflow.cli.interruption import tidy_end
    from autoflow.cli.plan import templates_in_use
    from autoflow.cli.progress import show_progress

    format_ = "json" if json_ else format_
    check_choice("--format", format_, FORMATS)
    settings = settings_for(config, state=state, rules=rules)
    recording = _recording(since, events, interval, account)
    after = read_named(settings, to)
    before = _running(settings) if from_ is None else read_named(settings, from_)
    refuse_same(before, after)
    templates = (templates_in_use(settings.state) if from_ is None else None) or after.templates or {}
    sides = Sides(before=before, after=after, templates=templates)
    with tidy_end(), show_progress("replaying") as progress:

        def tell(done: int, total: int) -> None:
            progress.done, progress.total = done, total or None

        found = run_backtest(settings, sides, recording, only=frozenset(rule or ()), tell=tell)
    _warn(settings, since, found.size.events, is_file=events is not None)
    _print(Told(backtest=found, before=before, after=after), format_)
    sys.exit(1 if fail_on_change and not found.comparison.is_empty else 0)


def _running(settings: Settings) -> ReadSet:
    """What runs, or ran last."""
    from autoflow.app.planning import read_last
    from autoflow.errors import UsageError

    read = read_last(settings)
    if read is None:
        raise UsageError(
            "no rules ever ran here, so there is nothing to compare with", hint="name a revision: --from HEAD"
        )
    return read


def _recording(since: str | None, events: str | None, interval: str | None, account: str | None) -> Recording:
    from autoflow.app.backtesting import Recording
    from autoflow.clock import SystemClock
    from autoflow.errors import UsageError

    if since is not None and events is not None:
        raise UsageError("--since is for the store's events, --events for a file's", hint="leave one of them out")
    if events is None:
        if interval is not None:
            raise UsageError("--interval is for --events: the store's events have their times")
        span = _read_span("--since", since or DEFAULT_SINCE)
        return Recording(since=SystemClock().now() - span, account=account)
    apart = None if interval is None else _read_span("--interval", interval)
    return Recording(events=_read_events(events, apart), account=account)


def _read_span(option: str, text: str) -> int:
    from autoflow.errors import UsageError
    from autoflow.model.span import parse_span

    try:
        return parse_span(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from error


def _read_events(spec: str, interval: int | None) -> Iterator[Event]:
    """A file's events, one after the other, as of the times they are to arrive at."""
    from autoflow.cli.reading import open_lines
    from autoflow.clock import SystemClock
    from autoflow.errors import IntakeError, UsageError
    from autoflow.intake.decode import Decoder
    from autoflow.model.ids import IdSource

    decoder, moment = Decoder(IdSource()), SystemClock().now()
    with open_lines(spec) as lines:
        taken = 0
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                event = decoder.decode_line(line, now=moment)
            except IntakeError as error:
                detail = "; ".join(f"{pointer} {what}".strip() for pointer, what in error.problems) or error.message
                raise UsageError(f"--events {spec}: line {number}: {detail}", hint=error.hint) from error
            # One without a time counts as received with the one before it.
            moment = event.time if interval is None or taken == 0 else moment + interval
            taken += 1
            yield event._replace(received_at=moment)


def _warn(settings: Settings, since: str | None, events: int, *, is_file: bool) -> None:
    """What the events that are left cannot tell."""
    from autoflow.cli.output import tell
    from autoflow.model.span import write_span

    if is_file:
        return
    kept = settings.retention.unmatched_events
    if not events:
        tell("no events: nothing came in that time, or it is kept no longer")
    elif _read_span("--since", since or DEFAULT_SINCE) > kept:
        tell(f"older than {write_span(kept)}, only events that a rule wanted are kept (retention.unmatched_events)")


def _print(told: Told, format_: str) -> None:
    from autoflow.cli.backtest_report import backtest_to_json, render_markdown, render_text
    from autoflow.cli.output import print_json

    if format_ == "json":
        print_json(backtest_to_json(told))
    else:
        sys.stdout.write(render_text(told) if format_ == "text" else render_markdown(told))
