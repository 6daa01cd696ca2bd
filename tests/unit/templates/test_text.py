"""Templates as text: strict on names, natural in numbers, blind to Python, bounded."""

from __future__ import annotations

import pytest

from autoflow.errors import TemplateError
from autoflow.templates import TextTemplate, check_template, freeze_facts, referenced_roots

FACTS = {
    "job": {
        "number": "J-5541",
        "total": 2000.0,
        "exact": 19.99,
        "open": True,
        "note": None,
        "tags": ["a", None, 3.0],
        "client": {"name": "John <Smith>"},
        "done_at": "2026-03-29T00:50:00Z",
    }
}


def render(source: str, *, autoescape: bool = False) -> str:
    """The text of a template on the facts above."""
    return TextTemplate(source).render(FACTS, autoescape=autoescape)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("no tag at all", "no tag at all"),
        ("job #{{ job.number }}", "job #J-5541"),
        ("{{ job.total }} {{ job.exact }}", "2000 19.99"),
        ("{{ job.open }}|{{ job.note }}|", "true||"),
        ("{{ job.tags }}", '["a", null, 3.0]'),
        ("{{ job.client }}", '{"name": "John <Smith>"}'),
        ("{{ job.tags[0] }}{{ job['number'] }}", "aJ-5541"),
        ("{% if job.open %}open{% else %}shut{% endif %}", "open"),
        ("{% if job.nope is defined %}there{% else %}not there{% endif %}", "not there"),
        ("{% for tag in job.tags %}{{ loop.index }}={{ tag }};{% endfor %}", "1=a;2=;3=3;"),
        ("{% for key, value in job.client | items %}{{ key }}: {{ value }}{% endfor %}", "name: John <Smith>"),
        ("{{ (job.total * 1.19) | round(2) }}", "2380"),
        ("{% raw %}{{ job.items() | nosuch }}{% endraw %}", "{{ job.items() | nosuch }}"),
        ("ends with a line break\n", "ends with a line break\n"),
    ],
)
def test_renders_json_as_people_write_it(source: str, text: str) -> None:
    """Null is empty, booleans are lower-case, whole numbers carry no .0, maps and lists are JSON."""
    assert render(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ job.nope | default('there') }}", "there"),
        ("{{ job.note | default('there') }}", "there"),
        ("{{ '' | default('there', true) }}", "there"),
        ("{{ 0 | default('there') }}", "0"),
        ("{{ job.tags | join(', ') }}", "a, , 3"),
        ("{{ [job.client] | join('', attribute='name') }}", "John <Smith>"),
        ("{{ job.number | replace('J-', '#') }}", "#5541"),
        ("{{ job.client | tojson }}", '{"name": "John <Smith>"}'),
        ("{{ 'a b&c/ü' | urlencode }}", "a%20b%26c%2F%C3%BC"),
        ("{{ job.done_at | date('%d %B') }}", "29 March"),
        ("{{ job.done_at | date('%H:%M', 'Europe/Berlin') }}", "01:50"),
        ("{{ 1774745400000 | date('%Y-%m-%d %H:%M') }}", "2026-03-29 00:50"),
        ("{{ '2026-03-29' | date('%d.%m.') }}", "29.03."),
        ("{{ ' Ab ' | trim | upper }}{{ 'Ab' | lower }}", "ABab"),
        ("{{ job.tags | length }}", "3"),
    ],
)
def test_filters(source: str, text: str) -> None:
    """Each filter of the documented set does what its name says."""
    assert render(source) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ nope }}",
        "{{ job.nope }}",
        "{{ job.nope.deeper }}",
        "{{ job.note.deeper }}",
        "{{ job.nope | upper }}",
        "{{ job.nope | tojson }}",
        "{{ job.nope | join }}",
        "{{ job.nope | urlencode }}",
        "{{ job.nope | replace('a', 'b') }}",
        "{{ job.nope | date }}",
        "{{ job.nope | items }}",
        "{{ job.nope | length }}",
        "{% if job.nope %}{% endif %}",
        "{% for x in job.nope %}{% endfor %}",
        "{{ job.total + job.nope }}",
    ],
)
def test_a_missing_name_is_an_error_wherever_it_stands(source: str) -> None:
    """A mistyped name never becomes an empty text."""
    with pytest.raises(TemplateError):
        render(source)


def test_the_error_names_what_is_missing_and_where_and_shows_no_data() -> None:
    """Name and line are told; the facts, which may be private, are not."""
    with pytest.raises(TemplateError) as caught:
        render("Dear\n{{ job.client.nmae }}")
    assert "job.client.nmae" in caught.value.message
    assert caught.value.line == 2
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize("name", ["items", "keys", "clear", "pop", "update", "get", "__class__", "copy"])
def test_names_of_methods_are_undefined(name: str) -> None:
    """A template sees keys only: a missing `items` prints no method."""
    with pytest.raises(TemplateError):
        render("{{ job." + name + " }}")
    assert TextTemplate("{{ job." + name + " }}").render({"job": {name: "a key"}}) in ("a key", "")


