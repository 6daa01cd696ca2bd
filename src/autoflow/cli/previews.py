"""What a rule would do, for people: fires or not, the conditions with what was found, when, and the messages."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from autoflow.cli.output import in_words, paint, printable
from autoflow.cli.trees import change_lines, tree_lines
from autoflow.clock import to_rfc3339
from autoflow.model.json import Json
from autoflow.model.rule import Enabled
from autoflow.preview import Preview, PreviewedAction, preview_to_json


def print_preview(preview: Preview) -> None:
    """One rule and one event."""
    told = preview_to_json(preview)
    lines = [_headline(preview)]
    if preview.error is not None:
        lines.append(f"  {paint('error', 'bold red')} {preview.error.code}: {printable(str(preview.error))}")
    lines += _condition_lines(told, is_known=preview.error is None)
    if preview.due_at is not None:
        delay = in_words(preview.rule.delay) if preview.rule.delay else "at once"
        lines.append(f"  due     {to_rfc3339(preview.due_at)} ({delay})")
    for number, action in enumerate(preview.actions, start=1):
        lines += [f"  {number}. {paint(action.type, 'bold')}", *(f"     {line}" for line in _params(action))]
    sys.stdout.write("\n".join(lines) + "\n\n")


def _condition_lines(told: Mapping[str, Any], *, is_known: bool) -> list[str]:
    lines = []
    if told["trigger_conditions"] is not None:
        lines += ["  trigger", *tree_lines(told["trigger_conditions"])]
    if told["conditions"] is not None:
        lines += ["  when", *tree_lines(told["conditions"])]
    elif is_known:
        lines.append(f"  when    {paint('no conditions', 'dim')}")
    return lines + change_lines(told)


def _headline(preview: Preview) -> str:
    rule, event = preview.rule, preview.event
    if rule.enabled is Enabled.OFF:
        verdict = paint("is disabled, and does not fire", "bold yellow")
    elif preview.fires and rule.enabled is Enabled.SHADOW:
        verdict = paint("fires in shadow, and sends nothing,", "bold yellow")
    else:
        verdict = paint("fires", "bold green") if preview.fires else paint("does not fire", "bold yellow")
    return f"{paint(rule.id, 'bold')} {verdict} on {printable(event.type)} {paint(printable(event.id), 'dim')}"


def _params(action: PreviewedAction) -> list[str]:
    lines: list[str] = []
    for name, value in action.params.items():
        if name == "template" and isinstance(value, Mapping):
            lines += [f"{name}: {value['name']}", *_message(value)]
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        first, *more = text.splitlines() or [""]
        lines += [f"{name}: {printable(first)}", *(f"  {printable(line)}" for line in more)]
    return lines


def _message(parts: Mapping[str, Json]) -> list[str]:
    """A named template's message as its reader sees it: the subject, then the text, or else the HTML."""
    lines = [f"  subject: {printable(parts['subject'])}"] if parts.get("subject") else []
    name = "text" if parts.get("text") else "html"
    lines += [f"  | {printable(line)}".rstrip() for line in str(parts[name] or "").splitlines()]
    if name == "text" and parts.get("html"):
        lines.append(f"  and as HTML, {len(parts['html'])} characters")
    return lines
