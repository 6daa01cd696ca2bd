"""JUnit XML that any reader of XML takes, whatever stands in it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from autoflow.cli.formats.junit import Case, Outcome, Suite, write_junit

FILE = "rules/jobs/a.yaml"


def read(*cases: Case) -> ET.Element:
    return ET.fromstring(write_junit([Suite(name=FILE, cases=cases)]))


def test_a_suite_counts_its_cases() -> None:
    """Both levels say how many there are, how many failed, and how long it took, with a dot."""
    root = read(
        Case(name="holds", file=FILE, line=3, seconds=0.0254),
        Case(name="does not", file=FILE, outcome=Outcome.FAILURE, message="expected 0", detail="diff"),
        Case(name="crashed", file=FILE, outcome=Outcome.ERROR, message="x", kind="TemplateError"),
        Case(name="later", file=FILE, outcome=Outcome.SKIPPED, message="todo"),
    )
    for element in (root, root[0]):
        counts = {name: element.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
        assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1", "time": "0.025"}
    assert root.get("name") == "autoflow"


def test_a_case_says_where_it_stands() -> None:
    """Class, name, file and line: what CI systems group by and link to."""
    case = read(Case(name="holds", file=FILE, line=3))[0][0]
    assert case.attrib == {"classname": "rules.jobs.a", "name": "holds", "file": FILE, "line": "3", "time": "0.000"}
    assert list(case) == []


def test_what_did_not_pass_says_why() -> None:
    """A failure has its kind, its one line and everything else as text."""
    case = read(Case(name="x", file=FILE, outcome=Outcome.FAILURE, message="one", kind="AF110", detail="a\n b"))[0][0]
    [failure] = case
    assert (failure.tag, failure.attrib, failure.text) == ("failure", {"type": "AF110", "message": "one"}, "a\n b")


def test_what_passed_can_have_something_to_say() -> None:
    """A remark on a case that holds does not make it fail."""
    case = read(Case(name="x", file=FILE, detail="by the way"))[0][0]
    assert [(child.tag, child.text) for child in case] == [("system-out", "by the way")]


@pytest.mark.parametrize(
    "text", ["a\x00b", "\x1b[31mred", "<&>\"']]>", "two\nlines\tand a tab", "é 日本 😀", "\ud83d"]
)
def test_no_text_breaks_the_document(text: str) -> None:
    """What XML cannot hold is replaced, everything else comes back as it was."""
    case = read(Case(name=text, file=FILE, outcome=Outcome.FAILURE, message=text, detail=text))[0][0]
    legal = "".join(
        char if char in "\n\t" or (char >= " " and not "\ud800" <= char < "\ue000") else "�" for char in text
    )
    assert case.get("name") == legal
    assert case[0].get("message") == legal
    assert case[0].text == legal


def test_a_suite_has_its_time_where_one_is_known() -> None:
    """The moment a run began."""
    suite = Suite(name=FILE, cases=(), timestamp="2026-11-21T07:00:00Z")
    assert ET.fromstring(write_junit([suite], name="mine"))[0].get("timestamp") == "2026-11-21T07:00:00Z"
