"""What is wrong, said against the rule as a tree; `source` turns it into problems with lines and columns."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from autoflow.errors import AutoflowError, ConditionError, TemplateError
from autoflow.matching import codes as condition_codes
from autoflow.model.problem import Severity
from autoflow.rules import codes
from autoflow.rules.vocabulary import NOT_YET_ROOTS
from autoflow.strict_yaml import Pointer

_ABOUT_KEYS = frozenset({condition_codes.UNKNOWN_KEY, condition_codes.REFUSED_KEY})


class Finding(NamedTuple):
    """One thing to say about one part of a document as it was written."""

    pointer: Pointer
    code: str
    message: str
    hint: str | None = None
    severity: Severity = Severity.ERROR
    #: whether the key is meant, not the value
    on_key: bool = False
    #: where in a one-line text, in characters from 0, and how many
    column: int | None = None
    width: int = 1


@dataclass(slots=True)
class Findings:
    """Findings about one rule, in the order they were made.

    Pointers lead into the rule in its canonical spelling; `origins` leads them back to what was written.
    """

    items: list[Finding] = field(default_factory=list)
    origins: dict[Pointer, Pointer] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether one of them is an error."""
        return any(item.severity is Severity.ERROR for item in self.items)

    def add(
        self, pointer: Pointer, code: str, message: str, hint: str | None = None, *, on_key: bool = False
    ) -> None:
        """Note an error."""
        origin = self.origin_of(pointer)
        self.items.append(Finding(pointer=origin, code=code, message=message, hint=hint, on_key=on_key))

    def advise(
        self,
        pointer: Pointer,
        code: str,
        message: str,
        hint: str | None,
        severity: Severity,
        span: tuple[int, int] | None = None,
    ) -> None:
        """Note what does not keep the rule from being used; `span` is the part of the text that is meant."""
        column, width = span or (None, 1)
        origin = self.origin_of(pointer)
        self.items.append(
            Finding(
                pointer=origin, code=code, message=message, hint=hint, severity=severity, column=column, width=width
            )
        )

    def add_condition(
        self, pointer: Pointer, error: ConditionError, severity: Severity = Severity.ERROR, *, on_key: bool = False
    ) -> None:
        """Note what a condition or reference says is wrong with it."""
        finding = condition_finding(self.origin_of((*pointer, *error.pointer)), error, severity)
        self.items.append(finding._replace(on_key=finding.on_key or on_key))

    def refuse_roots(self, pointer: Pointer, roots: Iterable[str]) -> None:
        """Note the roots that would always be missing in this release."""
        for root in sorted(NOT_YET_ROOTS.intersection(roots)):
            hint = f"where it is a key of your event's data, write event.data.{root}"
            self.add(pointer, codes.NOT_YET, f"{root!r} as a root is not there yet in this release", hint)

    def add_error(self, pointer: Pointer, error: AutoflowError) -> None:
        """Note an error of another part of autoflow as it stands."""
        self.add(pointer, error.code, error.message, error.hint)

    def add_template(self, pointer: Pointer, error: TemplateError) -> None:
        """Note what is wrong with a template, with the tag where it is."""
        column, width = error.span or (None, 1)
        self.items.append(
            Finding(
                pointer=self.origin_of(pointer),
                code=error.code,
                message=error.message,
                hint=error.hint,
                column=column,
                width=width,
            )
        )

    def origin_of(self, pointer: Pointer) -> Pointer:
        """Where that was written: the longest known beginning decides."""
        for length in range(len(pointer), 0, -1):
            origin = self.origins.get(pointer[:length])
            if origin is not None:
                return (*origin, *pointer[length:])
        return pointer


def condition_finding(pointer: Pointer, error: ConditionError, severity: Severity = Severity.ERROR) -> Finding:
    """What a condition says is wrong with the part of it that stands there."""
    return Finding(
        pointer=pointer,
        code=error.code,
        message=error.message,
        hint=error.hint,
        severity=severity,
        on_key=error.code in _ABOUT_KEYS,
        column=error.column,
        width=error.width,
    )


def near_match(word: object, known: Iterable[str]) -> str | None:
    """A hint that names the known word closest to this one, if one is close."""
    names = sorted(set(known))
    text = str(word)
    close = difflib.get_close_matches(text, names, n=1, cutoff=0.6)
    if not close:
        folded = {name.lower(): name for name in names}
        close = [folded[text.lower()]] if text.lower() in folded else []
    return f"did you mean {close[0]}?" if close else None


def known_words(words: Iterable[str]) -> str:
    """Words in a row, for a hint."""
    return "known are " + ", ".join(sorted(set(words)))
