"""Every error autoflow raises on purpose, in one tree.

AutoflowError            code, message, hint
├── ConfigError          the configuration cannot be used (exit 78)
├── UsageError           a command was called wrongly or its input cannot be read (exit 2)
├── RulesError           no usable set of rules (exit 78)
├── ConditionError       a condition is written wrongly; carries the place inside the tree
├── EvaluationError      a condition cannot be evaluated on these facts
├── TemplateError        a template is written wrongly or cannot be rendered on these facts
├── SecretError          a secret reference cannot be resolved
├── EgressError          an outgoing address is not allowed; never worth a retry
├── IntakeError          an event is refused; carries an HTTP status and pointers
├── UnreachableError     the daemon does not answer (exit 69)
├── LockedError          another daemon holds the state directory (exit 75)
├── StateError           the state directory cannot be made (exit 73)
└── StorageError         the store failed (exit 74)
    ├── ClosedError      the store was closed; asking again is no use
    ├── NewerSchemaError the file was written by a newer release (exit 78)
    └── FencedError      an older owner tried to write
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from autoflow.model.problem import Problem  # lies above; named in a type only


class AutoflowError(Exception):
    """Root of the tree: a stable code, what is wrong, and what to do next."""

    code: str = "AF000"
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(AutoflowError):
    """The configuration cannot be used; `problems` holds each finding with its place, where there are places."""

    code = "AF001"
    exit_code = 78

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.problems = tuple(problems)


class UsageError(AutoflowError):
    """A command was called wrongly, or its input cannot be read."""

    code = "AF002"
    exit_code = 2


class RulesError(AutoflowError):
    """There is no usable set of rules, and there never was one."""

    code = "AF003"
    exit_code = 78


class ConditionError(AutoflowError):
    """A condition is written wrongly.

    `pointer` leads from the condition's root to the faulty part of the tree; `column` and `width`
    (0-based characters) mark the mistake inside a one-line condition.
    """

    code = "AF200"

    def __init__(
        self,
        message: str,
        *,
        pointer: Sequence[str | int] = (),
        column: int | None = None,
        width: int = 1,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.pointer = tuple(pointer)
        self.column = column
        self.width = width


class EvaluationError(AutoflowError):
    """A condition cannot be evaluated on these facts."""

    code = "AF280"


class TemplateError(AutoflowError):
    """A template is written wrongly, or cannot be rendered on these facts.

    `line` counts from 1; `span` is where the mistake begins, in characters from 0, and how long it is.
    """

    code = "AF300"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        line: int | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.line = line
        self.span = span


class SecretError(AutoflowError):
    """A secret reference cannot be resolved."""

    code = "AF310"


class EgressError(AutoflowError):
    """An outgoing address is not allowed. Not an OSError: that would look worth a retry."""

    code = "AF320"


class IntakeError(AutoflowError):
    """An event is refused; nothing of its request is stored.

    `problems` holds (JSON pointer, detail) pairs; `status` is the HTTP status that says so.
    """

    code = "AF400"

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        problems: Sequence[tuple[str, str]] = (),
        hint: str | None = None,
        code: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.status = status
        self.problems = tuple(problems)
        self.headers = tuple(headers)


class UnreachableError(AutoflowError):
    """The daemon does not answer."""

    code = "AF004"
    exit_code = 69


class LockedError(AutoflowError):
    """Another daemon holds the state directory."""

    code = "AF005"
    exit_code = 75


class StateError(AutoflowError):
    """The state directory cannot be made or used."""

    code = "AF006"
    exit_code = 73


class StorageError(AutoflowError):
    """The store failed; nothing of the transaction was kept."""

    code = "AF007"
    exit_code = 74


class ClosedError(StorageError):
    """The store was closed; asking again is no use."""


class NewerSchemaError(StorageError):
    """The file was written by a newer release."""

    code = "AF008"
    exit_code = 78


class FencedError(StorageError):
    """A claim of an older owner, or one that was given up, tried to write."""

    code = "AF009"
