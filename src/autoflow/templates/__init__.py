"""Templates: text with `{{ names }}` in it, rendered on facts. Strict, bounded, and blind to Python.

A template always makes text. Rules carry short ones in their steps; longer messages lie in templates/.
"""

from __future__ import annotations

from autoflow.templates.facts import freeze_facts
from autoflow.templates.headers import render_header
from autoflow.templates.library import (
    Message,
    TemplateLibrary,
    TemplateProblem,
    decode_source,
    is_template_file,
    template_name,
)
from autoflow.templates.plain import is_plain_template
from autoflow.templates.text import TextTemplate, check_template, compile_template, referenced_paths, referenced_roots
from autoflow.templates.urls import check_url_template, render_url

__all__ = [
    "Message",
    "TemplateLibrary",
    "TemplateProblem",
    "TextTemplate",
    "check_template",
    "check_url_template",
    "compile_template",
    "decode_source",
    "freeze_facts",
    "is_plain_template",
    "is_template_file",
    "referenced_paths",
    "referenced_roots",
    "render_header",
    "render_url",
    "template_name",
]
