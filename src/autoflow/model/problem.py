"""A problem: one finding in a rule or config file. Collected, never raised one by one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    #: the rule cannot be used
    ERROR = "error"
    #: the rule can be used, and probably does not do what was meant
    WARNING = "warning"
    #: worth knowing
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding with its place. Lines and columns count from 1; the end column is the first one after."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    severity: Severity
    #: stable, for example AF101
    code: str
    message: str
    hint: str | None = None
    #: the rule's id, where one is known
    rule: str | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.code} {self.message}"
