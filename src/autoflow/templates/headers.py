"""Templates in headers: what is inserted can never become, or choose, a secret reference.

Headers may hold references, and actions resolve them after rendering; an event that says `secret://env/TOKEN`
must not be answered with the token.
"""

from __future__ import annotations

from collections.abc import Mapping

from autoflow.errors import TemplateError
from autoflow.model.json import Json
from autoflow.security.secrets import find_references
from autoflow.templates.text import compile_template


def render_header(source: str, facts: Mapping[str, Json]) -> str:
    """A header's value for these facts, with the references that were written, and no others, left in place."""
    text = compile_template(source).render(facts)
    if find_references(text) != find_references(source):
        raise TemplateError(
            "a secret reference in a header must be written out in the rule",
            hint="it cannot hold a template, and event data cannot bring one",
        )
    return text
