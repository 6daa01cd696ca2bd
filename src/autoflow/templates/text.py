"""One template: checked and compiled when it is made, rendered on facts as often as wanted.

Rendering is bounded by the engine's fuel (steps) and by the size of the output. The engine is imported with the
first template that is not plain: most rules have none, and start-up time counts.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from autoflow.errors import TemplateError
from autoflow.model.json import Json
from autoflow.templates.facts import freeze_facts, write_value
from autoflow.templates.plain import OUTPUT_CAP, insert_values, names_of, split_plain

if TYPE_CHECKING:
    import minijinja

SOURCE_CAP = 64 * 1024

_numbers = itertools.count()


def _default_environment() -> minijinja.Environment:
    from autoflow.templates.engine import ENVIRONMENT

    return ENVIRONMENT


class TextTemplate:
    """A compiled template. TemplateError when it is written wrongly."""

    __slots__ = ("__weakref__", "_environment", "_insert", "_names", "_pieces", "_roots", "source")

    def __init__(
        self,
        source: str,
        *,
        environment: Callable[[], minijinja.Environment] = _default_environment,
        insert: Callable[[Any], str] = write_value,
    ) -> None:
        """`insert` is the environment's finalizer: what makes text of a value."""
        check_template(source)
        self.source = source
        self._environment = environment
        self._insert = insert
        self._pieces = split_plain(source)
        #: the names it takes from the facts
        self._roots = _find_names(source)
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
        return self._render(facts, "html" if autoescape else "txt")

    def _render(self, facts: Mapping[str, Json], ending: str) -> str:
        from autoflow.templates.engine import guard

        environment = self._environment()
        name = self._names.get(ending) or self._compile(environment, ending)
        text = guard(lambda: environment.render_template(name, **freeze_facts(facts).pick(self._roots)))
        if len(text) > OUTPUT_CAP or len(text.encode("utf-8", "replace")) > OUTPUT_CAP:
            raise TemplateError(f"the rendered text is larger than {OUTPUT_CAP // 1024} KiB")
        return text

    def _compile(self, environment: minijinja.Environment, ending: str) -> str:
        from autoflow.templates.engine import guard

        name = f"{next(_numbers)}.{ending}"
        guard(lambda: environment.add_template(name, self.source))
        weakref.finalize(self, environment.remove_template, name).atexit = False
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
    if "{" not in source or split_plain(source) is not None:
        return
    from autoflow.templates.engine import check_tags, find_names

    find_names(source)
    check_tags(source)


def referenced_roots(source: str) -> frozenset[str]:
    """The names that a template takes from the facts: `job` for `{{ job.id }}`."""
    return _find_names(source) - {"loop", "range"}


def referenced_paths(source: str) -> frozenset[str]:
    """As above, each as far as the template writes it out: `job.id`."""
    if "{" not in source:
        return frozenset()
    pieces = split_plain(source)
    if pieces is not None:
        return frozenset(".".join(piece) for piece in pieces if type(piece) is not str)
    from autoflow.templates.engine import find_paths

    return frozenset(path for path in find_paths(source) if path.partition(".")[0] not in ("loop", "range"))


def _find_names(source: str) -> frozenset[str]:
    if "{" not in source:
        return frozenset()
    pieces = split_plain(source)
    if pieces is not None:
        return names_of(pieces)
    from autoflow.templates.engine import find_names

    return find_names(source)
