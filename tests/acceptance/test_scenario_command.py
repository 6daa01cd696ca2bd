"""`autoflow test` as CI and people run it: what it prints, in which form, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.daemon import run_command

RULE = """\
id: greet
labels: [hello]
trigger: { event: user.created }
when: user.age >= 18
actions: [ { log: { message: "Welcome, {{ user.name }}" } } ]
tests:
  - name: grown-ups are greeted
    steps:
      - emit: { type: user.created, data: { user: { name: Eve, age: 30 } } }
        expect: { actions: [ { type: log } ] }
"""
PASSES = """\
tests:
  - name: children are not
    labels: [children]
    steps:
      - emit: { type: user.created, data: { user: { name: Tim, age: 8 } } }
        expect: { actions: [] }
"""
FAILS = """\
tests:
  - name: "nobody & everybody"
    steps:
      - emit: { type: user.created, id: e1, data: { user: { name: "::error::x", age: 8 } } }
        expect: { actions: 1 }
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a rule that has a test inside, and a scenario file beside it."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "greet.yaml").write_text(RULE)
    (tmp_path / "rules" / "greet.test.yaml").write_text(PASSES)
    return tmp_path


async def test_all_pass(home: Path) -> None:
    """A mark a test, a line that counts, nothing on standard error, and 0."""
    code, printed, messages = await run_command(home, "test", GITHUB_ACTIONS="")
    assert (code, messages) == (0, "")
    assert printed.startswith("rules/greet.test.yaml .\nrules/greet.yaml .\n\n2 passed in ")


async def test_one_fails(home: Path) -> None:
    """1, and as JSON everything that a person would read; with -x what comes after it is left alone."""
    (home / "rules" / "a.test.yaml").write_text(FAILS)
    code, printed, _ = await run_command(home, "test", "--json", "-x")
    told = json.loads(printed)
    assert (code, told["failed"], told["passed"], told["not_played"], told["problems"]) == (1, 1, 0, 2, [])
    [item] = told["items"]
    assert {key: item[key] for key in ("path", "line", "name", "status", "rule")} == {
        "path": "rules/a.test.yaml",
        "line": 2,
        "name": "nobody & everybody",
        "status": "failed",
        "rule": None,
    }
    [failure] = item["failures"]
    assert (failure["code"], failure["line"], failure["step"], failure["expected"]) == ("AF620", 5, 1, "actions")
    assert failure["reasons"][0]["conditions"]["actual"] == 8


async def test_tests_are_chosen_by_a_word(home: Path) -> None:
    """Of a name, a label, a rule or a file; 5 where none has it, and where there are none at all."""
    for word, names in (("CHILD", ["children are not"]), ("greet.test", ["children are not"]), ("Eve", [])):
        code, printed, messages = await run_command(home, "test", "-k", word, "--json")
        assert [item["name"] for item in json.loads(printed)["items"]] == names if names else code == 5
        assert names or "none of 2 tests" in messages
    (home / "rules" / "greet.test.yaml").unlink()
    (home / "rules" / "greet.yaml").write_text(RULE.partition("tests:")[0])
    code, _, messages = await run_command(home, "test")
    assert (code, "docs/testing.md" in messages) == (5, True)
    code, _, messages = await run_command(home, "test", "nowhere")
    assert (code, "no file or directory nowhere" in messages) == (2, True)


async def test_a_report_for_ci(home: Path) -> None:
    """JUnit in a file while a person reads text; on GitHub annotations, and no text that gives orders."""
    (home / "rules" / "a.test.yaml").write_text(FAILS)
    code, printed, _ = await run_command(home, "test", "--format", "junit", "-o", "report.xml")
    assert (code, "FAILED rules/a.test.yaml:2" in printed) == (1, True)
    root = ElementTree.parse(home / "report.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    [case] = root.findall(".//testcase[failure]")
    assert (case.get("name"), case.get("file"), case.get("line")) == ("nobody & everybody", "rules/a.test.yaml", "2")
    assert "user.age >= 18" in (case[0].text or "")
    code, printed, _ = await run_command(home, "test", GITHUB_ACTIONS="true", FORCE_COLOR="1")
    annotations = [line for line in printed.splitlines() if line.startswith("::error file=")]
    assert len(annotations) == 1
    assert annotations[0].startswith("::error file=rules/a.test.yaml,line=5,title=nobody & everybody::")
    assert "\x1b" not in annotations[0]
    assert printed.index("::stop-commands::") < printed.index("FAILED")


async def test_what_cannot_be_used_is_told_and_the_rest_is_played(home: Path) -> None:
    """A scenario file, a rule and a template with a mistake: each fails its own tests and no others."""
    (home / "rules" / "b.test.yaml").write_text("tests: [ { name: t, steps: [ { advnce: 5m } ] } ]\n")
    (home / "rules" / "broken.yaml").write_text(RULE.replace("id: greet", "id: broken").replace(">=", "=>"))
    (home / "templates").mkdir()
    (home / "templates" / "bad.txt").write_text("Hi {{ name\n")
    code, printed, messages = await run_command(home, "test", "--json")
    told = json.loads(printed)
    assert (code, messages) == (1, "")
    assert {item["rule"]: item["status"] for item in told["items"]} == {
        None: "passed",
        "broken": "failed",
        "greet": "passed",
    }
    assert [(problem["path"], problem["code"]) for problem in told["problems"]] == [
        ("rules/b.test.yaml", "AF602"),
        ("rules/broken.yaml", "AF222"),
        ("templates/bad.txt", "AF300"),
    ]


async def test_validate_looks_at_tests_too(home: Path) -> None:
    """At their form, in scenario files and inside rules."""
    (home / "rules" / "greet.test.yaml").write_text(PASSES.replace("emit", "emti"))
    (home / "rules" / "greet.yaml").write_text(RULE.replace("expect:", "expects:"))
    code, printed, _ = await run_command(home, "validate", "--json")
    found = [(item["path"], item["line"], item["code"]) for item in json.loads(printed)["items"]]
    assert (code, found) == (1, [("rules/greet.test.yaml", 5, "AF602"), ("rules/greet.yaml", 10, "AF602")])
