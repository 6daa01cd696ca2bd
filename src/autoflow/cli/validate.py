"""`validate`: every mistake in rule files, told to people or to another program, and the page of each code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from autoflow.cli.completion import complete_codes
from autoflow.cli.help import help_text
from autoflow.cli.loading import STDIN, find_test_problems, load_rules, read_stdin
from autoflow.cli.options import ConfigOption, JsonOption, check_choice, settings_for

PANEL = "Know before"
HELP = help_text(
    "Every problem of every rule file and template, with its place and what to write instead. Ends with 1 where "
    "there is an error.",
    "autoflow validate                        # the rules of the config",
    "autoflow validate rules/jobs new.yaml",
    "autoflow validate --fail-on warning      # for CI",
    "autoflow validate --format sarif --output rules.sarif",
    "autoflow validate --format json | jq '.items[].message'",
    "autoflow validate - --stdin-filename rules/new.yaml < new.yaml",
    "autoflow validate --explain AF110        # what a code means",
)
FORMATS = ("text", "json", "github", "sarif", "gitlab", "junit", "rdjsonl")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate", help=HELP, short_help="Find every mistake in rule files", rich_help_panel=PANEL)(validate)


def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files, directories, - for stdin. Default: the config's rules."),
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help=f"{', '.join(FORMATS)}. Default: text.")
    ] = None,
    json_: JsonOption = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to standard output.")
    ] = None,
    fail_on: Annotated[
        str, typer.Option("--fail-on", metavar="SEVERITY", help="error, or warning: what ends with 1.")
    ] = "error",
    exit_zero: Annotated[bool, typer.Option("--exit-zero", help="End with 0 whatever was found.")] = False,
    stdin_filename: Annotated[
        str | None, typer.Option("--stdin-filename", metavar="NAME", help="The file that standard input stands for.")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="CODE",
            help="Print what a code means, and end.",
            autocompletion=complete_codes,
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Every problem of every rule file."""
    from autoflow.cli.findings import tell_report
    from autoflow.cli.formats.report import make_report
    from autoflow.model.problem import Severity
    from autoflow.rules.review import review_rules

    if explain is not None:
        _explain(explain, as_json=json_)
        return
    check_choice("--format", format_, FORMATS)
    check_choice("--fail-on", fail_on, ("error", "warning"))
    if json_ and format_ not in (None, "json"):
        from autoflow.errors import UsageError

        raise UsageError(f"--json cannot go with --format {format_}", hint="leave one of them out")
    text = read_stdin(stdin_filename) if stdin_filename is not None or STDIN in (paths or ()) else None
    settings = settings_for(config)
    loaded = load_rules(settings, paths, text)
    report = make_report(
        (
            *loaded.problems,
            *review_rules(loaded, chain_depth=settings.limits.chain_depth, events=settings.events),
            *find_test_problems(loaded, settings, paths),
        ),
        rules=len(loaded.result.rules),
        files=loaded.result.files,
        fail_on=Severity(fail_on),
        texts={} if text is None else {text.path: text.text},
    )
    tell_report(report, "json" if json_ else format_, output)
    if report.failed and not exit_zero:
        sys.exit(1)


def _explain(word: str, *, as_json: bool) -> None:
    from autoflow.cli.explain import find_page, render_page
    from autoflow.cli.output import paint, print_json

    page = find_page(word)
    if as_json:
        item = {"code": page.code, "title": page.title, "severity": page.severity, "text": page.text}
        print_json({"schema_version": 1, "items": [item]})
        return
    for line, is_heading in render_page(page):
        sys.stdout.write((paint(line, "bold") if is_heading else line) + "\n")
