"""All the reviews of a set of rules as one list of problems, for `validate` and `doctor`; never for the daemon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from autoflow.model.problem import Problem
from autoflow.model.rule import Rule
from autoflow.rules.loaded import Loaded
from autoflow.rules.review.never import find_never
from autoflow.rules.review.remarks import Remark
from autoflow.rules.review.steps import find_empty_messages, find_repeated_steps
from autoflow.rules.source import may_silence
from autoflow.settings import EventFiles

_NO_EVENTS: Mapping[str, EventFiles] = MappingProxyType({})


def review_rules(
    loaded: Loaded, *, chain_depth: int, events: Mapping[str, EventFiles] = _NO_EVENTS
) -> tuple[Problem, ...]:
    """What a careful reader would say about these rules, in order of their files.

    `events` is the config's catalogue: what is wrong with its own files is told too.
    """
    rules = loaded.result.rules
    remarks = [*_remarks_on_each(rules), *_remarks_on_all(rules, chain_depth)]
    problems: list[Problem] = []
    if events:
        from autoflow.rules.review.catalogue import read_catalogue
        from autoflow.rules.review.events import find_in_catalogue, find_near_events

        catalogue = read_catalogue(events)
        problems += catalogue.problems
        remarks += [found for rule in rules for found in find_in_catalogue(rule, catalogue, loaded.library)]
        remarks += find_near_events(rules, catalogue)
    if remarks:
        from autoflow.rules.review.places import Placer

        problems += Placer(loaded.result.sources, loaded.context.action_types).place(remarks)
    return _in_order(_without_silenced(problems, loaded))


def _without_silenced(problems: Sequence[Problem], loaded: Loaded) -> Sequence[Problem]:
    """What comments in the files do not silence, and comments that silence nothing of a review."""
    texts = {file.path: file.text for file in loaded.result.sources if may_silence(file)}
    if not texts:
        return problems
    from autoflow.rules.silencing import silence_review

    return silence_review(problems, texts, {problem.path for problem in loaded.result.errors})


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.path, problem.line, problem.column)))


# What few rules need is imported with the first that does: start-up time counts.


def _remarks_on_each(rules: Sequence[Rule]) -> Iterator[Remark]:
    for rule in rules:
        yield from find_never(rule)
        yield from find_repeated_steps(rule)
        yield from find_empty_messages(rule)
        if len(rule.triggers) > 1 or len(rule.triggers[0].events) > 1:
            from autoflow.rules.review.triggers import find_covered_triggers

            yield from find_covered_triggers(rule)


def _remarks_on_all(rules: Sequence[Rule], chain_depth: int) -> Iterator[Remark]:
    if len(rules) > 1:
        from autoflow.rules.review.twins import find_odd_accounts, find_twins

        yield from find_twins(rules)
        yield from find_odd_accounts(rules)
    if any(step.type == "emit" for rule in rules for step in rule.actions):
        from autoflow.rules.review.rings import find_rings

        yield from find_rings(rules, chain_depth)
