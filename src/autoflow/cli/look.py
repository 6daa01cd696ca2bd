"""Looking and acting: `events`, `pending`, `runs`, `dead-letters` and `rules`, described one by one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from autoflow.cli.completion import ids_of
from autoflow.cli.groups import Collection, Flag, Verb, add_collection
from autoflow.cli.output import from_now, short_time
from autoflow.cli.table import Column
from autoflow.cli.tail import add_tails

AccountOption = Annotated[str | None, typer.Option("--account", metavar="NAME", help="Only of this account.")]
RuleOption = Annotated[
    str | None,
    typer.Option("--rule", metavar="ID", help="Only of this rule.", autocompletion=ids_of("rules")),
]
TypeOption = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Only of this type.")]
LabelOption = Annotated[str | None, typer.Option("--label", metavar="LABEL", help="Only with this label.")]
RunStatusOption = Annotated[
    str | None,
    typer.Option("--status", metavar="STATUS", help="Only running, done, failed, cancelled or shadow ones."),
]
ShadowOption = Annotated[bool, typer.Option("--shadow", help="Only what was recorded in shadow, and not sent.")]
LetterStatusOption = Annotated[
    str | None,
    typer.Option("--status", metavar="STATUS", help="dead (the default), replayed, discarded or all."),
]


def _moment(title: str, field: str, *, optional: bool = False) -> Column:
    """When something was: exact for other programs, in words for people."""
    return Column(
        title=title,
        show=lambda item: short_time(item[field]),
        brief=lambda item: from_now(item[field]),
        optional=optional,
    )


def _event(item: Any) -> str:
    return f"{item['event_type']} {item['event']}"


EVENTS = Collection(
    name="events",
    help="What has come in.",
    examples=(
        "autoflow events list --type job.created",
        "autoflow events show ID          # and what it led to",
        "autoflow events tail --json      # as they come in",
    ),
    columns=(
        _moment("received", "received_at"),
        Column(title="type", show=lambda item: item["type"], least=18),
        Column(title="id", show=lambda item: item["id"]),
        Column(title="source", show=lambda item: item["source"], least=12, optional=True),
        Column(title="runs", show=lambda item: item["matched"]),
    ),
    empty="no events",
    list_help="The newest events; `runs` is how many rules act on each.",
    show_help="An event, what waits and what ran because of it.",
    filters={"type": TypeOption, "account": AccountOption},
)
PENDING = Collection(
    name="pending",
    help="What waits, and until when.",
    examples=(
        "autoflow pending list --rule notify-technician",
        "autoflow pending cancel 7        # it is not sent",
        "autoflow pending run-now 7 8     # do not wait any longer",
    ),
    columns=(
        Column(title="id", show=lambda item: item["id"]),
        Column(
            title="due",
            show=lambda item: f"{short_time(item['due_at'])} ({from_now(item['due_at'])})",
            brief=lambda item: "in progress" if item["in_progress"] else from_now(item["due_at"]),
        ),
        Column(title="rule", show=lambda item: item["rule"], least=16),
        Column(title="kind", show=lambda item: item["kind"]),
        Column(title="event", show=_event, least=24),
        Column(title="target", show=lambda item: item["target"], least=16, optional=True),
    ),
    empty="nothing waits",
    list_help="What waits, soonest first.",
    show_help="One pending trigger.",
    filters={"rule": RuleOption, "account": AccountOption},
    verbs=(
        Verb(name="cancel", help="End waiting work: it is not sent."),
        Verb(name="run-now", help="Make waiting work due at once."),
    ),
)
RUNS = Collection(
    name="runs",
    help="What rules did.",
    examples=(
        "autoflow runs list --status failed",
        "autoflow runs list --shadow      # what rules in shadow would have done",
        "autoflow runs show ID            # its steps and attempts",
        "autoflow runs retry ID           # send what was given up again",
    ),
    columns=(
        _moment("started", "started_at"),
        Column(title="status", show=lambda item: item["status"]),
        Column(title="rule", show=lambda item: item["rule"], least=12),
        Column(title="id", show=lambda item: item["id"]),
        Column(title="event", show=_event, least=20, optional=True),
        Column(title="error", show=lambda item: item["error"], least=16, optional=True),
    ),
    empty="no runs",
    list_help="The newest runs.",
    show_help="A run with its steps, their attempts, and the version of its rule.",
    filters={"status": RunStatusOption, "rule": RuleOption, "account": AccountOption},
    flags={"shadow": Flag(option=ShadowOption, filter="status", value="shadow")},
    verbs=(
        Verb(name="cancel", help="End a run before its next attempt."),
        Verb(name="retry", help="Send what was given up in a failed run again, under the same key, then go on."),
    ),
)
DEAD_LETTERS = Collection(
    name="dead-letters",
    help="What was given up, and why.",
    examples=(
        "autoflow dead-letters list --rule high-value-job",
        "autoflow dead-letters show 3     # with what was to be sent",
        "autoflow dead-letters replay 3   # again, under the same key",
    ),
    columns=(
        Column(title="id", show=lambda item: item["id"]),
        _moment("created", "created_at"),
        Column(title="status", show=lambda item: item["status"]),
        Column(title="rule", show=lambda item: item["rule"], least=18),
        Column(title="action", show=lambda item: item["action"]),
        Column(title="reason", show=lambda item: f"{item['reason']} ({item['code']})", least=18),
        Column(title="attempts", show=lambda item: item["attempts"], optional=True),
        Column(title="detail", show=lambda item: item["detail"], least=24, optional=True),
    ),
    empty="no dead letters",
    list_help="The newest dead letters on which nobody has decided.",
    show_help="A dead letter with what was to be sent.",
    filters={"status": LetterStatusOption, "rule": RuleOption, "account": AccountOption},
    verbs=(
        Verb(name="replay", help="Send it again under the same key, then go on with the run."),
        Verb(name="discard", help="Decide that it is not sent again."),
    ),
)


def _triggers(item: Any) -> str:
    trigger = item["trigger"]
    names: list[str] = []
    for pattern in trigger if isinstance(trigger, list) else [trigger]:
        event = pattern["event"]
        names += event if isinstance(event, list) else [event]
    return ", ".join(names)


def _commit(item: Any) -> str | None:
    if not item["commit"]:
        return None
    return f"{item['commit'][:8]}{'*' if item['dirty'] else ''}"


RULES = Collection(
    name="rules",
    help="The rules in force.",
    examples=(
        "autoflow rules list --label jobs",
        "autoflow rules show high-value-job",
    ),
    columns=(
        Column(title="id", show=lambda item: item["id"], least=28),
        Column(title="enabled", show=lambda item: item["enabled"]),
        Column(title="trigger", show=_triggers, least=16),
        Column(title="delay", show=lambda item: item["delay"]),
        Column(
            title="file",
            show=lambda item: f"{item['path']}:{item['line']}" if item["path"] else None,
            least=20,
            optional=True,
        ),
        Column(title="commit", show=_commit, optional=True),
    ),
    empty="no rules",
    list_help="The rules in force, with file and commit; a * marks a file that differs from its commit.",
    show_help="A rule in canonical spelling, and where it came from.",
    filters={"label": LabelOption, "account": AccountOption},
    whole=True,
)


def register(app: typer.Typer) -> None:
    """Add the groups."""
    groups = {one.name: add_collection(app, one) for one in (EVENTS, PENDING, RUNS, DEAD_LETTERS, RULES)}
    add_tails(groups["events"], groups["runs"])
