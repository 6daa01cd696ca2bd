"""One template: checked and compiled when it is made, rendered on facts as often as wanted.

Rendering is bounded by the engine's fuel (steps) and by the size of the output.
"""

from __future__ import annotations

import itertools
import re
import weakref
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import minijinja

from autoflow.errors import TemplateError
from autoflow.model.json import Json
from autoflow.templates.facts import freeze_facts, write_value
from autoflow.templates.filters import BUILT_IN, FILTERS, OUTPUT_CAP, REFUSED
from autoflow.templates.plain import insert_values, split_plain

SOURCE_CAP = 64 * 1024
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


_ENVIRONMENT = make_environment()
_numbers = itertools.count()


class TextTemplate:
    """A compiled template. TemplateError when it is written wrongly."""

    __slots__ = ("__weakref__", "_environment", "_insert", "_names", "_pieces", "_roots", "source")

    def __init__(
        self,
        source: str,
        *,
        environment: minijinja.Environment = _ENVIRONMENT,
        insert: Callable[[Any], str] = write_value,
    ) -> None:
        """`insert` is the environment's finalizer: what makes text of a value."""
        check_template(source)
        self.source = source
        self._environment = environment
        self._insert = insert
        self._pieces = split_plain(source)
        #: the names it takes from the facts
        self._roots = _find_names(source) if "{" in source else frozenset()
        if "self" in source:  # the engine means the template's own blocks by it, of which there are none
            self._roots |= {"self"}
        #: what the engine knows it by, for each ending it was rendered under
        self._names: dict[str, str] = {}

    def render(self, facts: Mapping[str, Json], *, autoescape: bool = False) -> str:
        """The text for these facts; `autoescape` makes what is inserted safe inside HTML."""
        if "{" not in self.source:
            return self.source
        if self._pieces is not None and not autoescape:
            plain = insert_values(self._pieces, facts, self._insert)
            if plain is not None and len(plain) <= OUTPUT_CAP // 4:
                return plain
        ending = "html" if autoescape else "txt"
        name = self._names.get(ending) or self._compile(ending)
        text = _guard(lambda: self._environment.render_template(name, **freeze_facts(facts).pick(self._roots)))
        if len(text) > OUTPUT_CAP or len(text.encode("utf-8", "replace")) > OUTPUT_CAP:
            raise TemplateError(f"the rendered text is larger than {OUTPUT_CAP // 1024} KiB")
        return text

    def _compile(self, ending: str) -> str:
        name = f"{next(_numbers)}.{ending}"
        _guard(lambda: self._environment.add_template(name, self.source))
        weakref.finalize(self, self._environment.remove_template, name).atexit = False
        self._names[ending] = name
        return name


@lru_cache(maxsize=4096)
def compile_template(source: str) -> TextTemplate:
    """The template for this source, compiled once while it is in use."""
    return TextTemplate(source)


@lru_cache(maxsize=256)
def check_template(source: str) -> None:
    """TemplateError, with the line, unless the source is a template that could be rendered."""
    if len(source.encode("utf-8", "replace")) > SOURCE_CAP:
        raise TemplateError(f"a template is at most {SOURCE_CAP // 1024} KiB")
    if "{" not in source:
        return
    _find_names(source)
    bare = _COMMENT.sub(_keep_lines, source)
    for tag in _TAG.finditer(bare):
        line = bare.count("\n", 0, tag.start()) + 1
        _check_tag(_STRING.sub("''", tag.group()), line)


def referenced_roots(source: str) -> frozenset[str]:
    """The names that a template takes from the facts: `job` for `{{ job.id }}`."""
    return _find_names(source) - {"loop", "range"} if "{" in source else frozenset()


@lru_cache(maxsize=256)
def _find_names(source: str) -> frozenset[str]:
    return frozenset(_guard(lambda: _ENVIRONMENT.undeclared_variables_in_str(source)))


def _check_tag(tag: str, line: int) -> None:
    if loading := _LOADING.match(tag):
        raise TemplateError(f"{{% {loading[1]} %}} is not known: a template stands alone", line=line)
    for match in _FILTER.finditer(tag):
        if match[1] not in KNOWN_FILTERS:
            known = ", ".join(sorted(KNOWN_FILTERS))
            raise TemplateError(f"unknown filter {match[1]!r}", hint=f"known are {known}", line=line)
    for match in _METHOD.finditer(tag):
        if not re.search(r"\bloop\s*$", tag[: match.start()]):
            name = match[1]
            raise TemplateError(f".{name}() is a call; data has no methods", hint=f"a filter? | {name}", line=line)


def _keep_lines(match: re.Match[str]) -> str:
    return "\n" * match.group().count("\n")


def _guard(run: Callable[[], _T]) -> _T:
    try:
        return run()
    except minijinja.TemplateError as error:
        raise _translate(error) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise TemplateError(f"cannot be rendered: {error}") from error


def _translate(error: minijinja.TemplateError) -> TemplateError:
    """Our error for the engine's. The engine's own text holds the facts, which must not reach a log."""
    detail = (error.detail or error.message).split("\n", 1)[0].replace("`", "")
    if "undefined" in detail or error.kind == "UndefinedError":
        hint = "where it may be missing, write | default('...') or {% if ... is defined %}"
        return TemplateError(detail, hint=hint, line=error.line)
    if error.kind == "OutOfFuel":
        detail = "the template takes too many steps"
    return TemplateError(detail, line=error.line)
