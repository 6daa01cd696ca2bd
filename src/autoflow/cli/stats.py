"""`autoflow stats`: what rules did in a span, which never did anything, and which comparisons never decide."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from autoflow.cli.completion import ids_of
from autoflow.cli.groups import Asked, ask, make_command
from autoflow.cli.help import help_text
from autoflow.cli.options import settings_for
from autoflow.cli.output import from_now, paint, printable, short_time, shown_file
from autoflow.cli.table import Column

LEAST_LOOKS = 10
"""Of a comparison before anything is said of it: what was seen a few times may still turn out otherwise."""

HELP = help_text(
    "What rules did in a span: events, runs and failures, how late runs began and how long they took. Then which "
    "rules never did anything, and which comparisons were only ever true or only ever false. Comparisons are counted "
    "on some of the events, up to 10 of a type each second; how many that were is told beside each.",
    "autoflow stats",
    "autoflow stats --since 24h --rule high-value-job",
    "autoflow stats --json",
)
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="SPAN|TIME", help="From when on: 24h, 7d (the default), or a time.")
]
RuleOption = Annotated[
    str | None,
    typer.Option("--rule", metavar="ID", help="Only of this rule.", autocompletion=ids_of("rules")),
]
AccountOption = Annotated[str | None, typer.Option("--account", metavar="NAME", help="Only of this account.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    options = {"since": (SinceOption, None), "rule": (RuleOption, None), "account": (AccountOption, None)}
    command = make_command(_show, options)
    app.command("stats", help=HELP, short_help="Count what rules did", rich_help_panel="See how it is")(command)


def _show(asked: Asked) -> None:
    from autoflow.cli.output import print_json

    told = ask(asked, "GET", "/v1/stats", **{name: asked[name] for name in ("since", "rule", "account")})
    if asked["rule"] is not None and not told["items"]:
        from autoflow.errors import UsageError

        raise UsageError(f"no rule in force is called {asked['rule']}", hint="see `autoflow rules list`")
    rules = settings_for(asked["config"], state=asked["state"]).rules
    _locate_leaves(rules, told["items"])
    if asked["json_"]:
        print_json(told)
    else:
        _print_stats(told, rules)


def _locate_leaves(rules: Path, items: Sequence[Any]) -> None:
    """Give comparisons that lack something their place in the rule files, where those hold that version still."""
    for item in items:
        for leaf in item["leaves"]:
            leaf.update(path=None, line=None, column=None)
    lacking = {(item["account"], item["rule"]): item for item in items if any(map(_is_dead, item["leaves"]))}
    if not lacking or not rules.is_dir():
        return
    from autoflow.rules.whereabouts import locate_versions

    for key, places in locate_versions(rules, {key: item["version"] for key, item in lacking.items()}).items():
        for leaf, at in zip(lacking[key]["leaves"], places.leaves, strict=True):
            leaf.update(path=at.path, line=at.place.line, column=at.place.column)


def _print_stats(told: Mapping[str, Any], rules: Path) -> None:
    from autoflow.cli.table import print_table

    sys.stdout.write("\n".join(_headlines(told)) + "\n\n")
    items = sorted(told["items"], key=lambda item: (-sum(item["runs"].values()), item["rule"]))
    print_table(_columns(), items, empty="no rules are in force")
    for title, lines in (
        ("never did anything", list(_idle_lines(items, rules))),
        ("only ever seen one way", list(_dead_lines(items, rules))),
    ):
        if lines:
            sys.stdout.write("\n".join(["", paint(title, "bold"), *(f"  {line}" for line in lines)]) + "\n")


def _headlines(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{paint('since', 'dim')}   {short_time(told['since'])} ({from_now(told['since'])})"
    yield f"{paint('events', 'dim')}  {told['events']:,}"
    ended = [f"{number:,} {status}" for status, number in told["runs"].items() if number]
    yield f"{paint('runs', 'dim')}    {', '.join(ended) or 'none ended'}"
    waiting = f"{told['pending']:,} pending, {_counted(told['dead_letters'], 'dead letter')}"
    yield f"{paint('now', 'dim')}     {waiting}"
    for action in told["actions"]:
        counts = [f"{action[name]:,} {name}" for name in ("done", "failed", "shadow") if action[name]]
        counts.append(_counted(action["attempts"], "attempt"))
        yield f"{paint('action', 'dim')}  {action['type']}: {', '.join(counts)}"


def _columns() -> tuple[Column, ...]:
    return (
        Column(title="rule", show=lambda item: item["rule"], least=16),
        Column(title="account", show=_account, optional=True),
        Column(title="runs", show=lambda item: f"{sum(item['runs'].values()):,}"),
        Column(title="failed", show=lambda item: f"{item['runs']['failed']:,}"),
        Column(title="pending", show=lambda item: f"{item['pending']:,}"),
        Column(title="took p50", show=lambda item: _span_of(item["took_ms"], "p50")),
        Column(title="p95", show=lambda item: _span_of(item["took_ms"], "p95")),
        Column(title="late p95", show=lambda item: _span_of(item["late_ms"], "p95")),
        Column(
            title="last run",
            show=lambda item: short_time(item["last_run_at"]),
            brief=lambda item: from_now(item["last_run_at"]),
            optional=True,
        ),
        Column(title="judged", show=lambda item: f"{item['judged']:,}", optional=True),
    )


def _account(item: Mapping[str, Any]) -> str:
    return "" if item["account"] == "default" else str(item["account"])


def _span_of(times: Mapping[str, int] | None, share: str) -> str:
    if times is None:
        return ""
    millis = times[share]
    if millis < 1000:
        return f"{millis}ms"
    if millis < 60_000:
        return f"{millis / 1000:.1f}s"
    from autoflow.model.span import write_span

    return write_span(millis // 1000 * 1000)


def _idle_lines(items: Sequence[Any], rules: Path) -> Iterator[str]:
    for item in items:
        if item["enabled"] is False or item["last_run_at"] is not None or item["pending"]:
            continue
        judged = f"{_counted(item['judged'], 'event')} of its types judged, {item['woken']:,} of them woke it"
        if not item["judged"]:
            judged = "no event of its types was judged"
        yield printable(f"{_file_of(item, rules)}  {item['rule']}")
        yield f"  {judged}"


def _dead_lines(items: Sequence[Any], rules: Path) -> Iterator[str]:
    from autoflow.matching.wording import shorten

    for item in items:
        for leaf in item["leaves"]:
            if _is_dead(leaf):
                at = f"{leaf['path']}:{leaf['line']}:{leaf['column']}" if leaf["path"] else _file_of(item, rules)
                yield printable(f"{at}  {item['rule']} {leaf['condition']}")
                looks = f"{_counted(_looks(leaf), 'look')} since {short_time(item['counted_since'])}"
                yield f"  {printable(shorten(leaf['text']))} {paint(leaf['lacks'], 'yellow')} ({looks})"


def _file_of(item: Mapping[str, Any], rules: Path) -> str:
    return f"{shown_file(rules, str(item['path']))}:{item['line']}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _looks(leaf: Mapping[str, Any]) -> int:
    return int(leaf["true"] + leaf["false"] + leaf["failed"])


def _is_dead(leaf: Mapping[str, Any]) -> bool:
    return leaf["lacks"] is not None and _looks(leaf) >= LEAST_LOOKS
