"""The answer of `why` for people: the event, then each rule with what became of it and what decided it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoflow.cli.output import from_now, paint, printable, short_time
from autoflow.cli.trees import change_lines, tree_lines

Item = Mapping[str, Any]

_GOOD, _ODD, _BAD, _NONE = ("✓", "green"), ("●", "yellow"), ("✗", "red"), ("·", "dim")
_SAID: Mapping[str, tuple[tuple[str, str], str]] = {
    "done": (_GOOD, "acted"),
    "running": (_GOOD, "is acting"),
    "retrying": (_ODD, "is to try again"),
    "waiting": (_GOOD, "waits"),
    "failed": (_BAD, "acted, and failed"),
    "cancelled": (_ODD, "was cancelled"),
    "shadow": (_ODD, "would have acted, and is in shadow"),
    "removed": (_GOOD, "acted"),
    "error": (_BAD, "did not act: a condition could not be evaluated"),
    "condition": (_BAD, "did not act: its condition did not hold"),
    "trigger": (_BAD, "did not act: its trigger was not met"),
    "disabled": (_NONE, "did not act"),
    "not-yet": (_NONE, "did not act"),
    "unreadable": (_BAD, "cannot be read by this release"),
}
"""What is said of an outcome; of others only its sentence."""
_TOLD_BY_TREE = frozenset({"condition", "trigger"})
_FOLDED: Mapping[str, str] = {
    "type": "not triggered by {type}",
    "account": "of another account",
    "not-yet-type": "newer, and not triggered by {type}",
}


def answer_lines(told: Mapping[str, Any]) -> list[str]:
    """All lines of an answer."""
    lines = _event_lines(told)
    for item in told["items"]:
        lines += ["", *_item_lines(item)]
    return lines + _count_lines(told)


def _event_lines(told: Mapping[str, Any]) -> list[str]:
    event, rules = told["event"], told["generation"]
    arrived = f"arrived {short_time(event['received_at'])} ({from_now(event['received_at'])})"
    lines = [f"{paint(printable(event['type']), 'bold')} {printable(event['id'])} {paint(arrived, 'dim')}"]
    count = _counted(rules["rules"], "rule")
    since = "which are in force" if rules["in_force"] else "of which some are others now"
    lines.append(paint(f"  judged by the {count} of generation {rules['id']}, {since}", "dim"))
    if event["made_by"]:
        lines.append(paint(f"  made by {event['made_by']}", "dim"))
    lines += [f"  it ended what {printable(one['rule'])} had waiting ({one['run']})" for one in event["ended"]]
    duplicates = event["duplicates"]
    if duplicates and duplicates["count"]:
        again = f"  came again {_counted(duplicates['count'], 'time')}, last {from_now(duplicates['last_at'])}"
        other = f", {duplicates['other_bodies']} of them with another body" if duplicates["other_bodies"] else ""
        lines.append(paint(f"{again}{other}: a duplicate does nothing", "yellow"))
    return lines


def _item_lines(item: Item) -> list[str]:
    (mark, style), said = _SAID.get(item["outcome"], (_NONE, item["because"]))
    if item["shadow"] and "shadow" not in said:
        said += ", in shadow"
    lines = [f"{paint(mark, style)} {paint(printable(item['rule']), 'bold')} {printable(said)}"]
    if item["outcome"] in _SAID and item["outcome"] not in _TOLD_BY_TREE:
        lines.append(f"  {printable(_because(item))}")
    lines += [f"  {line}" for line in (_ids(item), _origin(item)) if line]
    for name, title in (("trigger_conditions", "trigger"), ("conditions", "when")):
        if item[name] is not None:
            lines += [f"  {title}", *tree_lines(item[name])]
    return lines + change_lines(item)


def _because(item: Item) -> str:
    """The sentence, with a time that is still to come as far away as it is."""
    due, because = item["due_at"], str(item["because"])
    if item["outcome"] not in ("waiting", "retrying") or not due:
        return because
    return because.replace(due, f"{short_time(due)} ({from_now(due)})")


def _ids(item: Item) -> str:
    """What to look at next."""
    named = (("run", item["run"]), ("pending", item["pending"]), ("dead letter", item["dead_letters"]))
    parts = [f"{name} {_listed(value)}" for name, value in named if value not in (None, [])]
    return paint(", ".join(parts), "dim")


def _origin(item: Item) -> str:
    """The version that decided, and whether it is still the one that runs."""
    version, now = item["version"], item["now"]
    parts = [
        f"{printable(version['path'])}:{version['line']}" if version["path"] else f"version {version['hash'][:8]}"
    ]
    if version["commit"]:
        changed = ", changed since that commit" if version["dirty"] else ""
        parts.append(f"at {version['commit'][:8]}{changed}")
    told = {"changed": "the rule has changed since", "removed": "the rule is not there any more"}
    if now["state"] in told:
        commit = f", at {now['commit'][:8]}" if now.get("commit") else ""
        commit = ", and is not committed" if now.get("dirty") else commit
        parts.append(f"({told[now['state']]}{commit})")
    return paint(" ".join(parts), "dim")


def _count_lines(told: Mapping[str, Any]) -> list[str]:
    shown = {item["outcome"] for item in told["items"]}
    parts = [
        f"{count} {_FOLDED[outcome].format(type=printable(told['event']['type']))}"
        for outcome, count in told["counts"].items()
        if outcome in _FOLDED and outcome not in shown
    ]
    lines = [printable(note) for note in told["notes"]]
    if parts:
        lines.append(paint(f"not shown: {', '.join(parts)}; --all shows each", "dim"))
    return ["", *lines] if lines else []


def _listed(value: Any) -> str:
    numbers: Sequence[Any] = value if isinstance(value, list) else [value]
    return ", ".join(str(one) for one in numbers)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
