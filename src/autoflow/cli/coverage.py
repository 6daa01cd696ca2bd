"""How coverage is shown: a table, what was not seen by file and line, and why it is not enough."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from autoflow.cli.output import paint, printable, tell
from autoflow.testing.coverage import Coverage, Share, share_of_leaves
from autoflow.testing.coverage_report import (
    coverage_to_json,
    coverage_to_markdown,
    missing_lines,
    name_rule,
    share_of_actions,
    write_percent,
)
from autoflow.testing.coverage_run import Goal

MARKDOWN_ENDINGS = (".md", ".markdown")
WORDS = {"leaves": "comparisons", "actions": "actions"}


def draw_coverage(coverage: Coverage) -> Iterator[str]:
    """The rules that lack something with what they lack, then how much of all was seen."""
    for rule in coverage.rules:
        leaves, actions = share_of_leaves(rule.leaves), share_of_actions(rule)
        if (leaves + actions).percent < 100:
            events = f"{rule.judged:,} event{'' if rule.judged == 1 else 's'}"
            yield f"{printable(name_rule(rule))}: {_parts_in_words(leaves, actions)}, {events}"
    missing = [printable(line) for line in missing_lines(coverage)]
    yield from (["", *missing, ""] if missing else [])
    share = coverage.all
    style = "green" if share.percent == 100 else "yellow"
    parts = _parts_in_words(coverage.leaves, coverage.actions)
    number = len(coverage.rules)
    told = f"{number} rule ({parts})" if number == 1 else f"{number} rules ({parts})"
    yield f"coverage {paint(write_percent(share), style)} of {told}"


def _parts_in_words(leaves: Share, actions: Share) -> str:
    named = ((WORDS["leaves"], leaves), (WORDS["actions"], actions))
    return ", ".join(f"{words} {one.covered} of {one.total}" for words, one in named if one.total)


def draw_goals(goals: Sequence[Goal]) -> Iterator[str]:
    """What files asked for and their tests have not seen."""
    for goal in goals:
        if goal.is_met:
            continue
        yield paint("NOT COVERED", "bold red") + f" {goal.spot}: {say_goal(goal)}"
        yield from (f"  {printable(line)}" for line in missing_of(goal))


def say_goal(goal: Goal) -> str:
    """In a sentence."""
    words = WORDS[goal.part]
    return f"{goal.percent} % of the {words} are wanted, {goal.share.covered} of {goal.share.total} were seen"


def missing_of(goal: Goal) -> Iterator[str]:
    """The lines that say what a goal lacks."""
    return missing_lines(goal.coverage, leaves=goal.part == "leaves", actions=goal.part == "actions")


def goal_to_json(goal: Goal) -> dict[str, Any]:
    """For other programs."""
    return {
        "path": goal.spot.path,
        "line": goal.spot.line,
        "part": goal.part,
        "wanted": goal.percent,
        "covered": goal.share.covered,
        "total": goal.share.total,
        "met": goal.is_met,
        "missing": list(missing_of(goal)),
    }


def write_coverage(coverage: Coverage, path: Path) -> None:
    """Into a file: Markdown where its name says so, else JSON."""
    from autoflow.errors import UsageError

    markdown = path.suffix.lower() in MARKDOWN_ENDINGS
    told = coverage_to_json(coverage)
    text = coverage_to_markdown(coverage) if markdown else json.dumps(told, ensure_ascii=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        hint = "name a file in a directory that is there"
        raise UsageError(f"cannot write {path}: {error.strerror}", hint=hint) from error


def add_to_summary(coverage: Coverage) -> None:
    """To the page of the step that runs on GitHub."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8") as page:
            page.write(coverage_to_markdown(coverage))
    except OSError as error:
        tell(f"the page of this step cannot be written: {name}: {error.strerror}")


def is_under(coverage: Coverage, percent: float) -> bool:
    """Whether it is too low; then that is said."""
    if coverage.all.percent >= percent:
        return False
    tell(f"coverage {write_percent(coverage.all)} is under {percent:g} %")
    return True
