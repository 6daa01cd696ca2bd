"""The page of each code: the mistake that it shows gives that code and no other, and mended it gives none.

A new code needs its page, `src/autoflow/cli/pages/<code>.md`, and its row in docs/codes.md: what is missing is named.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from autoflow.cli.explain import PAGES, Page, known_codes, read_page
from autoflow.model.problem import Problem
from autoflow.rules.codes import CATALOGUED
from autoflow.rules.loader import load_text
from autoflow.testing.reader import read_scenarios
from support.reviewing import CONTEXT, EVENTS, with_review

ROOT = Path(__file__).parents[2]
WITHOUT_AN_EXAMPLE = {
    "AF107": "a file that cannot be read has no text",
    "AF160": "told by fmt alone",
    "AF200": "no condition is known that gives it: every mistake has a code of its own",
    "AF215": "it would be longer than the page",
    "AF280": "told of an event",
    "AF320": "told of an attempt",
    "AF620": "told of a test that was played",
    "AF621": "told of a test that was played",
    "AF622": "told of a test that was played",
}
CODES = known_codes()
LONGEST = 60
ALONE = ("AF157", "AF158")
"""The comment itself is what is wrong: another one would not help."""


def page_of(code: str) -> Page:
    page = read_page(code)
    assert page is not None
    return page


def examples(code: str, heading: str) -> list[str]:
    """The YAML below a heading of the page."""
    section = page_of(code).text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```yaml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def find(text: str, code: str) -> tuple[Problem, ...]:
    """What is said of a text; where the code is about the catalogue of events, with one."""
    if code.startswith("AF6"):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "example.test.yaml"
            path.write_text(text)
            return read_scenarios([path]).problems
    events = EVENTS if code in CATALOGUED else {}
    return with_review(load_text(text, "example.yaml", CONTEXT), events=events).problems


def test_every_code_has_its_page() -> None:
    """Each code of rule files, conditions, templates and scenarios can be explained, and no page is left over."""
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    used = set(re.findall(r"\bAF[1236]\d\d\b", source))
    assert {"missing": sorted(used - set(CODES)), "left over": sorted(set(CODES) - used)} == {
        "missing": [],
        "left over": [],
    }


def test_codes_lead_to_their_pages() -> None:
    """docs/codes.md links each page, and both say the same of the code."""
    text = (ROOT / "docs" / "codes.md").read_text()
    rows = re.findall(r"^\| \[(AF[1236]\d\d)\]\((\S+)\) \| (.+) \|$", text, re.MULTILINE)
    titles = {code: text.removeprefix("warning: ").removeprefix("note: ") for code, _, text in rows}
    assert titles == {code: page_of(code).title for code in CODES}
    assert all((ROOT / "docs" / link).resolve() == PAGES / f"{code}.md" for code, link, _ in rows)


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_its_parts(code: str) -> None:
    """Title, severity, meaning, the mistake, how to mend it, how to silence it: in this order, and short."""
    page = page_of(code)
    assert page.text.startswith(f"# {code}: {page.title}\n\n{page.severity}\n\n")
    assert page.severity in ("error", "warning", "note", "error or warning", "warning or note")
    headings = re.findall(r"^## (.+)$", page.text, re.MULTILINE)
    shown = [] if code in WITHOUT_AN_EXAMPLE else ["The mistake"]
    assert headings == [*shown, "How to mend it", "How to silence it"]
    assert len(page.text.splitlines()) <= LONGEST
    assert max(map(len, page.text.splitlines())) <= 200
    assert page.meaning.endswith(".")


@pytest.mark.parametrize("code", [code for code in CODES if code not in WITHOUT_AN_EXAMPLE])
def test_the_mistake_gives_the_code_and_mended_none(code: str) -> None:
    """Who copies the first example sees this finding alone; who copies the second one sees none."""
    wrong, right = examples(code, "The mistake"), examples(code, "How to mend it")
    assert wrong
    for text in wrong:
        problems = find(text, code)
        assert {problem.code for problem in problems} == {code}
        assert all(problem.severity.value in page_of(code).severity for problem in problems)
    for text in right:
        assert find(text, code) == ()
    assert right or code == "AF104"


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_truly_how_its_finding_is_silenced(code: str) -> None:
    """The comment that it shows, put above the line, silences a warning or a note; errors have none."""
    page = page_of(code)
    comment = re.search(r"^    (# autoflow: ignore\[(AF\d{3})\] .+)$", page.text, re.MULTILINE)
    if page.severity == "error" or code in ALONE:
        assert comment is None
        assert "It cannot be silenced" in page.text
        return
    assert comment is not None
    assert comment[2] == code
    for text in examples(code, "The mistake"):
        [problem] = find(text, code)
        if problem.severity.value != "error":
            lines = text.splitlines()
            lines.insert(problem.line - 1, comment[1])
            assert find("\n".join(lines), code) == ()