@pytest.mark.parametrize("call", ["job.clear()", "job.tags.append(1)", "job.tags.clear()", "job.pop('total')"])
def test_methods_cannot_be_called(call: str) -> None:
    """Neither the check nor the render lets a method run, and the data stays as it was."""
    facts = freeze_facts(FACTS)
    with pytest.raises(TemplateError):
        TextTemplate("{{ " + call + " }}")
    indirect = "{% set it = job %}{% set tags = job.tags %}{{ " + call.replace("job.", "it.") + " }}"
    with pytest.raises(TemplateError):
        TextTemplate(indirect).render(facts)
    assert facts == FACTS


def test_a_call_that_the_check_does_not_see_still_reaches_no_method() -> None:
    """The frozen data itself has no methods, whatever the spelling of the call."""
    facts = freeze_facts(FACTS)
    for source in ("{{ (job['clear'])() }}", "{% set f = job.clear %}{{ f() }}"):
        with pytest.raises(TemplateError):
            TextTemplate(source).render(facts)
    assert facts == FACTS


def test_facts_are_frozen_once_and_shared() -> None:
    """Freezing frozen facts gives the same object, so that a run freezes once."""
    frozen = freeze_facts(FACTS)
    assert freeze_facts(frozen) is frozen
    assert TextTemplate("{{ job.number }}").render(frozen) == "J-5541"


@pytest.mark.parametrize(
    ("source", "word", "line"),
    [
        ("a\n{{ job", "unexpected end", 2),
        ("{% if x %}", "unexpected end", 1),
        ("{% nosuch %}", "unknown statement", 1),
        ("\n\n{{ x | nosuch }}", "unknown filter 'nosuch'", 3),
        ("{{ x | safe }}", "unknown filter 'safe'", 1),
        ("{% include 'x' %}", "include", 1),
        ("a\n{%- import 'x' as y %}", "import", 2),
        ("{# a\nb #}\n{{ x.upper() }}", ".upper()", 3),
    ],
)
def test_a_wrong_template_is_refused_with_its_line(source: str, word: str, line: int) -> None:
    """What could never be rendered is known before anything is sent."""
    with pytest.raises(TemplateError) as caught:
        check_template(source)
    assert word in caught.value.message
    assert caught.value.line == line


@pytest.mark.parametrize("source", ["{{ '| nosuch' }}", "{# | nosuch #}", "{{ x['a.b(c)'] }}", "{ not a tag }"])
def test_what_only_looks_wrong_is_accepted(source: str) -> None:
    """Texts, comments and single braces are not read as filters or calls."""
    check_template(source)


def test_source_steps_and_output_are_bounded() -> None:
    """A template is at most 64 KiB, runs at most so many steps, and makes at most 256 KiB."""
    with pytest.raises(TemplateError, match="64 KiB"):
        check_template("x" * (64 * 1024 + 1))
    loop = "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match="too many steps"):
        render(loop)
    with pytest.raises(TemplateError, match="256 KiB"):
        render("{{ 'x' * 300000 }}")
    with pytest.raises(TemplateError, match="256 KiB"):
        TextTemplate("{{ a | replace('x', a) }}").render({"a": "x" * 10_000})
    with pytest.raises(TemplateError, match="256 KiB"):
        TextTemplate("{{ a | join(b) }}").render({"a": [1] * 1000, "b": "x" * 1000})


def test_inside_html_what_is_inserted_is_escaped() -> None:
    """Data cannot become markup, neither plainly nor through a filter."""
    assert render("<b>{{ job.client.name }}</b>", autoescape=True) == "<b>John &lt;Smith&gt;</b>"
    assert "<Smith>" not in render("{{ job.client | tojson }}{{ job.nope | default('<Smith>') }}", autoescape=True)
    assert render("{{ job.client.name | escape }}", autoescape=True) == "John &lt;Smith&gt;"


def test_data_that_looks_like_a_template_stays_data() -> None:
    """What is inserted is never rendered again."""
    assert TextTemplate("{{ a }}").render({"a": "{{ b }}"}) == "{{ b }}"


def test_roots_are_the_names_taken_from_the_facts() -> None:
    """Loop variables, set variables and the engine's own names are no facts."""
    source = "{{ job.id }}{% for x in items %}{{ x }}{{ loop.index }}{% endfor %}{% set y = 1 %}{{ y }}"
    assert referenced_roots(source) == {"job", "items"}
    assert referenced_roots("plain") == frozenset()
