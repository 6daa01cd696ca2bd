"""A plan for people and for programs: as text, as Markdown for a pull request, as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from autoflow.app.planning import Planned
from autoflow.app.rule_sets import ReadSet
from autoflow.cli.output import paint, printable
from autoflow.model.event import DEFAULT_ACCOUNT
from autoflow.model.json import Json, JsonObject
from autoflow.model.rule import OnChange
from autoflow.rules.differences import ABSENT, Difference
from autoflow.rules.report import headline, problem_to_json
from autoflow.rules.succession import Touched
from autoflow.testing.plan import Change, ConditionChange, Plan, PlannedRule, RuleChange, TemplateChange

LONGEST = 160
"""Characters of a value that are shown to people."""
MARKS: Mapping[Change, tuple[str, str]] = {
    Change.ADDED: ("+", "green"),
    Change.CHANGED: ("~", "yellow"),
    Change.REMOVED: ("-", "red"),
    Change.MOVED: (">", "cyan"),
    Change.REWORDED: ('"', "cyan"),
}
THEN: Mapping[OnChange, tuple[str, str]] = {
    OnChange.FINISH_OLD: ("finish by the old version", "finish by the old version"),
    OnChange.CANCEL: ("are cancelled", "end before their next attempt"),
}
"""What becomes of work that waits, and of work that has begun."""
_PLAIN = re.compile(r"[\w.:*/+-]+")


def render_text(planned: Planned) -> str:
    """For a terminal; it reads as well without colour."""
    plan = planned.plan
    if plan.is_empty:
        return f"no changes: {printable(_titles(planned))}\n"
    lines = [printable(_titles(planned))]
    for change in plan.rules:
        lines += ["", *_rule_text(change, planned.root)]
    for condition in _shared(plan):
        rules = ", ".join(condition.rules)
        lines += ["", f"{paint('~', 'yellow')} condition {paint(condition.name, 'bold')}  used by {rules}"]
        lines += [f"    {line}" for one in condition.differences for line in _difference_text(one, name_it=False)]
    for template in plan.templates:
        lines += ["", *_template_text(template)]
    return "\n".join([*lines, "", summary(plan)]) + "\n"


def render_markdown(planned: Planned) -> str:
    """For a comment on a pull request."""
    plan = planned.plan
    lines = [f"### autoflow plan: {summary(plan)}", "", as_code(printable(_titles(planned)))]
    for change in plan.rules:
        mark, _ = MARKS[change.change]
        told = [
            f"**{mark} {_name(change.rule)}**",
            *([as_code(place)] if (place := _place(change, planned.root)) else []),
        ]
        told += _sentences(change)
        lines += ["", " · ".join(told)]
        lines += _fenced(line for one in change.differences for line in _difference_diff(one))
    for template in plan.templates:
        mark, _ = MARKS[template.change]
        lines += [
            "",
            f"**{mark} template** {as_code(printable(template.file))} · {_users(template)}",
            *_fenced(_spaced(template)),
        ]
    if planned.warnings:
        lines += ["", "What a reviewer would say:", *_fenced(map(headline, planned.warnings))]
    return "\n".join(lines) + "\n"


def plan_to_json(planned: Planned) -> dict[str, Json]:
    """One object for other programs."""
    plan = planned.plan
    items = [_rule_json(change) for change in plan.rules]
    items += [_condition_json(condition) for condition in plan.conditions]
    items += [_template_json(template) for template in plan.templates]
    return {
        "schema_version": 1,
        "from": _set_json(planned.before, planned.before_rules),
        "to": _set_json(planned.after, planned.after_rules),
        "items": items,
        "summary": {
            **{change.value: plan.count(change) for change in Change},
            "unchanged": plan.unchanged,
            "templates": len(plan.templates),
            **_totals(plan),
        },
        "note": plan.note,
        "problems": [problem_to_json(problem) for problem in planned.warnings],
    }


def summary(plan: Plan) -> str:
    """`1 added, 2 changed; 5 rules unchanged; in progress: 12 to finish by the old version`."""
    counts = [f"{number} {change.value}" for change in Change if (number := plan.count(change))]
    if plan.templates:
        counts.append(f"{_count(len(plan.templates), 'template')} changed")
    if not counts:
        return "no changes"
    told = f"{', '.join(counts)}; {_count(plan.unchanged, 'rule')} unchanged"
    totals = _totals(plan)
    work = [f"{totals['finish_old']:,} to finish by the old version"] if totals["finish_old"] else []
    work += [f"{totals['cancelled']:,} to be cancelled"] if totals["cancelled"] else []
    told += f"; in progress: {', '.join(work)}" if work else ""
    return told


def _titles(planned: Planned) -> str:
    """`generation 4 (7 rules) -> rules/ (8 rules)`."""
    before, after = planned.before, planned.after
    older = "nothing ran here yet" if before is None else f"{before.title} ({_count(planned.before_rules, 'rule')})"
    return f"{older} -> {after.title} ({_count(planned.after_rules, 'rule')})"


def _totals(plan: Plan) -> dict[str, int]:
    touched = [change.touched for change in plan.rules if change.touched is not None]

    def count(policy: OnChange) -> int:
        return sum(one.waiting + one.running for one in touched if one.policy is policy)

    return {"finish_old": count(OnChange.FINISH_OLD), "cancelled": count(OnChange.CANCEL)}


def _rule_text(change: RuleChange, root: str) -> list[str]:
    mark, style = MARKS[change.change]
    place = _place(change, root)
    heading = f"{paint(mark, style)} {paint(_name(change.rule), 'bold')}"
    lines = [f"{heading}  {paint(place, 'dim')}" if place else heading]
    lines += [f"    {sentence}" for sentence in _sentences(change)]
    lines += [f"    {line}" for one in change.differences for line in _difference_text(one, name_it=True)]
    return lines


def _sentences(change: RuleChange) -> Iterator[str]:
    """What there is to say of a change beside the differences."""
    if change.change in (Change.ADDED, Change.REMOVED):
        yield describe_rule(change.rule)
        if change.renamed_from is not None:
            yield f"means what {change.renamed_from} did: a rule with another id is another rule"
    if change.change is Change.MOVED:
        yield "means the same"
    if change.touched is not None:
        yield from describe_touched(change.touched)


def describe_rule(rule: PlannedRule) -> str:
    """`on job.created, after 5m: sms, webhook`."""
    document = rule.document
    patterns = document["trigger"] if isinstance(document["trigger"], list) else [document["trigger"]]
    names = [name for one in patterns for name in ([one["event"]] if isinstance(one["event"], str) else one["event"])]
    delay = f", after {document['delay']}" if "delay" in document else ""
    kinds = [next(key for key in step if key not in ("id", "retry")) for step in document["actions"]]
    state = {False: " (disabled)", "shadow": " (in shadow)"}.get(document.get("enabled", True), "")
    return printable(f"on {' or '.join(names)}{delay}: {', '.join(kinds)}{state}")


def describe_touched(touched: Touched) -> Iterator[str]:
    """What becomes of the work that a change touches, where there is any."""
    waiting, running = THEN[touched.policy]
    if touched.waiting:
        wait = "waits; it" if touched.waiting == 1 else "wait; they"
        yield f"{touched.waiting:,} {wait} {_of(waiting, touched.waiting)}"
    if touched.running:
        begun = "is under way; it" if touched.running == 1 else "are under way; they"
        yield f"{touched.running:,} {begun} {_of(running, touched.running)}"


def _of(words: str, number: int) -> str:
    """The words of many for one."""
    singular = {"are cancelled": "is cancelled", "finish by the old version": "finishes by the old version"}
    return singular.get(words, words.replace("end before their", "ends before its")) if number == 1 else words


def _difference_text(one: Difference, *, name_it: bool) -> Iterator[str]:
    path = show_path(one, name_it=name_it)
    before, after = (
        None if value is ABSENT else show_value(value, is_line=one.is_line) for value in (one.before, one.after)
    )
    if before is None or after is None:
        mark, style = ("+", "green") if before is None else ("-", "red")
        yield f"{path}  {paint(f'{mark} {after if before is None else before}', style)}"
    elif len(before) + len(after) + len(path) <= LONGEST // 2 + 20:
        yield f"{path}  {paint(before, 'red')} -> {paint(after, 'green')}"
    else:
        yield path
        yield paint(f"  - {before}", "red")
        yield paint(f"  + {after}", "green")


def _difference_diff(one: Difference) -> Iterator[str]:
    path = show_path(one, name_it=True)
    for mark, value in (("-", one.before), ("+", one.after)):
        if value is not ABSENT:
            yield f"{mark} {path}: {show_value(value, is_line=one.is_line)}"


def show_path(one: Difference, *, name_it: bool) -> str:
    """Where a difference stands, for a part of a condition in words: `when`, `when (any, in urgent-ticket)`."""
    if not one.is_line:
        return printable(one.path)
    root, _, rest = one.path.partition("when")
    kinds = [part.partition("[")[0] for part in rest.split(".") if part]
    if kinds and kinds[0] == "all":
        kinds = kinds[1:]
    if name_it and one.condition is not None:
        kinds.append(f"in {one.condition}")
    return printable(f"{root}when ({', '.join(kinds)})" if kinds else f"{root}when")


def show_value(value: Json, *, is_line: bool = False) -> str:
    """A value in one line, cut where it is long: words as they are, everything else as JSON."""
    is_word = isinstance(value, str) and (is_line or _PLAIN.fullmatch(value) is not None)
    text = printable(value) if is_word else printable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _template_text(template: TemplateChange) -> Iterator[str]:
    mark, style = MARKS[template.change]
    yield f"{paint(mark, style)} template {paint(printable(template.file), 'bold')}  {_users(template)}"
    for line in _spaced(template):
        yield f"    {paint(line, 'green' if line.startswith('+') else 'red')}"


def _spaced(template: TemplateChange) -> Iterator[str]:
    return (printable(f"{line[0]} {line[1:]}") for line in template.lines)


def _users(template: TemplateChange) -> str:
    if not template.rules:
        return "used by no rule"
    return f"used by {', '.join(_named(account, rule_id) for account, rule_id in template.rules)}"


def _shared(plan: Plan) -> Sequence[ConditionChange]:
    """Named conditions that several rules have in common: told once more, with all of them."""
    return [condition for condition in plan.conditions if len(condition.rules) > 1]


def _fenced(lines: Iterable[str]) -> list[str]:
    """A block of a diff; whatever stands in it does not end it."""
    body = list(lines)
    if not body:
        return []
    longest = max((len(run) for line in body for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return ["", f"{fence}diff", *body, fence]


def as_code(text: str) -> str:
    """A stretch of code on one line, whatever backticks it holds: in it nobody is mentioned and nothing is linked."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, gap = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{gap}{text}{gap}{fence}"


