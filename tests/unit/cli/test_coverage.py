"""`autoflow test --coverage`: what tests have seen of the rules, what their files ask for, and how it is told."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from autoflow.app.rehearsal import make_world
from autoflow.cli.coverage import add_to_summary, is_under, write_coverage
from autoflow.cli.scenario_reports import Report
from autoflow.rules.loaded import make_context
from autoflow.templates import TemplateLibrary
from autoflow.testing.coverage_run import CoverageRun
from autoflow.testing.playing import choose, play_files
from autoflow.testing.reader import read_scenarios
from support.scenarios import settings_in

RULE = """\
id: greet
trigger: { event: user.created }
when:
  - user.age >= 18
  - user.name exists
actions:
  - log: { message: "Hello, {{ user.name }}" }
  - emit: { type: user.greeted, data: { name: "{{ user.name }}" } }
"""
OTHER = "id: other\ntrigger: { event: order.created }\nactions: [ log: { message: x } ]\n"
TESTS = """\
tests:
  - name: grown up
    steps:
      - emit: { type: user.created, data: { user: { name: Eve, age: 30 } } }
        expect: { actions: 2 }
  - name: too young
    steps:
      - emit: { type: user.created, data: { user: { age: 3 } } }
        expect: { actions: [] }
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two rules, one of which has tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "greet.yaml").write_text(RULE)
    (tmp_path / "rules" / "other.yaml").write_text(OTHER)
    (tmp_path / "rules" / "greet.test.yaml").write_text(TESTS)
    return tmp_path


def play(home: Path, *, form: str = "text", whole: bool = True, word: str | None = None) -> Report:
    """As the command plays them."""
    settings = settings_in(home)
    read = read_scenarios([Path("rules")], timezone="UTC")
    library = TemplateLibrary.load(settings.templates)
    context = make_context(settings.notifiers, library)
    report = Report(form=form, output=None, verbose=False, problems=read.problems)
    with make_world(settings, context, library) as world:
        seen = CoverageRun(world.rules, context.action_types, whole=whole)
        chosen = choose(read.scenarios, word)
        asyncio.run(play_files(read.files, chosen, world, report.tell, watch=seen.watch))
        report.coverage, report.goals = seen.report(), seen.goals(report.every)
    report.end()
    return report


def test_what_was_not_seen_is_told_by_file_and_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of all rules that the tests were played with, in the order of their files."""
    report = play(home, word="grown")
    assert capsys.readouterr().out.splitlines()[2:-2] == [
        "greet: comparisons 0 of 2, actions 2 of 2, 1 event",
        "other: actions 0 of 1, 0 events",
        "",
        "rules/greet.yaml:4:5: user.age >= 18 was never false (greet)",
        "rules/greet.yaml:5:5: user.name exists was never false (greet)",
        "rules/other.yaml:3:12: action 1, log, was never performed (other)",
        "",
        "coverage 40 % of 2 rules (comparisons 0 of 2, actions 2 of 3)",
    ]
    assert report.is_well


def test_a_percentage_can_be_asked_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly that much is enough; what is missing is said."""
    coverage = play(home).coverage
    assert coverage is not None
    assert not is_under(coverage, 80)
    assert is_under(coverage, 80.5)
    assert capsys.readouterr().err == "coverage 80 % is under 80.5 %\n"


