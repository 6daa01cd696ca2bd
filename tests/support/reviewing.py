"""Rule files as `autoflow validate` looks at them: what is wrong with them, and what a reviewer would say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.rules.context import LoadContext
from autoflow.rules.loaded import Loaded
from autoflow.rules.loader import LoadResult
from autoflow.rules.review import review_rules
from autoflow.security.egress import EgressGuard
from autoflow.settings import EventFiles
from autoflow.templates import TemplateLibrary, TextTemplate, check_template

CONTEXT = LoadContext(
    action_types=ACTION_TYPES,
    notifiers={"email": "email", "email-eu": "email", "sms": "sms"},
    templates=frozenset({"new-high-value-job"}),
    check_template=check_template,
    check_url=EgressGuard().check_written,
)


_CATALOGUE = Path(__file__).parents[1] / "problems" / "catalogue"
EVENTS = {
    "job.created": EventFiles(examples=(_CATALOGUE / "job-created.json",)),
    "job.status.changed": EventFiles(examples=(_CATALOGUE / "job-done.json", _CATALOGUE / "job-created.json")),
    "job.reopened": EventFiles(examples=(_CATALOGUE / "job-reopened.json",)),
    "order.created": EventFiles(schema=_CATALOGUE / "order.schema.json"),
    "order.cancelled": EventFiles(schema=_CATALOGUE / "order.schema.json"),
}
"""A catalogue of events, as a config would name it."""
TEMPLATES = TemplateLibrary({"new-high-value-job": {"text": TextTemplate("Job {{ job.number }} of {{ order.id }}")}})


def with_review(result: LoadResult, events: Mapping[str, EventFiles] = MappingProxyType({})) -> LoadResult:
    """The same, with the remarks among its problems; `events` is the catalogue."""
    loaded = Loaded(result=result, library=TEMPLATES, context=CONTEXT)
    remarks = review_rules(loaded, chain_depth=16, events=events)
    problems = sorted((*result.problems, *remarks), key=lambda problem: (problem.path, problem.line, problem.column))
    return result._replace(problems=tuple(problems))