def _place(change: RuleChange, root: str) -> str:
    """Where the rule stands, from here: a terminal opens it."""
    before, after = change.before, change.after
    if change.is_moved and before is not None and after is not None:
        return printable(f"{_join(root, before.path)} -> {_join(root, after.path)}")
    rule = change.rule
    if rule.path is None:
        return ""
    path = _join(root, rule.path)
    return printable(path if rule.line is None else f"{path}:{rule.line}")


def _join(root: str, path: str | None) -> str:
    return str(PurePath(root, path or ""))


def _name(rule: PlannedRule) -> str:
    return _named(rule.account, rule.id)


def _named(account: str, rule_id: str) -> str:
    return rule_id if account == DEFAULT_ACCOUNT else f"{account}/{rule_id}"


def _set_json(read: ReadSet | None, rules: int) -> Json:
    if read is None:
        return None
    return {
        "origin": read.origin.value,
        "title": read.title,
        "generation": read.generation,
        "commit": read.commit,
        "rules": rules,
    }


def _rule_json(change: RuleChange) -> dict[str, Json]:
    before, after, rule, touched = change.before, change.after, change.rule, change.touched
    return {
        "kind": "rule",
        "change": change.change.value,
        "account": rule.account,
        "rule": rule.id,
        "path": after.path if after else None,
        "line": after.line if after else None,
        "from_path": before.path if before else None,
        "from_version": before.hash if before else None,
        "to_version": after.hash if after else None,
        "renamed_from": change.renamed_from,
        "differences": [difference_to_json(one) for one in change.differences],
        "pending": None
        if touched is None
        else {"waiting": touched.waiting, "running": touched.running, "then": touched.policy.value},
    }


def difference_to_json(one: Difference) -> JsonObject:
    """What came or went has no `before` or no `after`."""
    told: dict[str, Json] = {"path": one.path}
    if one.before is not ABSENT:
        told["before"] = one.before
    if one.after is not ABSENT:
        told["after"] = one.after
    if one.condition is not None:
        told["condition"] = one.condition
    return told


def _condition_json(condition: ConditionChange) -> dict[str, Json]:
    return {
        "kind": "condition",
        "change": Change.CHANGED.value,
        "account": condition.account,
        "condition": condition.name,
        "rules": list(condition.rules),
        "differences": [difference_to_json(one) for one in condition.differences],
    }


def _template_json(template: TemplateChange) -> dict[str, Json]:
    return {
        "kind": "template",
        "change": template.change.value,
        "template": template.file,
        "rules": [{"account": account, "rule": rule_id} for account, rule_id in template.rules],
        "lines": list(template.lines),
    }


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
