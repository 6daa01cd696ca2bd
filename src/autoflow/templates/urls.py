"""Templates in URLs: scheme, host and port stand as written, and what is inserted cannot leave its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from autoflow.errors import TemplateError
from autoflow.model.json import Json
from autoflow.templates.facts import write_value
from autoflow.templates.text import TextTemplate

if TYPE_CHECKING:
    import minijinja

_LITERAL_HOST = re.compile(r"https?://[^/?#\s{}\\@]+(?:[/?#]|$)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_HINT = "templates may stand in the path and the query only, for example https://hooks.example.com/{{ job.id }}"


def _encode(value: Json) -> str:
    """A value as one path segment or query value."""
    text = write_value(value)
    if text in {".", ".."}:
        raise TemplateError(f"{text!r} cannot be inserted into a URL: it would change the path")
    return quote(text, safe="")


@lru_cache(maxsize=1)
def _environment() -> minijinja.Environment:
    """Made with the first URL that is not plain: checking rules needs none."""
    from autoflow.templates.engine import make_environment
    from autoflow.templates.filters import FILTERS

    # what is inserted is encoded in any case, so the filter must not do it a second time
    return make_environment(finalizer=_encode, filters={**FILTERS, "urlencode": write_value})


def check_url_template(source: str) -> None:
    """TemplateError unless the source is an http(s) address whose scheme, host and port are literal."""
    if not _LITERAL_HOST.match(source):
        if re.match(r"[^/?#]*\{[{%#]", source.partition("://")[2] or source):
            raise TemplateError("a template stands in the URL's scheme, host or port", hint=_HINT)
        raise TemplateError(
            f"{source!r} is not a URL to send to",
            hint="write http:// or https:// and a host, without user:password@",
        )
    _compile(source)


def render_url(source: str, facts: Mapping[str, Json]) -> str:
    """The address for these facts, with each inserted value percent-encoded."""
    check_url_template(source)
    url = _compile(source).render(facts).strip()
    if _CONTROL.search(url):
        raise TemplateError("the URL holds a space, a backslash or a control character")
    return url


@lru_cache(maxsize=1024)
def _compile(source: str) -> TextTemplate:
    return TextTemplate(source, environment=_environment, insert=_encode)
