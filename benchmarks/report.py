"""The figures for people: a Markdown page, and the same on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure
from benchmarks.goals import GOALS, Goal

HEAD = """\
# Results

Made by `{command}` on {date} ({commit}); {seconds:.0f} s in all. What is measured and how: `docs/performance.md`.

{machine}

Each figure is the median of its rounds, with the lowest and the highest in brackets. Rounds of autoflow and of what
stands beside it alternate in one run; the ratio is the median of the pairs' ratios. Absolute figures move with the
machine: compare ratios, and trust differences above 1.5 times.
"""
GOALS_HEAD = """
## What is asked of them

`hold` is the least, `reach` is where it should end; where less is better, both stand behind "at most".

| work | beside | measured | hold | reach | verdict |
|---|---|---|---|---|---|
"""
SOAK = (
    "| an hour at 200 events/s with a failing sink | itself at the start | by `make soak`, told in `soak.md` | flat "
    "| flat for a day | |"
)
LIMITS_HEAD = """
## What limits them

"""
ALL_HEAD = """
## All figures

| what | autoflow | beside it | ratio |
|---|---|---|---|
"""
CHART = """
## How cost grows

![Cost of an event by the number of rules, stored events and pending triggers](results.svg)

Whole lines are autoflow, dashed ones what stands beside it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a page says about the run that it tells of."""

    command: str
    date: str
    commit: str
    seconds: float
    machine: Mapping[str, str]


def write_page(figures: Sequence[Figure], gaps: Mapping[str, str], failed: Mapping[str, str], origin: Origin) -> str:
    """The page `results.md`. Why something was not measured is told by goal in `gaps`, by subject in `failed`."""
    facts = "\n".join(f"- {name}: {text}" for name, text in origin.machine.items())
    head = HEAD.format(
        command=origin.command, date=origin.date, commit=origin.commit, seconds=origin.seconds, machine=facts
    )
    goals = "\n".join([*(_join(row) for row in write_goals(figures, gaps)), SOAK, ""])
    limits = "".join(f"- **{goal.what}**: {goal.limit}\n" for goal in GOALS.values())
    rows = "".join(_join(row) + "\n" for row in write_lines(figures))
    missing = "".join(f"\nNot measured: {name}: {reason}\n" for name, reason in failed.items())
    return head + GOALS_HEAD + goals + LIMITS_HEAD + limits + CHART + ALL_HEAD + rows + missing


def write_goals(figures: Iterable[Figure], gaps: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Each goal that was answered, or of which it is known why not: work, beside, measured, hold, reach, verdict."""
    answers = {key: figure for figure in figures for key in figure.goals}
    return [
        _goal_row(key, goal, answers.get(key), gaps) for key, goal in GOALS.items() if key in answers or key in gaps
    ]


def write_lines(figures: Iterable[Figure]) -> list[tuple[str, ...]]:
    """What, the figure, its reference, the ratio: for a terminal."""
    return [(figure.name, _value(figure), _beside(figure), _ratio(figure)) for figure in figures]


def _goal_row(key: str, goal: Goal, figure: Figure | None, gaps: Mapping[str, str]) -> tuple[str, ...]:
    value = None if figure is None else goal.read(figure)
    asked = [f"{'at most ' if goal.less else ''}{_number(number)} {goal.unit}" for number in (goal.hold, goal.reach)]
    if value is None:
        return goal.what, goal.beside, f"not measured: {gaps.get(key, 'there is no figure')}", *asked, ""
    return goal.what, goal.beside, f"{_number(value)} {goal.unit}", *asked, goal.judge(value).value


def _join(row: Iterable[str]) -> str:
    return f"| {' | '.join(row)} |"


def _value(figure: Figure) -> str:
    spread = f" ({_number(figure.lowest)} to {_number(figure.highest)})" if figure.rounds > 1 else ""
    return f"{_number(figure.value)} {figure.unit}{spread}{_also(figure.also)}"


def _beside(figure: Figure) -> str:
    if figure.beside is None:
        return ""
    if figure.beside_value is None:
        return figure.beside
    return f"{figure.beside}: {_number(figure.beside_value)} {figure.unit}{_also(figure.beside_also)}"


def _also(also: Mapping[str, float]) -> str:
    return "".join(f"; {_words(name)} {_number(value)}{_unit(name)}" for name, value in also.items())


def _words(name: str) -> str:
    return name.removesuffix("_ms").removesuffix("_mib").replace("_per_second", "/s").replace("_", " ")


def _unit(name: str) -> str:
    return " ms" if name.endswith("_ms") else " MiB" if name.endswith("_mib") else ""


def _ratio(figure: Figure) -> str:
    return "" if figure.ratio is None else _number(figure.ratio)


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
