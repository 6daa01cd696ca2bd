"""Regular expressions in linear time (RE2). An expression is compiled when its condition is loaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from autoflow.errors import ConditionError
from autoflow.matching import codes

LONGEST: Final = 1_000
"""RE2 takes time in proportion to expression times text, so the expression has a bound."""

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
    import re2  # 10 ms that only conditions with `matches` pay

    if len(pattern) > LONGEST:
        raise ConditionError(
            f"an expression has at most {LONGEST} characters, this one has {len(pattern)}",
            code=codes.BAD_REGEX,
        )
    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
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
            # Half of a surrogate pair: legal in JSON, and no text for RE2.
            whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            return search(whole) is not None

    return is_found


def _reason(pattern: str, error: Exception) -> str:
    for sign, name in _WORDS_FOR.items():
        if sign in pattern:
            return f"{name} {sign} is not supported"
    detail = error.args[0] if error.args else error
    return detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
