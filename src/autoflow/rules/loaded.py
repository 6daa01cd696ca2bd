"""Rules and templates as they were read together, and everything that was found in them.

After the loader; before it comes in force (the reloader), or is shown (`validate`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from autoflow.actions.kinds import ACTION_TYPES
from autoflow.model.notifier import Notifier
from autoflow.model.problem import Problem, Severity
from autoflow.rules.context import LoadContext
from autoflow.rules.loader import LoadResult
from autoflow.rules.source import show_path
from autoflow.templates import TemplateLibrary, TemplateProblem, check_template


class Loaded(NamedTuple):
    """Rules and templates as they were read together."""

    result: LoadResult
    library: TemplateLibrary
    context: LoadContext

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything found, in rules and templates."""
        return (*self.result.problems, *map(_template_problem, self.library.problems))

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What keeps the set from being used."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def make_context(
    notifiers: Mapping[str, Notifier], library: TemplateLibrary, check_url: Callable[[str], None] | None = None
) -> LoadContext:
    """What rules are checked against."""
    return LoadContext(
        action_types=ACTION_TYPES,
        notifiers={notifier.name: notifier.type for notifier in notifiers.values()},
        templates=library.names,
        check_template=check_template,
        check_url=check_url,
    )


def _template_problem(problem: TemplateProblem) -> Problem:
    return Problem(
        path=show_path(problem.path),
        line=problem.line,
        column=problem.column,
        end_line=problem.line,
        end_column=problem.end_column,
        severity=Severity.ERROR,
        code="AF300",
        message=problem.message,
        hint=problem.hint,
    )
