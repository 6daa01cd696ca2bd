"""Which rules are worth a closer look at their conditions: most look at each value once, and clash with nothing."""

from __future__ import annotations

from collections.abc import Iterator

from autoflow.matching.suspicion import may_clash
from autoflow.model.rule import Rule
from autoflow.rules.review.remarks import Remark


def find_never(rule: Rule) -> Iterator[Remark]:
    """What never holds in a rule, and what always does."""
    if not _is_suspect(rule):
        return
    from autoflow.rules.review.clashes import find_clashes  # start-up time counts

    yield from find_clashes(rule)


def _is_suspect(rule: Rule) -> bool:
    own = () if rule.when is None else (rule.when,)
    for pattern in rule.triggers:
        if may_clash(*own, *(() if pattern.when is None else (pattern.when,)), envelope=True):
            return True
    return any(cancel.pattern.when is not None and may_clash(cancel.pattern.when) for cancel in rule.cancel_on)
