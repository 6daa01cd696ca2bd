"""The figures for people: a Markdown page, and the same on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.figures import Figure

HEAD = """\
# Results

Made by `{command}` on {date} ({commit}); {seconds:.0f} s in all. What is measured and how: `docs/performance.md`.

{machine}

Each figure is the median of its rounds, with the lowest and the highest in brackets. Rounds of autoflow and of its
reference alternate in one run; the ratio is the median of the pairs' ratios. Absolute figures move with the machine:
compare ratios.

| what | autoflow | beside it | ratio |
|---|---|---|---|
"""


def write_page(
    figures: Sequence[Figure], machine: Mapping[str, str], *, command: str, date: str, commit: str, seconds: float
) -> str:
    """The page `results.md`."""
    facts = "\n".join(f"- {name}: {text}" for name, text in machine.items())
    head = HEAD.format(command=command, date=date, commit=commit, seconds=seconds, machine=facts)
    return head + "\n".join(_row(figure) for figure in figures) + "\n"


def write_lines(figures: Iterable[Figure]) -> list[tuple[str, str, str, str]]:
    """What, the figure, its reference, the ratio: for a terminal."""
    return [(figure.name, _value(figure), _beside(figure), _ratio(figure)) for figure in figures]


def _row(figure: Figure) -> str:
    return f"| {figure.name} | {_value(figure)} | {_beside(figure)} | {_ratio(figure)} |"


def _value(figure: Figure) -> str:
    spread = f" ({_number(figure.lowest)} to {_number(figure.highest)})" if figure.rounds > 1 else ""
    return f"{_number(figure.value)} {figure.unit}{spread}{_also(figure.also)}"


def _beside(figure: Figure) -> str:
    if figure.beside is None or figure.beside_value is None:
        return ""
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
