"""What keeps a scenario from being played at all: rules that cannot be used, and mocks of what is not there.

Before it: the reader, which sees one file alone. After it: the player.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autoflow.errors import UsageError
from autoflow.model.rule import Rule
from autoflow.rules.context import LoadContext
from autoflow.rules.findings import near_match
from autoflow.testing import codes
from autoflow.testing.rule_sets import RuleSet, RuleSets
from autoflow.testing.scenario import Scenario, Use
from autoflow.testing.verdicts import Failure


def find_obstacle(scenario: Scenario, sets: RuleSets, context: LoadContext) -> Failure | None:
    """The first thing that is in the way, as the failure that it is."""
    try:
        rules = sets.of(scenario)
        broken = find_broken(scenario, rules)
    except UsageError as error:  # a revision that is not there
        broken = str(error)
    if broken is not None:
        return Failure(spot=scenario.spot, code=codes.NOT_PLAYED, message=f"its rules cannot be used: {broken}")
    unknown = next(_unknown_mocks(scenario, _all_rules(scenario, sets, rules), context), None)
    if unknown is None:
        return None
    return Failure(spot=scenario.spot, code=codes.NOT_PLAYED, message=unknown)


def find_broken(scenario: Scenario, rules: RuleSet) -> str | None:
    """The error in a rule that the scenario is about; what is wrong elsewhere is no concern of it."""
    errors = rules.result.errors
    if not errors:
        return None
    if scenario.rules is not None or not rules.rules:
        return str(errors[0])
    if scenario.rule is not None:
        own = [problem for problem in errors if problem.rule == scenario.rule and problem.path == scenario.path]
    else:
        own = [problem for problem in errors if _stem_of(problem.path) == _stem_of(scenario.path)]
    return str(own[0]) if own else None


def _stem_of(path: str) -> str:
    """`jobs` of `rules/jobs.yaml` and of `rules/jobs.test.yaml`."""
    return path.rpartition("/")[2].partition(".")[0]


def _all_rules(scenario: Scenario, sets: RuleSets, first: RuleSet) -> tuple[Rule, ...]:
    """Those that it begins with, and those that come in force in it."""
    rules = list(first.rules)
    for step in scenario.steps:
        if isinstance(step.deed, Use):
            try:
                rules += sets.find(step.deed.rules, scenario).rules
            except UsageError:
                continue  # told by the step itself
    return tuple(rules)


def _unknown_mocks(scenario: Scenario, rules: Iterable[Rule], context: LoadContext) -> Iterator[str]:
    """Mocks that would never answer: a name that is misspelt would otherwise deliver everything."""
    steps = {rule.id: {name for step in rule.actions for name in (step.path, step.id) if name} for rule in rules}
    for name in scenario.mocks.rules:
        rule, _, step = name.partition("/")
        if rule not in steps:
            yield _say("mocks name a rule that is not in force", rule, steps)
        elif step and step not in steps[rule]:
            yield _say(f"mocks name a step that {rule} does not have", step, steps[rule])
    for name in scenario.mocks.notifiers:
        if name not in context.notifiers:
            yield _say("mocks name a notifier that the config does not have", name, context.notifiers)


def _say(message: str, name: str, known: Iterable[str]) -> str:
    hint = near_match(name, known)
    return f"{message}: {name!r}{f'; {hint}' if hint else ''}"
