"""A remark: one thing that is said about a rule, before it is known where in its file that stands."""

from __future__ import annotations

from typing import NamedTuple

from autoflow.model.problem import Severity
from autoflow.model.rule import Rule
from autoflow.strict_yaml import Pointer


class Remark(NamedTuple):
    """One thing to say about one part of a rule."""

    rule: Rule
    #: into the rule's document in its canonical spelling
    at: Pointer
    code: str
    message: str
    hint: str | None = None
    severity: Severity = Severity.WARNING
    #: whether the key is meant, not the value
    on_key: bool = False
    #: which part of the condition that stands there
    trail: tuple[int, ...] | None = None
    #: what of the text that stands there is meant
    word: str | None = None


def where(rule: Rule) -> str:
    """`notify-technician (rules/jobs.yaml:3)`, for the message about another rule."""
    origin = rule.provenance
    return f"{rule.id!r} ({origin.path}:{origin.line})" if origin.path else repr(rule.id)
