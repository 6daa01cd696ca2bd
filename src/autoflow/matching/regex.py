"""Regular expressions in linear time (RE2). An expression is compiled when its condition is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from autoflow.errors import ConditionError
from autoflow.matching import codes

LONGEST: Final = 1_000
"""RE2 takes time in proportion to expression times text, so the expression has a bound."""

SET_SIZE: Final = 32
"""Expressions searched together: with more of them the automaton's states no longer fit its memory."""
SET_MEMORY: Final = 1 << 20
"""Bytes that such an automaton may take."""

_WORDS_FOR: Final = {
    "(?=": "a lookahead",
    "(?!": "a lookahead",
    "(?<=": "a lookbehind",
    "(?<!": "a lookbehind",
    "(?>": "an atomic group",
}


@lru_cache(maxsize=4096)
def compile_regex(pattern: str) -> Callable[[str], bool]:
    """Whether the expression is found anywhere in a text. ConditionError where RE2 cannot do it."""
    if len(pattern) > LONGEST:
        raise ConditionError(
            f"an expression has at most {LONGEST} characters, this one has {len(pattern)}",
            code=codes.BAD_REGEX,
        )
    import re2  # 10 ms that only conditions with `matches` pay

    try:
        search = re2.compile(pattern, _options()).search
    except (re2.error, UnicodeEncodeError) as error:
        raise ConditionError(
            f"RE2 cannot use the expression {pattern!r}: {_reason(pattern, error)}",
            code=codes.BAD_REGEX,
            hint="RE2 has no lookaround and no backreferences; its syntax is at github.com/google/re2/wiki/Syntax",
        ) from error

    def is_found(text: str) -> bool:
        try:
            return search(text) is not None
        except UnicodeEncodeError:
            return search(_without_halves(text)) is not None

    return is_found


def compile_regexes(patterns: Sequence[str]) -> Callable[[str], list[int]]:
    """Which of some expressions, each of which compiles, are found in a text: their places, in any order."""
    parts = [patterns[start : start + SET_SIZE] for start in range(0, len(patterns), SET_SIZE)]
    finders = [_compile_set(part, start=SET_SIZE * number) for number, part in enumerate(parts)]
    return lambda text: [place for find in finders for place in find(text)]


def _compile_set(patterns: Sequence[str], *, start: int) -> Callable[[str], list[int]]:
    import re2

    searches = [(start + place, compile_regex(pattern)) for place, pattern in enumerate(patterns)]

    def find_singly(text: str) -> list[int]:
        return [place for place, is_found in searches if is_found(text)]

    options = _options()
    options.max_mem = SET_MEMORY
    together = re2.Set.SearchSet(options)
    try:
        # The empty expression is found in every text: where it is not, the set ran out of memory and says nothing.
        for pattern in (*patterns, ""):
            together.Add(pattern)
        together.Compile()
    except re2.error:
        return find_singly  # each fits its memory, all of them together do not
    sentinel = len(patterns)

    def find(text: str) -> list[int]:
        try:
            found = together.Match(text)
        except UnicodeEncodeError:
            found = together.Match(_without_halves(text))
        told = found is not None and sentinel in found
        return [start + place for place in found if place != sentinel] if told else find_singly(text)

    return find


def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return options


def _without_halves(text: str) -> str:
    """The text with a sign for each half of a surrogate pair: legal in JSON, and no text for RE2."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _reason(pattern: str, error: Exception) -> str:
    for sign, name in _WORDS_FOR.items():
        if sign in pattern:
            return f"{name} {sign} is not supported"
    detail = error.args[0] if error.args else error
    return detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
