"""What a reload would change: both sets of rules are read, compared, and counted against the store, read-only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from autoflow.app.offline import open_store
from autoflow.app.rule_sets import (
    Origin,
    ReadSet,
    load_set,
    plain_templates,
    read_named,
    read_running,
    refuse_same,
    sources_of,
)
from autoflow.app.state import DATABASE
from autoflow.model.problem import Problem, Severity
from autoflow.rules.loaded import Loaded
from autoflow.rules.review import review_rules
from autoflow.rules.source import show_path
from autoflow.rules.succession import Key, Touched
from autoflow.settings import Settings
from autoflow.store.base import Reading
from autoflow.testing.plan import Change, Plan, PlannedRule, RuleSet, make_plan, read_touched

UNKNOWN_TEMPLATES = "templates are not compared: which ones were in use is known only while the daemon runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The two sets, and what changes from one to the other."""

    #: None where nothing ever ran
    before: ReadSet | None
    after: ReadSet
    #: the rules directory, for people
    root: str = ""
    before_rules: int = 0
    after_rules: int = 0
    plan: Plan
    #: errors that keep one of the sets from being used: then the plan is empty
    problems: tuple[Problem, ...] = ()
    #: what a reviewer would say of the rules that are added or changed
    warnings: tuple[Problem, ...] = ()


class _Running(NamedTuple):
    """What the store says."""

    read: ReadSet | None
    touched: dict[Key, Touched]


def plan_change(
    settings: Settings, from_: str | None, to: str, templates_in_use: Mapping[str, str] | None
) -> Planned:
    """What changes from what runs (or a revision) to the directory (or a revision)."""
    after = read_named(settings, to)
    loaded = load_set(after, sources_of(settings), {})
    rules = RuleSet.of(map(PlannedRule.of, loaded.result.rules), plain_templates(after))
    if from_ is None:
        running = _look(settings, rules)
        before, touched = running.read, running.touched
        if before is not None:
            before = replace(before, templates=templates_in_use)
        older, problems = _stored_set(before), loaded.errors
    else:
        before, touched = read_named(settings, from_), None
        refuse_same(before, after)
        known = load_set(before, sources_of(settings), {})
        older = RuleSet.of(map(PlannedRule.of, known.result.rules), plain_templates(before))
        problems = (*known.errors, *loaded.errors)
    plan = Plan(rules=()) if problems else make_plan(older, rules, touched)
    if from_ is None and templates_in_use is None and before is not None and rules.templates:
        plan = replace(plan, note=UNKNOWN_TEMPLATES)
    return Planned(
        before=before,
        after=after,
        root=show_path(settings.rules),
        before_rules=len(older.rules),
        after_rules=len(rules.rules),
        plan=plan,
        problems=problems,
        warnings=_review(loaded, settings, plan),
    )


def _review(loaded: Loaded, settings: Settings, plan: Plan) -> tuple[Problem, ...]:
    """The warnings about rules that the plan adds or changes; the others were there before."""
    news = (Change.ADDED, Change.CHANGED)
    ids = {change.after.id for change in plan.rules if change.after is not None and change.change in news}
    if not ids:
        return ()
    remarks = review_rules(loaded, chain_depth=settings.limits.chain_depth, events=settings.events)
    found = (*loaded.result.problems, *remarks)
    return tuple(problem for problem in found if problem.severity is Severity.WARNING and problem.rule in ids)


def read_last(settings: Settings) -> ReadSet | None:
    """What runs, or ran last; None where nothing ever did."""
    return _look(settings, None).read


def _look(settings: Settings, rules: RuleSet | None) -> _Running:
    """What runs and, where it is asked, how much of its work these rules would touch; in one look."""
    if not (settings.state / DATABASE).exists():
        return _Running(None, {})

    def look(view: Reading) -> _Running:
        return _Running(read_running(view), {} if rules is None else read_touched(view, rules))

    async def ask() -> _Running:
        with open_store(settings.state, write=False) as store:
            return await store.read(look)

    return asyncio.run(ask())


def _stored_set(read: ReadSet | None) -> RuleSet:
    if read is None:
        return RuleSet.of((), None)
    assert read.origin is Origin.RUNNING  # noqa: S101 - the store holds no other
    return RuleSet.of(map(PlannedRule.of_version, read.versions), plain_templates(read))
