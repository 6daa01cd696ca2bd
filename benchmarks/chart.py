"""The chart: how the cost of an event grows with what there is of rules, stored events and pending triggers.

Logarithmic on both axes, so that a cost in proportion to the number is a straight slope and a cost that does not
grow is level. Whole lines are autoflow, dashed ones are what stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.figures import Figure

WIDTH, HEIGHT = 380, 330
LEFT, TOP, RIGHT, BOTTOM = 58, 34, 36, 92
COLOURS = ("#1f6feb", "#bf3989", "#1a7f37", "#9a6700")
_STYLE = "text{font:12px sans-serif;fill:#57606a}.title{font-weight:bold}.grid{stroke:#8c959f;stroke-opacity:.3}"

Places = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a panel: (how many there were, microseconds an event)."""

    name: str
    places: Places
    #: what stands beside it, at the same places
    beside: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One axis, in whole powers of ten."""

    low: int
    high: int
    begin: float
    end: float

    def place(self, value: float) -> float:
        """Where a value stands, in pixels."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self) -> list[float]:
        """Each power of ten."""
        return [10.0**power for power in range(self.low, self.high + 1)]


def draw_chart(figures: Iterable[Figure]) -> str:
    """An SVG picture with a panel for each kind of growth."""
    panels = _gather(figures)
    drawn = [_draw_panel(of, lines, number * WIDTH) for number, (of, lines) in enumerate(panels.items())]
    width = max(1, len(panels)) * WIDTH
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}">'
    )
    return "\n".join([head, f"<style>{_STYLE}</style>", *drawn, "</svg>", ""])


def _gather(figures: Iterable[Figure]) -> dict[str, list[Line]]:
    """The lines of each panel, in the order of the figures."""
    found: dict[str, dict[str, list[Figure]]] = {}
    for figure in figures:
        if figure.point is not None:
            found.setdefault(figure.point.of, {}).setdefault(figure.point.line, []).append(figure)
    return {of: [_make_line(name, points) for name, points in lines.items()] for of, lines in found.items()}


def _make_line(name: str, figures: Sequence[Figure]) -> Line:
    own, beside = [], []
    for figure in figures:
        assert figure.point is not None
        own.append((float(figure.point.count), 1e6 / figure.value))
        if figure.beside_value and figure.point.of == "rules":  # elsewhere it is the line's own first point
            beside.append((float(figure.point.count), 1e6 / figure.beside_value))
    return Line(name=name, places=sorted(own), beside=sorted(beside))


def _draw_panel(of: str, lines: Sequence[Line], offset: float) -> str:
    places = [place for line in lines for place in (*line.places, *line.beside)]
    across = _scale([count for count, _ in places], LEFT, WIDTH - RIGHT)
    up = _scale([cost for _, cost in places], HEIGHT - BOTTOM, TOP)
    parts = [f'<g transform="translate({offset:.0f} 0)">', _text(LEFT, 18, f"µs an event, by {of}", "title")]
    parts += [_draw_tick(across, value, upright=True) for value in across.ticks()]
    parts += [_draw_tick(up, value, upright=False) for value in up.ticks()]
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_draw_line(line.places, across, up, f'stroke="{colour}" stroke-width="2"'))
        if line.beside:
            parts.append(_draw_line(line.beside, across, up, f'stroke="{colour}" stroke-dasharray="3 4"'))
        height = HEIGHT - BOTTOM + 38 + 16 * number
        parts.append(f'<rect x="{LEFT}" y="{height - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(LEFT + 16, height, line.name))
    return "\n".join([*parts, "</g>"])


def _scale(values: Iterable[float], begin: float, end: float) -> Scale:
    powers = [math.log10(value) for value in values]
    low = math.floor(min(powers))
    return Scale(low=low, high=max(low + 1, math.ceil(max(powers))), begin=begin, end=end)


def _draw_line(places: Places, across: Scale, up: Scale, style: str) -> str:
    corners = " ".join(f"{across.place(count):.1f},{up.place(cost):.1f}" for count, cost in places)
    return f'<polyline points="{corners}" fill="none" {style}/>'


def _draw_tick(scale: Scale, value: float, *, upright: bool) -> str:
    at = scale.place(value)
    label = f"{value:,.0f}" if value >= 1 else f"{value:g}"
    if upright:
        line = f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        return line + _text(at, HEIGHT - BOTTOM + 16, label, anchor="middle")
    line = f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
    return line + _text(LEFT - 6, at + 4, label, anchor="end")


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
