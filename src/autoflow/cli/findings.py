"""How a report is told: in the form asked for, on standard output, in a file, or to the CI system around us."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from autoflow.cli.formats.report import Report, seen_from
from autoflow.cli.output import paint, tell

STDOUT = Path("-")
PACKAGE = "autoflow-rules"
PAGES_ADDRESS = "Codes"
"""What the package calls the address under which the pages of the codes can be read."""


def tell_report(report: Report, form: str | None, output: Path | None) -> None:
    """Write the report; in a step of GitHub Actions that asked for no form, its annotations are added."""
    on_github = os.environ.get("GITHUB_ACTIONS") == "true"
    if output is not None and output != STDOUT:
        _write_file(output, write_report(report, form or "text"))
        tell(f"{report.verdict}; see {output}")
    elif form is None and on_github:
        import secrets

        from autoflow.cli.formats.github import shield

        text = shield(write_report(report, "text"), secrets.token_hex(16))
        sys.stdout.write(write_report(report, "github") + text)
    elif form in (None, "text"):
        from autoflow.cli.formats.text import write_text

        sys.stdout.write(write_text(report, paint))
    else:
        sys.stdout.write(write_report(report, form, indent=2 if sys.stdout.isatty() else None))
        if form == "github":  # the runner shows ten of each level in a step
            sys.stdout.write(f"{report.verdict}\n")
    if form == "github" or (form is None and on_github):
        _write_page(report)


def write_report(report: Report, form: str, *, indent: int | None = None) -> str:
    """The report in one of the forms; only its own module is imported."""
    match form:
        case "json":
            from autoflow.cli.formats.machine import write_json

            return write_json(report, indent=indent)
        case "github":
            from autoflow.cli.formats import github

            return github.write_findings(seen_from(report, os.environ.get("GITHUB_WORKSPACE")))
        case "sarif":
            from autoflow.cli.formats.sarif import write_sarif

            return write_sarif(seen_from(report, os.environ.get("GITHUB_WORKSPACE")), home=_pages_address())
        case "gitlab":
            from autoflow.cli.formats.gitlab import write_gitlab

            return write_gitlab(seen_from(report, os.environ.get("CI_PROJECT_DIR")))
        case "junit":
            from autoflow.cli.formats import junit

            return junit.write_findings(report)
        case "rdjsonl":
            from autoflow.cli.formats.rdjsonl import write_rdjsonl

            return write_rdjsonl(report, home=_pages_address())
        case _:
            from autoflow.cli.formats.text import write_text

            return write_text(report)


def _write_file(path: Path, text: str) -> None:
    from autoflow.errors import UsageError

    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", hint="name a file in a directory that is there"
        ) from error


def _write_page(report: Report) -> None:
    """The findings as the page of the step, as far as there is room on it."""
    from autoflow.cli.formats.github import MOST_SUMMARY, write_summary

    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8", errors="backslashreplace") as page:
            page.write(write_summary(report, title="autoflow validate", room=MOST_SUMMARY - page.tell()))
    except OSError as error:
        tell(f"the page of this step cannot be written: {name}: {error.strerror}")


def _pages_address() -> str | None:
    """Where the pages of the codes can be read, where the package names such a place."""
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        addresses = metadata(PACKAGE).get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    named = dict(address.split(", ", 1) for address in addresses)
    return named.get(PAGES_ADDRESS)
