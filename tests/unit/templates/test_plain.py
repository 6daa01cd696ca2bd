"""The plain case of a template says what the engine says, or leaves it to the engine."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autoflow.errors import TemplateError
from autoflow.templates import TextTemplate, freeze_facts
from autoflow.templates.engine import check_tags, find_names
from autoflow.templates.plain import insert_values, names_of, split_plain
from autoflow.templates.urls import render_url

NAMES = ("job", "id", "n", "items", "Total_2", "event", "loop", "self", "none", "keys")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join)
TEXTS = st.text(alphabet=st.sampled_from("ab {}%#\n\r\té✓'\"-|._"), max_size=6)
INSERTS = st.builds(
    lambda path, before, after: "{{" + before + path + after + "}}",
    PATHS,
    st.sampled_from(("", " ", "  ", "-", "\n")),
    st.sampled_from(("", " ", " |upper", "-")),
)
SOURCES = st.lists(TEXTS | INSERTS, max_size=5).map("".join)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6) | st.sampled_from(("\ud800", "<b>", "", "x" * 70_000))
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
)
FACTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)


def render_both(source: str, facts: dict[str, Any]) -> tuple[str | None, str | None]:
    """What is rendered as ever, and by the engine alone; None for an error."""
    try:
        template, engine = TextTemplate(source), TextTemplate(source)
    except TemplateError:
        return None, None
    engine._pieces = None
    told = []
    for one in (template, engine):
        try:
            told.append(one.render(freeze_facts(facts)))
        except TemplateError as error:
            told.append(f"error: {error}")
    return told[0], told[1]


@given(SOURCES, FACTS)
@example("{{ job.n }}", {"job": {"n": 2000.0}})
@example("{{ job.n }}", {"job": {"n": 2**70}})
@example("{{ job }}", {"job": {"n": [1]}})
@example("a {{ none }}{{ loop }}", {"none": 1, "loop": "l"})
@example("{{ self }}", {"self": "s"})
@example("{{ self.id }}", {"self": {"id": 1}})
def test_the_plain_case_is_what_the_engine_makes_of_it(source: str, facts: dict[str, Any]) -> None:
    """For any template and any data, errors included."""
    plain, engine = render_both(source, facts)
    assert plain == engine


@given(SOURCES)
@example("{{ a }}\ud800")
@example("{{ a.not }}{{ set }}{{ a.b.c }}{{ a }}")
@example("{{ loop.index }}")
def test_what_is_plain_is_right_and_takes_the_names_that_the_engine_finds(source: str) -> None:
    """The engine is not asked about it. `self` it takes for the template's own; here it is a name as any other."""
    pieces = split_plain(source)
    if pieces is not None:
        check_tags(source)
        assert names_of(pieces) - {"self"} == find_names(source) - {"self"}


def test_what_is_plain_needs_no_engine() -> None:
    """Else the short way would be there for nothing."""
    pieces = split_plain("Job {{ job.n }} of {{who}}.\n")
    assert pieces == ("Job ", ("job", "n"), " of ", ("who",), ".\n")
    facts = freeze_facts({"job": {"n": 7.0}, "who": "Ünal"})
    template = TextTemplate("Job {{ job.n }} of {{who}}.\n")
    assert insert_values(pieces, facts, template._insert) == "Job 7 of Ünal.\n"
    assert template.render(facts) == "Job 7 of Ünal.\n"
    assert template._names == {}, "the engine never saw it"


@pytest.mark.parametrize(
    "source",
    [
        "plain",
        "\ud800{{ a }}",
        "{{ a | upper }}",
        "{{ a[0] }}",
        "{% if a %}b{% endif %}{{ a }}",
        "{# c #}{{ a }}",
        "{{- a }}",
    ],
)
def test_what_is_not_plain_is_left_to_the_engine(source: str) -> None:
    """Filters, blocks, comments and trimmed space."""
    assert split_plain(source) is None


def test_what_is_inserted_into_a_url_is_encoded_on_the_short_way_too() -> None:
    """By the finalizer of its own engine."""
    assert render_url("https://example.com/{{ a }}?q={{ b }}", {"a": "x/y", "b": "é&"}) == (
        "https://example.com/x%2Fy?q=%C3%A9%26"
    )
    with pytest.raises(TemplateError, match="change the path"):
        render_url("https://example.com/{{ a }}", {"a": ".."})
