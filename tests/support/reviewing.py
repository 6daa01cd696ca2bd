"""Rule files as `autoflow validate` looks at them: what is wrong with them, and what a reviewer would say."""

from __future__ import annotations

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.rules.context import LoadContext
from autoflow.rules.loaded import Loaded
from autoflow.rules.loader import LoadResult
from autoflow.rules.review import review_rules
from autoflow.security.egress import EgressGuard
from autoflow.templates import TemplateLibrary, check_template

CONTEXT = LoadContext(
    action_types=ACTION_TYPES,
    notifiers={"email": "email", "email-eu": "email", "sms": "sms"},
    templates=frozenset({"new-high-value-job"}),
    check_template=check_template,
    check_url=EgressGuard().check_written,
)


def with_review(result: LoadResult, context: LoadContext = CONTEXT) -> LoadResult:
    """The same, with the remarks among its problems."""
    remarks = review_rules(Loaded(result=result, library=TemplateLibrary(), context=context), chain_depth=16)
    problems = sorted((*result.problems, *remarks), key=lambda problem: (problem.path, problem.line, problem.column))
    return result._replace(problems=tuple(problems))
