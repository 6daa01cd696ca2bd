"""Looking and acting: `events`, `pending`, `runs`, `dead-letters` and `rules`, each with its verbs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from autoflow.cli.options import ConfigOption, JsonOption, StateOption, settings_for

LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="How many at most.")]
AccountOption = Annotated[str | None, typer.Option("--account", help="Only of this account.")]
RuleOption = Annotated[str | None, typer.Option("--rule", help="Only of this rule.")]

Columns = Mapping[str, Callable[[Mapping[str, Any]], Any]]

EVENT_COLUMNS: Columns = {
    "received": lambda item: _short(item["received_at"]),
    "type": lambda item: item["type"],
    "id": lambda item: item["id"],
    "source": lambda item: item["source"],
    "runs": lambda item: item["matched"],
}
PENDING_COLUMNS: Columns = {
    "id": lambda item: item["id"],
    "due": lambda item: f"{_short(item['due_at'])} ({_left(item['due_at'])})",
    "rule": lambda item: item["rule"],
    "kind": lambda item: item["kind"],
    "event": lambda item: f"{item['event_type']} {item['event']}",
    "target": lambda item: item["target"],
}
RUN_COLUMNS: Columns = {
    "started": lambda item: _short(item["started_at"]),
    "status": lambda item: item["status"],
    "rule": lambda item: item["rule"],
    "id": lambda item: item["id"],
    "event": lambda item: f"{item['event_type']} {item['event']}",
    "error": lambda item: item["error"],
}
DEAD_LETTER_COLUMNS: Columns = {
    "id": lambda item: item["id"],
    "created": lambda item: _short(item["created_at"]),
    "status": lambda item: item["status"],
    "rule": lambda item: item["rule"],
    "action": lambda item: item["action"],
    "reason": lambda item: f"{item['reason']} ({item['code']})",
    "attempts": lambda item: item["attempts"],
    "detail": lambda item: item["detail"],
}
RULE_COLUMNS: Columns = {
    "id": lambda item: item["id"],
    "enabled": lambda item: item["enabled"],
    "trigger": lambda item: _triggers(item["trigger"]),
    "delay": lambda item: item["delay"],
    "file": lambda item: f"{item['path']}:{item['line']}" if item["path"] else None,
    "commit": lambda item: f"{item['commit'][:8]}{'*' if item['dirty'] else ''}" if item["commit"] else None,
}


def register(app: typer.Typer) -> None:
    """Add the groups."""
    _add_events(app)
    _add_pending(app)
    _add_runs(app)
    _add_dead_letters(app)
    _add_rules(app)


def _group(app: typer.Typer, name: str, text: str) -> typer.Typer:
    group = typer.Typer(help=text, no_args_is_help=True)
    app.add_typer(group, name=name)
    return group


def _add_events(app: typer.Typer) -> None:
    group = _group(app, "events", "What has come in. Example: `autoflow events list --type job.created`")

    @group.command("list")
    def list_events(
        type_: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
        account: AccountOption = None,
        limit: LimitOption = 50,
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """The newest events."""
        page = _get(config, state, "/v1/events", type=type_, account=account, limit=limit)
        _print_page(page, EVENT_COLUMNS, json_, empty="no events")

    @group.command("show")
    def show_event(
        id_: Annotated[str, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """One event, and what it led to."""
        _print_item(_get(config, state, f"/v1/events/{_quote(id_)}"), json_)

    @group.command("tail")
    def tail_events(
        type_: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
        account: AccountOption = None,
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """Events as they come in, until Ctrl-C."""
        _tail(config, state, {"type": type_, "account": account}, json_)


def _add_pending(app: typer.Typer) -> None:
    group = _group(app, "pending", "What waits, and until when. Example: `autoflow pending cancel 7`")

    @group.command("list")
    def list_pending(
        rule: RuleOption = None,
        account: AccountOption = None,
        limit: LimitOption = 50,
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """What waits, soonest first."""
        page = _get(config, state, "/v1/pending", rule=rule, account=account, limit=limit)
        _print_page(page, PENDING_COLUMNS, json_, empty="nothing waits")

    @group.command("show")
    def show_pending(
        id_: Annotated[int, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """One pending trigger."""
        _print_item(_get(config, state, f"/v1/pending/{id_}"), json_)

    @group.command("cancel")
    def cancel_pending(
        id_: Annotated[int, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """End waiting work."""
        _act(config, state, f"/v1/pending/{id_}/cancel", json_)

    @group.command("run-now")
    def run_pending_now(
        id_: Annotated[int, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """Make waiting work due at once."""
        _act(config, state, f"/v1/pending/{id_}/run-now", json_)


def _add_runs(app: typer.Typer) -> None:
    group = _group(app, "runs", "What rules did. Example: `autoflow runs list --status failed`")

    @group.command("list")
    def list_runs(
        status: Annotated[
            str | None, typer.Option("--status", help="running, done, failed, cancelled or shadow.")
        ] = None,
        rule: RuleOption = None,
        account: AccountOption = None,
        limit: LimitOption = 50,
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """The newest runs."""
        page = _get(config, state, "/v1/runs", status=status, rule=rule, account=account, limit=limit)
        _print_page(page, RUN_COLUMNS, json_, empty="no runs")

    @group.command("show")
    def show_run(
        id_: Annotated[str, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """One run with its steps and attempts."""
        _print_item(_get(config, state, f"/v1/runs/{_quote(id_)}"), json_)

    @group.command("cancel")
    def cancel_run(
        id_: Annotated[str, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """End a run before its next attempt."""
        _act(config, state, f"/v1/runs/{_quote(id_)}/cancel", json_)


def _add_dead_letters(app: typer.Typer) -> None:
    group = _group(app, "dead-letters", "What was given up, and why. Example: `autoflow dead-letters replay 3`")

    @group.command("list")
    def list_dead_letters(
        status: Annotated[str, typer.Option("--status", help="dead, replayed, discarded or all.")] = "dead",
        rule: RuleOption = None,
        account: AccountOption = None,
        limit: LimitOption = 50,
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """The newest dead letters."""
        page = _get(config, state, "/v1/dead-letters", status=status, rule=rule, account=account, limit=limit)
        _print_page(page, DEAD_LETTER_COLUMNS, json_, empty="no dead letters")

    @group.command("show")
    def show_dead_letter(
        id_: Annotated[int, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """One dead letter with what was sent."""
        _print_item(_get(config, state, f"/v1/dead-letters/{id_}"), json_)

    @group.command("replay")
    def replay_dead_letter(
        id_: Annotated[int, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """Send it again under the same key, then go on with the run."""
        _act(config, state, f"/v1/dead-letters/{id_}/replay", json_)

    @group.command("discard")
    def discard_dead_letter(
        id_: Annotated[int, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """Decide that it is not sent again."""
        _act(config, state, f"/v1/dead-letters/{id_}/discard", json_)


def _add_rules(app: typer.Typer) -> None:
    group = _group(app, "rules", "The rules in force. Example: `autoflow rules show high-value-job`")

    @group.command("list")
    def list_rules(
        label: Annotated[str | None, typer.Option("--label", help="Only with this label.")] = None,
        account: AccountOption = None,
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """The rules in force, with file and commit; a * marks a file that differs from its commit."""
        page = _get(config, state, "/v1/rules", label=label, account=account)
        _print_page(page, RULE_COLUMNS, json_, empty="no rules")

    @group.command("show")
    def show_rule(
        id_: Annotated[str, typer.Argument(metavar="ID")],
        json_: JsonOption = False,
        config: ConfigOption = None,
        state: StateOption = None,
    ) -> None:
        """One rule in canonical spelling, with where it came from."""
        _print_item(_get(config, state, f"/v1/rules/{_quote(id_)}"), json_)


def _get(config: Any, state: Any, path: str, **params: Any) -> Any:
    from autoflow.cli.client import call

    settings = settings_for(config, state=state)
    wanted = {name: str(value) for name, value in params.items() if value is not None}
    return call(settings.state, "GET", path, params=wanted)


def _act(config: Any, state: Any, path: str, as_json: bool) -> None:
    from autoflow.cli.client import call
    from autoflow.cli.output import print_fields, print_json

    settings = settings_for(config, state=state)
    done = call(settings.state, "POST", path)
    if as_json:
        print_json(done)
    else:
        print_fields({name: value for name, value in done.items() if name != "schema_version"})


def _print_page(page: Any, columns: Columns, as_json: bool, *, empty: str) -> None:
    from autoflow.cli.output import print_json, print_table, tell

    if as_json:
        print_json(page)
        return
    rows: Sequence[Sequence[Any]] = [[show(item) for show in columns.values()] for item in page["items"]]
    print_table(list(columns), rows, empty=empty)
    if page.get("next_cursor"):
        tell("there are more: raise --limit, or use --json")


def _print_item(item: Any, as_json: bool) -> None:
    from autoflow.cli.output import print_json

    if as_json:
        print_json(item)
        return
    from autoflow.cli.details import print_detail

    for one in item.get("items", [item]):
        print_detail(one)


def _tail(config: Any, state: Any, filters: Mapping[str, str | None], as_json: bool) -> None:
    from autoflow.cli.output import print_line

    newest = _get(config, state, "/v1/events", limit=1, **filters)["items"]
    after = newest[0]["seq"] if newest else 0
    while True:
        page = _get(config, state, "/v1/events", limit=200, after=after, **filters)["items"]
        for item in page:
            after = item["seq"]
            if as_json:
                print_line(item)
            else:
                typer.echo(f"{_short(item['received_at'])}  {item['type']}  {item['id']}  {item['matched']} runs")
        if not page:
            time.sleep(0.5)


def _quote(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _short(text: str | None) -> str:
    from autoflow.cli.output import short_time

    return short_time(text)


def _left(text: str) -> str:
    from autoflow.cli.output import in_words
    from autoflow.clock import SystemClock, from_rfc3339

    return in_words(from_rfc3339(text) - SystemClock().now())


def _triggers(trigger: Any) -> str:
    names = []
    for pattern in trigger if isinstance(trigger, list) else [trigger]:
        event = pattern["event"]
        names += event if isinstance(event, list) else [event]
    return ", ".join(names)
