"""What is told of measurements: verdicts, what was not measured, the chart; and that one failure is only one."""

import argparse
import itertools
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks import __main__ as program
from benchmarks.bench import Bench
from benchmarks.catalogue import SUBJECTS, Subject
from benchmarks.chart import HEIGHT, draw_chart
from benchmarks.figures import Figure, Round, make_figure
from benchmarks.goals import GOALS, Verdict
from benchmarks.processes import BenchmarkError
from benchmarks.report import Origin, write_goals, write_page

ORIGIN = Origin(command="x", date="today", commit="c", seconds=1.0, machine={"disk": "fast"})


def figure(value: float, reference: float) -> Figure:
    """A figure of one round beside one."""
    return make_figure("something", "events/s", [Round(value=value)], "another", [Round(value=reference)])


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        ("intake", 1.0, Verdict.REACHED),
        ("intake", 0.4, Verdict.HELD),
        ("intake", 0.39, Verdict.SHORT),
        ("load", 2.0, Verdict.REACHED),
        ("load", 4.0, Verdict.HELD),
        ("load", 4.01, Verdict.SHORT),
    ],
)
def test_a_verdict_knows_which_way_is_better(goal: str, value: float, verdict: Verdict) -> None:
    """At the mark counts as there, whether more or less is better."""
    assert GOALS[goal].judge(value) is verdict


def test_reach_is_never_easier_than_hold() -> None:
    """Whoever reaches also holds."""
    for key, goal in GOALS.items():
        assert goal.reach < goal.hold if goal.less else goal.reach > goal.hold, key


def test_every_goal_is_answered_by_one_subject() -> None:
    """No row of the table is nobody's, and none has two answers."""
    named = [goal for subject in SUBJECTS.values() for goal in subject.goals]
    assert sorted(named) == sorted(GOALS)


def test_a_row_has_hold_reach_and_verdict() -> None:
    """The ratio is judged; what stands beside it, and both marks, are told."""
    (row,) = write_goals([figure(30.0, 60.0).toward("lines")], {})
    assert row[1:] == ("SQLite alone inserting the same rows", "0.5 times", "0.5 times", "0.9 times", "held")


def test_what_was_not_measured_is_told_with_its_reason() -> None:
    """A row without a figure says why; so does a subject that failed, on the page."""
    (row,) = write_goals([], {"job": "node-red is not installed"})
    assert "node-red is not installed" in row[2]
    assert row[-1] == ""
    page = write_page([figure(1.0, 2.0)], {}, {"validate": "it broke"}, ORIGIN)
    assert "Not measured: validate: it broke" in page


def test_the_page_says_what_limits_every_goal() -> None:
    """A word on each, whether it was measured or not."""
    page = write_page([], {}, {}, ORIGIN)
    assert all(goal.limit in page for goal in GOALS.values())


def test_one_failure_stops_nothing_else(tmp_path: Path) -> None:
    """The goals of a measure that fails have its reason; the next one is measured, and the run is not a success."""

    def fail(bench: Bench) -> list[Figure]:
        raise BenchmarkError("the server did not come up:\nTraceback\nOSError: no room")

    def succeed(bench: Bench) -> list[Figure]:
        bench.leave_out("not installed", "job")
        return [figure(9.0, 10.0).toward("single")]

    subjects = [
        Subject(name="one", words="", measure=fail, goals=("intake",)),
        Subject(name="two", words="", measure=succeed, goals=("single", "job")),
    ]
    options = argparse.Namespace(seconds=0.5, rounds=1, quick=True)
    run = program._measure(subjects, options, tmp_path)
    assert [one.goals for one in run.figures] == [("single",)]
    assert run.gaps == {"intake": "the server did not come up: OSError: no room", "job": "not installed"}
    assert list(run.failed) == ["one"]


def test_what_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A measure without an end is a measure that fails, and what no time is left for is told."""

    def hang(bench: Bench) -> list[Figure]:
        while True:
            bench.tell("on and on")

    monkeypatch.setattr(program, "SUBJECT_SECONDS", 0.01)
    options = argparse.Namespace(seconds=0.5, rounds=1, quick=True)
    (tmp_path / "again").mkdir()
    run = program._measure([Subject(name="one", words="", measure=hang, goals=("intake",))], options, tmp_path)
    assert "more than" in run.gaps["intake"]
    monkeypatch.setattr(program, "ALL_SECONDS", 0.0)
    run = program._measure(
        [Subject(name="one", words="", measure=hang, goals=("intake",))], options, tmp_path / "again"
    )
    assert run.gaps["intake"] == "no time was left for it"


def test_the_chart_has_a_line_for_each_growth() -> None:
    """Well-formed; a panel for each kind, the reference dashed, and a higher cost stands higher."""
    figures = [
        figure(1e6 / cost, 1e6 / (2 * cost)).at("rules", "by <equality>", count)
        for count, cost in ((1, 1.0), (100, 10.0), (10_000, 100.0))
    ]
    figures.append(figure(1.0, 1.0))
    root = ElementTree.fromstring(draw_chart(figures))
    space = "{http://www.w3.org/2000/svg}"
    own, beside = root.findall(f".//{space}polyline")
    assert beside.get("stroke-dasharray")
    heights = [float(place.split(",")[1]) for place in str(own.get("points")).split()]
    assert heights == sorted(heights, reverse=True)
    assert all(0 < height < HEIGHT for height in heights)
    steps = [one - other for one, other in itertools.pairwise(heights)]
    assert math.isclose(*steps, rel_tol=0.01), "ten times the cost is one step, anywhere on the axis"
    assert any(text.text == "by <equality>" for text in root.iter(f"{space}text"))


def test_the_catalogue_stands_in_the_page_of_the_docs() -> None:
    """Whoever reads how it is measured finds the commands that measure it."""
    text = (Path(__file__).parents[3] / "docs" / "performance.md").read_text()
    for command in ("make bench", "make bench-quick", "make bench-peers", "make soak"):
        assert re.search(rf"`{command}[` ]", text), command
