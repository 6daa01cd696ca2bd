"""What a rule would do, for people: fires or not, the conditions with what was found, when, and the messages."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from autoflow.cli.messages import message_lines
from autoflow.cli.output import in_words, paint, printable
from autoflow.cli.trees import change_lines, tree_lines
from autoflow.clock import to_rfc3339
from autoflow.errors import AutoflowError
from autoflow.model.rule import Enabled
from autoflow.preview import Preview, preview_to_json
from autoflow.rules.verdict import Stage

_IN_TREE = frozenset({"trigger.when", "when"})
"""What is read there stands in the conditions, with what was found."""


def print_preview(preview: Preview) -> None:
    """One rule and one event."""
    told = preview_to_json(preview)
    lines = [_headline(preview)]
    if preview.error is not None and not preview.fires:
        lines.append(f"  {paint('error', 'bold red')} {preview.error.code}: {printable(str(preview.error))}")
    lines += _condition_lines(told, is_known=preview.verdict.error is None)
    if preview.due_at is not None:
        delay = in_words(preview.rule.delay) if preview.rule.delay else "at once"
        lines.append(f"  due     {to_rfc3339(preview.due_at)} ({delay})")
    for number, action in enumerate(preview.actions, start=1):
        first, *more = message_lines(action.type, action.params)
        lines += [f"  {number}. {first}", *(f"  {line}" for line in more)]
    if preview.fires and preview.error is not None:
        lines.append(_failure_line(preview, preview.error))
    lines += _lack_lines(told)
    sys.stdout.write("\n".join(lines) + "\n\n")


def _condition_lines(told: Mapping[str, Any], *, is_known: bool) -> list[str]:
    lines = []
    if told["trigger_conditions"] is not None:
        lines += ["  trigger", *tree_lines(told["trigger_conditions"])]
    if told["conditions"] is not None:
        lines += ["  when", *tree_lines(told["conditions"])]
    elif is_known and told["matched"]:
        lines.append(f"  when    {paint('no conditions', 'dim')}")
    return lines + change_lines(told)


def _failure_line(preview: Preview, error: AutoflowError) -> str:
    """The action that cannot be rendered; none after it would be reached."""
    number = len(preview.actions) + 1
    said = f"{error.code}: {printable(str(error))}"
    type_ = preview.rule.actions[number - 1].type
    return f"  {number}. {paint(type_, 'bold')} {paint('fails', 'bold red')} and ends the run: {said}"


def _lack_lines(told: Mapping[str, Any]) -> list[str]:
    """What its actions and keys read and the event has not; of a rule that does not fire, what looks misspelt."""
    lines = []
    for field in told["fields"]:
        if field["found"] or _IN_TREE.issuperset(field["used_in"]) or not (told["fires"] or field["near"]):
            continue
        near = f" (it has {field['near']})" if field["near"] else ""
        used_in = paint(f"read in {', '.join(field['used_in'])}", "dim")
        lines.append(f"    {printable(field['path'])}{printable(near)}  {used_in}")
    return ["  the event lacks", *lines] if lines else []


def _headline(preview: Preview) -> str:
    rule, event = preview.rule, preview.event
    if preview.verdict.stage is Stage.TRIGGER:
        verdict = paint("is not triggered by", "bold yellow")
        return f"{paint(rule.id, 'bold')} {verdict} {printable(event.type)} {paint(printable(event.id), 'dim')}"
    if rule.enabled is Enabled.OFF:
        verdict = paint("is disabled, and does not fire", "bold yellow")
    elif preview.fires and rule.enabled is Enabled.SHADOW:
        verdict = paint("fires in shadow, and sends nothing,", "bold yellow")
    else:
        verdict = paint("fires", "bold green") if preview.fires else paint("does not fire", "bold yellow")
    return f"{paint(rule.id, 'bold')} {verdict} on {printable(event.type)} {paint(printable(event.id), 'dim')}"
