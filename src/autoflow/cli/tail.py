"""Watching: `events tail` and `runs tail` print what is new, until Ctrl-C or until the daemon ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer

from autoflow.cli.completion import ids_of
from autoflow.cli.groups import Asked, ask, make_command
from autoflow.cli.help import help_text
from autoflow.cli.output import paint, print_line, print_text, printable, short_time
from autoflow.cli.table import STATUS_STYLES

EVERY = 0.5
PAGE = 200
TypeOption = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Only of this type.")]
RuleOption = Annotated[
    str | None,
    typer.Option("--rule", metavar="ID", help="Only of this rule.", autocompletion=ids_of("rules")),
]
AccountOption = Annotated[str | None, typer.Option("--account", metavar="NAME", help="Only of this account.")]

Item = Mapping[str, Any]


def add_tails(events: typer.Typer, runs: typer.Typer) -> None:
    """Add `tail` to both groups."""
    filters = {"type": (TypeOption, None), "account": (AccountOption, None)}
    help_ = help_text("Events as they come in, until Ctrl-C.", "autoflow events tail --type job.created --json")
    events.command("tail", help=help_)(make_command(_tail(_new_events, _event_line), filters))
    filters = {"rule": (RuleOption, None), "account": (AccountOption, None)}
    help_ = help_text("Runs as they begin and end, until Ctrl-C.", "autoflow runs tail --rule high-value-job")
    runs.command("tail", help=help_)(make_command(_tail(_changed_runs, _run_line), filters))


def _tail(watch: Callable[[Asked], Iterator[Item | None]], line: Callable[[Item], str]) -> Callable[[Asked], None]:
    """Print what `watch` finds; None from it means that nothing is new at the moment."""

    def tail(asked: Asked) -> None:
        for item in watch(asked):
            if item is None:
                time.sleep(EVERY)  # nothing new: the daemon is asked again, it pushes nothing
            elif asked["json_"]:
                print_line(item)
            else:
                print_text(line(item))

    return tail


def _new_events(asked: Asked) -> Iterator[Item | None]:
    filters = {"type": asked["type"], "account": asked["account"]}
    newest = ask(asked, "GET", "/v1/events", need_daemon=True, limit=1, **filters)["items"]
    after = newest[0]["seq"] if newest else 0
    while True:
        page = ask(asked, "GET", "/v1/events", need_daemon=True, limit=PAGE, after=after, **filters)["items"]
        for item in page:
            after = item["seq"]
            yield item
        if not page:
            yield None


def _changed_runs(asked: Asked) -> Iterator[Item | None]:
    """Runs whose status is another one than when we last looked, oldest first."""
    filters = {"rule": asked["rule"], "account": asked["account"]}
    seen: dict[str, str] | None = None
    while True:
        page = ask(asked, "GET", "/v1/runs", need_daemon=True, limit=PAGE, **filters)["items"]
        known = seen
        seen = {item["id"]: item["status"] for item in page}
        for item in reversed(page):
            if known is not None and known.get(item["id"]) != item["status"]:
                yield item
        yield None


def _event_line(item: Item) -> str:
    runs = "1 run" if item["matched"] == 1 else f"{item['matched']} runs"
    return f"{short_time(item['received_at'])}  {printable(item['type'])}  {printable(item['id'])}  {runs}"


def _run_line(item: Item) -> str:
    moment = short_time(item["finished_at"] or item["started_at"])
    status = paint(f"{item['status']:<9}", STATUS_STYLES.get(item["status"], ""))
    error = f"  {printable(item['error'])}" if item["error"] else ""
    return f"{moment}  {status}  {item['rule']}  {item['id']}{error}"
