"""`autoflow plan`: what a reload would change, rule by rule, and what becomes of waiting work. Nothing is changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from autoflow.cli.help import help_text
from autoflow.cli.options import ConfigOption, JsonOption, RulesOption, StateOption, check_choice, settings_for

if TYPE_CHECKING:
    from autoflow.app.planning import Planned
    from autoflow.model.problem import Problem

PANEL = "Know before"
PLAN_HELP = help_text(
    "What a reload would change: rules added, changed, removed or moved, in meaning, and what becomes of what waits "
    "under them. Ends with 1 where something would change, with 0 where nothing would.",
    "autoflow plan                               # what runs, against the directory",
    "autoflow plan --to origin/main              # what runs, against a revision",
    "autoflow plan --from HEAD~1 --to HEAD       # two revisions; no daemon is asked",
    "autoflow plan --from origin/main --format markdown > comment.md",
)
FORMATS = ("text", "json", "markdown")

FromOption = Annotated[
    str | None, typer.Option("--from", metavar="REV", help="A git revision. Default: what runs, or ran last.")
]
FormatOption = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help="text, json, or markdown for a pull request.")
]
ToOption = Annotated[str, typer.Option("--to", metavar="REV", help="A git revision, or worktree: the directory.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan", help=PLAN_HELP, short_help="Show what a reload would change", rich_help_panel=PANEL)(plan)


def plan(
    from_: FromOption = None,
    to: ToOption = "worktree",
    format_: FormatOption = "text",
    json_: JsonOption = False,
    config: ConfigOption = None,
    state: StateOption = None,
    rules: RulesOption = None,
) -> None:
    """What a reload would change."""
    from autoflow.app.planning import plan_change
    from autoflow.cli.output import tell
    from autoflow.cli.progress import show_progress

    format_ = "json" if json_ else format_
    check_choice("--format", format_, FORMATS)
    settings = settings_for(config, state=state, rules=rules)
    with show_progress("comparing rules"):
        templates = templates_in_use(settings.state) if from_ is None else None
        planned = plan_change(settings, from_, to, templates)
    if planned.problems:
        _refuse(planned, as_json=format_ == "json")
    _print(planned, format_)
    if planned.plan.note is not None and format_ != "json":
        tell(planned.plan.note)
    if planned.warnings and format_ == "text":
        _tell_problems(planned, planned.warnings)
    sys.exit(0 if planned.plan.is_empty else 1)


def templates_in_use(state: Path) -> dict[str, str] | None:
    """The templates that the daemon sends now; None where none runs."""
    from autoflow.cli.client import call
    from autoflow.errors import UnreachableError, UsageError

    try:
        answer = call(state, "GET", "/v1/templates", need_daemon=True)
    except (UnreachableError, UsageError):  # none runs, or one of a release that does not tell
        return None
    return {item["file"]: item["text"] for item in answer["items"]}


def _refuse(planned: Planned, *, as_json: bool) -> NoReturn:
    """What keeps the rules from being used, and that nothing would change until it is mended."""
    from autoflow.cli.output import print_json, tell
    from autoflow.cli.plan_report import plan_to_json
    from autoflow.errors import RulesError
    from autoflow.rules.report import problem_to_json

    if as_json:
        problems = [problem_to_json(problem) for problem in planned.problems]
        print_json({**plan_to_json(planned), "problems": problems})
    else:
        _tell_problems(planned, planned.problems)
        tell("nothing would change: with errors in it a set is not taken, and the last good rules run on")
    sys.exit(RulesError.exit_code)


def _tell_problems(planned: Planned, problems: Sequence[Problem]) -> None:
    """Each with its line, on standard error."""
    from autoflow.cli.formats.report import make_report
    from autoflow.cli.formats.text import write_text
    from autoflow.cli.output import paint

    sets = [one for one in (planned.before, planned.after) if one is not None]
    texts = {file.path: file.text for one in sets for file in one.files or ()}
    report = make_report(problems, rules=planned.after_rules, files=texts, texts=texts)
    sys.stderr.write(write_text(report, lambda text, style: paint(text, style, sys.stderr)))


def _print(planned: Planned, format_: str) -> None:
    from autoflow.cli.output import print_json
    from autoflow.cli.plan_report import plan_to_json, render_markdown, render_text

    if format_ == "json":
        print_json(plan_to_json(planned))
    else:
        sys.stdout.write(render_text(planned) if format_ == "text" else render_markdown(planned))
