"""What `test-rule` does with the rules loaded: each event is tried on them, and told. `check` has its options."""

from __future__ import annotations

import sys

from autoflow.cli.formats.report import make_report
from autoflow.cli.formats.text import write_text
from autoflow.cli.output import paint, print_line, printable, tell
from autoflow.cli.previews import print_preview
from autoflow.model.event import Event
from autoflow.preview import Preview, describe_unmatched, preview_rules, preview_to_json
from autoflow.rules.loaded import Loaded


def try_events(loaded: Loaded, arrived: list[Event], *, expect: str | None, as_json: bool) -> None:
    """Show what the rules would do with these events, and end with 1 where that is not what is expected."""
    _say_errors(loaded)
    previews = _preview(loaded, arrived, with_missed=not as_json)
    _show(previews, as_json=as_json)
    _say_unmatched(previews, arrived, loaded)
    # What fires and cannot be rendered would only make a dead letter: nobody expects that.
    fires = any(preview.fires and preview.error is None for preview in previews)
    broken = any(preview.fires and preview.error is not None for preview in previews)
    if expect is not None and (fires is not (expect == "fire") or (expect == "fire" and broken)):
        tell(f"expected {expect}: it is not so")
        sys.exit(1)


def _say_errors(loaded: Loaded) -> None:
    """Rules that cannot be used are told; the others are tried all the same."""
    if not loaded.errors:
        return
    report = make_report(loaded.errors, rules=len(loaded.result.rules), files=loaded.result.files)
    sys.stderr.write(write_text(report, lambda text, style: paint(text, style, sys.stderr)))
    if not loaded.result.rules:
        sys.exit(1)


def _preview(loaded: Loaded, events: list[Event], *, with_missed: bool) -> list[Preview]:
    types, library = loaded.context.action_types, loaded.library
    return [
        preview
        for event in events
        for preview in preview_rules(
            loaded.result.rules, event, types=types, library=library, with_missed=with_missed
        )
    ]


def _show(previews: list[Preview], *, as_json: bool) -> None:
    for preview in previews:
        if as_json:
            print_line(preview_to_json(preview))
        else:
            print_preview(preview)
    sys.stdout.flush()
    if previews and not as_json:
        tell("nothing was sent")


def _say_unmatched(previews: list[Preview], events: list[Event], loaded: Loaded) -> None:
    """Events that no rule is triggered by, and whether it is only for the account."""
    for event in events:
        if not any(preview.event is event for preview in previews):
            tell(printable(describe_unmatched(loaded.result.rules, event)))
