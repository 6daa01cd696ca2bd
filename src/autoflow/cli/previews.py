"""What a rule would do, for people: fires or not, the conditions with what was found, when, and the messages."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from autoflow.cli.output import in_words, paint, printable
from autoflow.clock import to_rfc3339
from autoflow.matching.paths import write_reference
from autoflow.matching.tokens import OPERATOR_SIGNS, WORD_OPERATORS
from autoflow.model.condition import Explanation, Reference
from autoflow.model.json import Json
from autoflow.model.rule import Enabled
from autoflow.preview import Preview, PreviewedAction

LONGEST = 80
MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "dim")}
WORDS = {
    **{name: sign for sign, name in OPERATOR_SIGNS.items()},
    **{name: " ".join(words) for words, (name, _) in WORD_OPERATORS.items()},
    **{name: " ".join(("not", *words)) for words, (_, name) in WORD_OPERATORS.items()},
}
"""Operators as a line of a rule file spells them."""


def print_preview(preview: Preview) -> None:
    """One rule and one event."""
    lines = [_headline(preview)]
    if preview.error is not None:
        lines.append(f"  {paint('error', 'bold red')} {preview.error.code}: {printable(str(preview.error))}")
    if preview.conditions is not None:
        lines += ["  when", *_tree(preview.conditions, depth=2)]
    elif preview.error is None:
        lines.append(f"  when    {paint('no conditions', 'dim')}")
    if preview.due_at is not None:
        delay = in_words(preview.rule.delay) if preview.rule.delay else "at once"
        lines.append(f"  due     {to_rfc3339(preview.due_at)} ({delay})")
    for number, action in enumerate(preview.actions, start=1):
        lines += [f"  {number}. {paint(action.type, 'bold')}", *(f"     {line}" for line in _params(action))]
    sys.stdout.write("\n".join(lines) + "\n\n")


def _headline(preview: Preview) -> str:
    rule, event = preview.rule, preview.event
    if rule.enabled is Enabled.OFF:
        verdict = paint("is disabled, and does not fire", "bold yellow")
    elif preview.fires and rule.enabled is Enabled.SHADOW:
        verdict = paint("fires in shadow, and sends nothing,", "bold yellow")
    else:
        verdict = paint("fires", "bold green") if preview.fires else paint("does not fire", "bold yellow")
    return f"{paint(rule.id, 'bold')} {verdict} on {printable(event.type)} {paint(printable(event.id), 'dim')}"


def _tree(node: Explanation, *, depth: int) -> list[str]:
    mark, style = MARKS[node.result]
    start = f"{'  ' * depth}{paint(mark, style)}"
    if node.leaf is None:
        return [f"{start} {node.kind}", *(line for part in node.parts for line in _tree(part, depth=depth + 1))]
    return [f"{start} {_comparison(node)}  {_found(node)}"]


def _comparison(node: Explanation) -> str:
    """As a rule file writes it."""
    leaf = node.leaf
    assert leaf is not None  # noqa: S101 - the caller has looked
    left, sign = write_reference(leaf.left), WORDS.get(leaf.operator, leaf.operator)
    if leaf.operator in ("exists", "notExists"):
        return printable(f"{left} {sign}")
    if isinstance(leaf.value, Reference):
        value = "" if node.result is None else f" ({_value(node.expected)})"
        return printable(f"{left} {sign} {write_reference(leaf.value)}{value}")
    return printable(f"{left} {sign} {_value(leaf.value)}")


def _found(node: Explanation) -> str:
    if node.result is None:
        return paint("not evaluated", "dim")
    return f"{paint('is', 'dim')} {printable(_value(node.actual) if node.found else 'missing')}"


def _value(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


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
