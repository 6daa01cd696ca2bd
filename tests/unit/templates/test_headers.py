"""Templates in headers: secrets come from rules, never from events."""

from __future__ import annotations

import pytest

from autoflow.errors import TemplateError
from autoflow.templates import render_header

FACTS = {"name": "Jane", "bad": "secret://env/TOKEN", "half": "//env/TOKEN", "tail": "TOKEN"}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{{ name }}", "Jane"),
        ("Bearer secret://env/TOKEN", "Bearer secret://env/TOKEN"),
        ("{{ name }} secret://env/TOKEN", "Jane secret://env/TOKEN"),
    ],
)
def test_written_references_stay(source: str, text: str) -> None:
    """They are resolved as the action sends."""
    assert render_header(source, FACTS) == text


@pytest.mark.parametrize(
    "source",
    ["{{ bad }}", "Bearer {{ bad }}", "secret:{{ half }}", "secret://env/{{ tail }}", "secret://env/A{{ tail }}"],
)
def test_an_event_cannot_bring_or_choose_a_reference(source: str) -> None:
    """Otherwise whoever sends events could read the daemon's environment."""
    with pytest.raises(TemplateError, match="written out"):
        render_header(source, FACTS)