def test_a_scenario_file_asks_for_what_its_own_tests_see(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the rules in the rule file of its name: others, and what other files see, are no concern of it."""
    path = home / "rules" / "greet.test.yaml"
    path.write_text(TESTS + "coverage: { leaves: 100, actions: 100 }\n")
    report = play(home, whole=False)
    assert report.is_well
    assert report.coverage is None
    path.write_text(TESTS.replace("age: 3 ", "age: 3, name: x ") + "coverage: { leaves: 100, actions: 100 }\n")
    capsys.readouterr()
    report = play(home, whole=False)
    assert not report.is_well
    assert capsys.readouterr().out.splitlines()[2:-2] == [
        "NOT COVERED rules/greet.test.yaml:10: 100 % of the comparisons are wanted, 1 of 2 were seen",
        "  rules/greet.yaml:5:5: user.name exists was never false (greet)",
    ]


def test_what_a_file_asks_of_all_its_tests_is_not_asked_of_some(home: Path) -> None:
    """With -k the others may see it."""
    (home / "rules" / "greet.test.yaml").write_text(TESTS + "coverage: { leaves: 100 }\n")
    assert play(home, whole=False, word="young").is_well


def test_a_file_whose_tests_fail_is_asked_for_nothing_more(home: Path) -> None:
    """A test that failed has ended early: what it would have seen nobody knows."""
    broken = TESTS.replace("actions: 2", "actions: 7") + "coverage: { leaves: 100 }\n"
    (home / "rules" / "greet.test.yaml").write_text(broken)
    report = play(home, whole=False)
    assert not report.is_well
    assert report.goals == ()


def test_a_file_that_names_its_rules_asks_for_those(home: Path) -> None:
    """Written out in the file itself, their places are lines of that file."""
    text = (
        "rules:\n"
        + "".join(f"  {'- ' if n == 0 else '  '}{line}\n" for n, line in enumerate(RULE.splitlines()))
        + TESTS.partition("  - name: too")[0]
        + "coverage: { leaves: 50 }\n"
    )
    (home / "rules" / "greet.test.yaml").write_text(text)
    [goal] = play(home, whole=False).goals
    assert not goal.is_met
    assert [leaf.at.place.line for rule in goal.coverage.rules for leaf in rule.leaves] == [5, 6]
    assert {leaf.at.path for rule in goal.coverage.rules for leaf in rule.leaves} == {"rules/greet.test.yaml"}


def test_another_part_cannot_be_asked_for(home: Path) -> None:
    """With what can be."""
    (home / "rules" / "greet.test.yaml").write_text(TESTS + "coverage: { leafs: 100, actions: 101 }\n")
    problems = read_scenarios([Path("rules")]).problems
    assert (problems[0].line, problems[0].hint) == (10, "did you mean leaves?")
    assert len(problems) == 2


def test_other_programs_get_the_same(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON holds coverage and goals, JUnit a case for each goal, GitHub an annotation for each that is not met."""
    (home / "rules" / "greet.test.yaml").write_text(
        TESTS.replace("age: 3", "age: 33") + "coverage: { leaves: 100 }\n"
    )
    play(home, form="json")
    told = json.loads(capsys.readouterr().out)
    assert told["coverage"]["leaves"] == {"covered": 1, "total": 2, "percent": 50.0}
    assert told["goals"] == [
        {
            "path": "rules/greet.test.yaml", "line": 10, "part": "leaves", "wanted": 100, "covered": 1, "total": 2,
            "met": False, "missing": ["rules/greet.yaml:4:5: user.age >= 18 was never false (greet)"],
        }
    ]  # fmt: skip
    play(home, form="junit")
    tree = ElementTree.fromstring(capsys.readouterr().out)
    [case] = [one for one in tree.iter("testcase") if one.get("name") == "coverage of leaves"]
    assert case.find("failure") is not None
    play(home, form="github")
    out = capsys.readouterr().out
    assert "::error file=rules/greet.test.yaml,line=10" in out.replace("title=coverage,", "").replace(
        ",title=coverage", ""
    )
    assert "100 %25 of the comparisons are wanted" in out


def test_coverage_can_be_kept_in_a_file(home: Path) -> None:
    """As Markdown by its name, else as JSON; and on the page of a step, behind what stands there."""
    coverage = play(home).coverage
    assert coverage is not None
    write_coverage(coverage, home / "c.md")
    write_coverage(coverage, home / "c.json")
    assert (home / "c.md").read_text().startswith("### Rule coverage: 80 %\n")
    assert json.loads((home / "c.json").read_text())["percent"] == 80.0
    add_to_summary(coverage)
    page = home / "page.md"
    page.write_text("before\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_STEP_SUMMARY", str(page))
        add_to_summary(coverage)
    assert page.read_text().startswith("before\n### Rule coverage")
