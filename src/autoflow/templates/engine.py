"""The template engine as autoflow uses it: what it may do, what it finds wrong, and its errors in our words.

Beside `text`, which asks it for all that is not plain; imported with the first template of that kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import minijinja

from autoflow.errors import TemplateError
from autoflow.templates.facts import write_value
from autoflow.templates.filters import BUILT_IN, FILTERS, REFUSED

FUEL = 50_000
"""Steps of the engine: some 5,000 turns of a small loop."""

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}|\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_FILTER = re.compile(r"\|\s*([A-Za-z_]\w*)")
_METHOD = re.compile(r"\.\s*([A-Za-z_]\w*)\s*\(")
_LOADING = re.compile(r"\{%-?\s*(include|import|from|extends|block)\b")
KNOWN_FILTERS = BUILT_IN | frozenset(FILTERS)
_T = TypeVar("_T")
_GLOBALS = ("cycler", "debug", "dict", "joiner", "namespace")


def make_environment(
    *, finalizer: Callable[[Any], Any] = write_value, filters: Mapping[str, Callable[..., Any]] = FILTERS
) -> minijinja.Environment:
    """The engine as autoflow uses it: strict, fuelled, without methods, loaders and debugging aids."""
    environment = minijinja.Environment(
        undefined_behavior="strict",
        fuel=FUEL,
        pycompat=False,
        debug=True,  # names the missing value; the text of the facts is cut from every message
        keep_trailing_newline=True,
        finalizer=finalizer,
        auto_escape_callback=lambda name: name.endswith(".html"),
    )
    for name in REFUSED:
        environment.remove_filter(name)
    for name in _GLOBALS:
        environment.remove_global(name)
    for name, made in filters.items():
        environment.add_filter(name, made)
    return environment


ENVIRONMENT = make_environment()


@lru_cache(maxsize=256)
def find_names(source: str) -> frozenset[str]:
    """The names that a template does not make itself. TemplateError where it is written wrongly."""
    return frozenset(guard(lambda: ENVIRONMENT.undeclared_variables_in_str(source), source))


def find_paths(source: str) -> frozenset[str]:
    """The same, each with what is asked of it: `job.client.name`. TemplateError where it is written wrongly."""
    return frozenset(guard(lambda: ENVIRONMENT.undeclared_variables_in_str(source, nested=True)))


_ENDS = {
    "expected end of variable block": "a value ends with }}",
    "expected end of block": "a tag ends with %}",
}
"""What the engine says of a tag that does not end where it should."""


def check_tags(source: str) -> None:
    """TemplateError for what the engine would take, or find only when it renders."""
    bare = _COMMENT.sub(_blank_out, source)
    for tag in _TAG.finditer(bare):
        line = bare.count("\n", 0, tag.start()) + 1
        _check_tag(_STRING.sub(_blank_out, tag.group()), line, tag.start())


def _check_tag(tag: str, line: int, start: int) -> None:
    def at(match: re.Match[str]) -> tuple[int, int]:
        return start + match.start(1), len(match[1])

    if loading := _LOADING.match(tag):
        message = f"{{% {loading[1]} %}} is not known: a template stands alone"
        raise TemplateError(message, line=line, span=at(loading))
    for match in _FILTER.finditer(tag):
        if match[1] not in KNOWN_FILTERS:
            hint = f"known are {', '.join(sorted(KNOWN_FILTERS))}"
            raise TemplateError(f"unknown filter {match[1]!r}", hint=hint, line=line, span=at(match))
    for match in _METHOD.finditer(tag):
        if not re.search(r"\bloop\s*$", tag[: match.start()]):
            message, hint = f".{match[1]}() is a call; data has no methods", f"a filter? | {match[1]}"
            raise TemplateError(message, hint=hint, line=line, span=at(match))


def _blank_out(match: re.Match[str]) -> str:
    """As long as it was, with its lines, and nothing to be found in it."""
    return re.sub(r"[^\n]", " ", match.group())


def guard(run: Callable[[], _T], source: str | None = None) -> _T:
    """What the engine gives; its errors as ours, with their place in the source where that is known."""
    try:
        return run()
    except minijinja.TemplateError as error:
        raise _translate(error, _find_span(error, source)) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TemplateError(f"cannot be rendered: {error}") from error


def _find_span(error: minijinja.TemplateError, source: str | None) -> tuple[int, int] | None:
    """The tag from its beginning to the end of what was not understood; the engine counts bytes."""
    if source is None or error.range is None:
        return None
    content = source.encode("utf-8", "replace")
    start, end = (len(content[:index].decode("utf-8", "replace")) for index in error.range)
    opened = max(source.rfind("{{", 0, end), source.rfind("{%", 0, end))
    closed = max(source.rfind("}}", 0, start), source.rfind("%}", 0, start))
    begin = opened if opened > closed else start
    return begin, max(end - begin, 1)


def _translate(error: minijinja.TemplateError, span: tuple[int, int] | None) -> TemplateError:
    """Our error for the engine's. The engine's own text holds the facts, which must not reach a log."""
    detail = (error.detail or error.message).split("\n", 1)[0].replace("`", "")
    if "undefined" in detail or error.kind == "UndefinedError":
        hint = "where it may be missing, write | default('...') or {% if ... is defined %}"
        return TemplateError(detail, hint=hint, line=error.line, span=span)
    if error.kind == "OutOfFuel":
        detail = "the template takes too many steps"
    if detail.startswith("unexpected") and detail.endswith(tuple(_ENDS)):
        hint = next(hint for end, hint in _ENDS.items() if detail.endswith(end))
        return TemplateError(detail, hint=hint, line=error.line, span=span)
    return TemplateError(detail, line=error.line, span=span)
