"""Coverage as it is told: what is missing by file and line, JSON for other programs, Markdown for a summary page."""

from __future__ import annotations

from collections.abc import Iterator

from autoflow.matching.wording import shorten
from autoflow.model.event import DEFAULT_ACCOUNT
from autoflow.model.json import Json
from autoflow.rules.whereabouts import Whereabouts
from autoflow.testing.coverage import ActionCoverage, Coverage, LeafCoverage, RuleCoverage, Share, share_of_leaves


def write_percent(share: Share) -> str:
    """`87.5 %`, never rounded up: only all of it is 100 %."""
    tenths = int(share.percent * 10)
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"


def missing_lines(coverage: Coverage, *, leaves: bool = True, actions: bool = True) -> Iterator[str]:
    """`rules/a.yaml:10:5: job.total >= 2000 was never false (a)`, in order of files; a shared place once."""
    told: set[int] = set()
    found: list[tuple[Whereabouts, str]] = []
    for rule in coverage.rules:
        for leaf in rule.leaves if leaves else ():
            if leaf.lacks is not None and id(leaf.count) not in told:
                told.add(id(leaf.count))
                found.append((leaf.at, f"{shorten(leaf.text)} {leaf.lacks} ({_owner(rule, leaf)})"))
        found += [
            (action.at, f"action {action.number}, {action.type}, was never performed ({rule.rule})")
            for action in (rule.actions if actions else ())
            if not action.fired
        ]
    for at, text in sorted(found, key=lambda one: (one[0].path, one[0].place.line, one[0].place.column)):
        yield f"{at.path}:{at.place.line}:{at.place.column}: {text}"


def coverage_to_json(coverage: Coverage) -> dict[str, Json]:
    """For other programs; percentages are of a hundred, rounded down to two places."""
    return {
        "schema_version": 1,
        "items": [_rule_to_json(rule) for rule in coverage.rules],
        "leaves": _share_to_json(coverage.leaves),
        "actions": _share_to_json(coverage.actions),
        "percent": _percent(coverage.all),
    }


def coverage_to_markdown(coverage: Coverage) -> str:
    """A table of the rules, then what is missing: for the summary page of a CI system."""
    lines = [
        f"### Rule coverage: {write_percent(coverage.all)}",
        "",
        "| rule | comparisons | actions |",
        "|---|---|---|",
    ]
    for rule in coverage.rules:
        shares = (share_of_leaves(rule.leaves), share_of_actions(rule))
        cells = (_cell(name_rule(rule)), *(f"{share.covered} of {share.total}" for share in shares))
        lines.append(f"| {' | '.join(cells)} |")
    missing = list(missing_lines(coverage))
    if missing:
        lines += ["", "Not seen:", "", *(f"- {_code(line)}" for line in missing)]
    return "\n".join(lines) + "\n"


def share_of_actions(rule: RuleCoverage) -> Share:
    """How many actions of a rule were performed."""
    return Share(covered=sum(action.fired > 0 for action in rule.actions), total=len(rule.actions))


def name_rule(rule: RuleCoverage) -> str:
    """The rule's id, with its account where that is not the usual one."""
    return rule.rule if rule.account == DEFAULT_ACCOUNT else f"{rule.account}/{rule.rule}"


def _owner(rule: RuleCoverage, leaf: LeafCoverage) -> str:
    return f"shared condition {leaf.at.shared[1].shared}" if leaf.at.shared is not None else rule.rule


def _rule_to_json(rule: RuleCoverage) -> dict[str, Json]:
    return {
        "rule": rule.rule,
        "account": rule.account,
        "path": rule.at.path,
        "line": rule.at.place.line,
        "judged": rule.judged,
        "woken": rule.woken,
        "leaves": [_leaf_to_json(leaf) for leaf in rule.leaves],
        "actions": [_action_to_json(action) for action in rule.actions],
    }


def _leaf_to_json(leaf: LeafCoverage) -> dict[str, Json]:
    return {
        "condition": leaf.condition,
        "text": leaf.text,
        **_place_to_json(leaf.at),
        "shared": leaf.at.shared[1].shared if leaf.at.shared is not None else None,
        "true": leaf.count.true,
        "false": leaf.count.false,
        "failed": leaf.count.failed,
        "covered": leaf.lacks is None,
    }


def _action_to_json(action: ActionCoverage) -> dict[str, Json]:
    return {
        "number": action.number,
        "type": action.type,
        **_place_to_json(action.at),
        "fired": action.fired,
        "covered": action.fired > 0,
    }


def _place_to_json(at: Whereabouts) -> dict[str, Json]:
    place = at.place
    return {
        "path": at.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
    }


def _share_to_json(share: Share) -> dict[str, Json]:
    return {"covered": share.covered, "total": share.total, "percent": _percent(share)}


def _percent(share: Share) -> float:
    return int(share.percent * 100) / 100


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    """As code, whatever backticks it holds; a rule's text makes no Markdown of its own."""
    text = " ".join(text.split())
    fence = "`"
    while fence in text:
        fence += "`"
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"
