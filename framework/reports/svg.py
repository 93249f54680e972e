"""A chart as an inline SVG: sharp at every size, its colours the page's own, and every marked point says its numbers.

Written by hand rather than by matplotlib: a fifth of the bytes, no second to import it, dark mode by the style sheet's
variables, and text that stays readable on a telephone. No script: what a point says is its `<title>`.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

from .chart import COLOURS, Band, Chart, Interval, Layer, Level, Line, Stairs
from .scale import Scale, short

WIDTH, HEIGHT = 480, 280
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 50  # room for ticks at the size that a telephone needs
MOST_POINTS = 240  # of a line: the eye sees no more
MOST_MARKS = 40


def draw(chart: Chart) -> Markup:
    """The chart, without title and legend, which are the page's."""
    rows = [layer for layer in chart.layers if isinstance(layer, Interval)]
    if rows:
        return intervals(chart, rows)
    frame = Frame(chart)
    parts = [*frame.axes(), *(part for layer in chart.layers for part in frame.layer(layer))]
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, said(chart), Markup("").join(parts)
    )


def swatch(layer: Layer) -> Markup:
    """A small piece of a layer, for the legend."""
    colour = colour_class(layer)
    if isinstance(layer, Band):
        inside = Markup('<rect class="fill" x="0" y="2" width="22" height="10" opacity="{}"/>').format(layer.strength)
    else:
        style = "dashed" if dashed(layer) else "thin" if getattr(layer, "thin", False) else "line"
        inside = Markup('<path class="{}" d="M0 7H22"/>').format(style)
    return Markup('<svg class="swatch {}" viewBox="0 0 22 14" aria-hidden="true">{}</svg>').format(colour, inside)


def said(chart: Chart) -> str:
    """The chart in words, for who does not see it: its title, and where each line ends."""
    ends = [
        f"{layer.label} ends at {short(last[-1])}"
        for layer in chart.layers
        if isinstance(layer, Line) and not layer.thin and (last := [y for y in layer.y if math.isfinite(y)])
    ]
    ends += [f"{layer.label}: {short(layer.value)}" for layer in chart.layers if isinstance(layer, Interval)]
    return f"{chart.title}. Across: {chart.x_label}. " + "; ".join(ends[:8])


def colour_class(layer: Layer) -> str:
    colour = getattr(layer, "colour", None)
    return "c-grey" if colour is None or colour == COLOURS else f"c{colour % COLOURS}"


def dashed(layer: Layer) -> bool:
    """Beyond the colours that are told apart, lines are told apart by dashes."""
    return getattr(layer, "dashed", isinstance(layer, Level)) or getattr(layer, "colour", 0) > COLOURS


class Frame:
    """Where a chart's numbers lie on the paper."""

    def __init__(self, chart: Chart) -> None:
        self.chart, self.x, self.y = chart, chart.x_scale(), chart.y_scale()

    def across(self, x: float) -> float:
        return round(LEFT + self.x.share(x) * (WIDTH - LEFT - RIGHT), 1)

    def up(self, y: float) -> float:
        return round(HEIGHT - BOTTOM - self.y.share(y) * (HEIGHT - TOP - BOTTOM), 1)

    def axes(self) -> Iterator[Markup]:
        """Grid, ticks and the horizontal axis's label."""
        for tick, name in ticks(self.y):
            yield Markup('<path class="grid" d="M{} {}H{}"/>').format(LEFT, self.up(tick), WIDTH - RIGHT)
            yield text(LEFT - 6, self.up(tick) + 4, name, "end")
        yield from self.floor(HEIGHT - BOTTOM)

    def floor(self, floor: float) -> Iterator[Markup]:
        """The horizontal axis at this height."""
        yield Markup('<path class="axis" d="M{} {}H{}"/>').format(LEFT, floor, WIDTH - RIGHT)
        for tick, name in ticks(self.x):
            at = self.across(tick)
            yield Markup('<path class="axis" d="M{} {}v4"/>').format(at, floor)
            yield text(at, floor + 18, name, "end" if at > WIDTH - RIGHT - 12 else "middle")
        yield text((LEFT + WIDTH - RIGHT) / 2, floor + BOTTOM - 8, self.chart.x_label, "middle")

    def layer(self, layer: Layer) -> Iterator[Markup]:
        """One layer's shapes."""
        drawn = list(self.shapes(layer))
        if drawn:
            yield Markup('<g class="{}">{}</g>').format(colour_class(layer), Markup("").join(drawn))

    def shapes(self, layer: Layer) -> Iterator[Markup]:
        if isinstance(layer, Band):
            yield from self.band(layer)
        elif isinstance(layer, Level):
            yield Markup('<path class="dashed" d="M{} {}H{}"/>').format(LEFT, self.up(layer.y), WIDTH - RIGHT)
            above = self.up(layer.y) - 5 if self.up(layer.y) > TOP + 6 else self.up(layer.y) + 15
            if layer.label:
                yield text(WIDTH - RIGHT - 2, above, f"{layer.label} {short(layer.y)}", "end", "level")
        elif isinstance(layer, Stairs):
            corners = [(x, y) for ends, y in zip(pairwise(layer.edges), layer.values, strict=True) for x in ends]
            path = self.path(corners)
            yield Markup('<path class="{}" d="{}"/>').format("thin" if layer.thin else "line", path)
        elif isinstance(layer, Line):
            yield from self.line(layer)

    def band(self, layer: Band) -> Iterator[Markup]:
        rows = [row for row in zip(layer.x, layer.low, layer.high, strict=True) if all(map(math.isfinite, row))]
        rows = thinned(rows)
        if len(rows) == 1:  # one measurement: its spread is an upright line
            (x, low, high) = rows[0]
            yield Markup('<path class="line" opacity="{}" d="M{} {}V{}"/>').format(
                2 * layer.strength, self.across(x), self.up(low), self.up(high)
            )
        if len(rows) < 2:
            return
        there = [(x, high) for x, _, high in rows]
        back = [(x, low) for x, low, _ in reversed(rows)]
        yield Markup('<path class="fill" opacity="{}" d="{}Z"/>').format(layer.strength, self.path([*there, *back]))

    def line(self, layer: Line) -> Iterator[Markup]:
        style = "dashed" if dashed(layer) else "thin" if layer.thin else "line"
        points = thinned(list(zip(layer.x, layer.y, strict=True)))
        yield Markup('<path class="{}" d="{}"/>').format(style, self.path(points))
        seen = [(x, y) for x, y in points if math.isfinite(y)]
        if not layer.marks or (len(seen) > MOST_MARKS and len(points) > 1):
            return
        for x, y in seen:
            says = f"{layer.label}: {self.y.name(y)} at {self.x.name(x)} {self.chart.x_label}"
            radius = 2 if layer.thin else 3.2
            yield Markup('<circle class="mark" cx="{}" cy="{}" r="{}"><title>{}</title></circle>').format(
                self.across(x), self.up(y), radius, says
            )

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """Joined points; what is not finite is a gap."""
        words, pen = [], "M"
        for x, y in points:
            if math.isfinite(y):
                words.append(f"{pen}{self.across(x):g} {self.up(y):g}")
                pen = "L"
            else:
                pen = "M"
        return "".join(words)


ROW = 46  # the height of one interval


def intervals(chart: Chart, rows: Sequence[Interval]) -> Markup:
    """A row for each: its name, and below it the interval, its middle and what it was made of."""
    frame, floor = Frame(chart), TOP + ROW * len(rows)
    parts = list(frame.floor(floor))
    for i, row in enumerate(rows):
        middle = TOP + ROW * i + 32
        inside = [
            Markup('<path class="line" d="M{} {}H{}"/>').format(frame.across(row.low), middle, frame.across(row.high)),
            *(
                Markup('<circle class="ring" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>').format(
                    frame.across(x), middle, short(x)
                )
                for x in row.each
            ),
            Markup('<circle class="mark" cx="{}" cy="{}" r="5.5"><title>{}</title></circle>').format(
                frame.across(row.value),
                middle,
                f"{row.label}: {short(row.value)}, {short(row.low)} to {short(row.high)}",
            ),
        ]
        parts.append(text(LEFT, middle - 14, row.label, "start", "row-name"))
        parts.append(Markup('<g class="{}">{}</g>').format(colour_class(row), Markup("").join(inside)))
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, floor + BOTTOM, said(chart), Markup("").join(parts)
    )


def ticks(scale: Scale) -> list[tuple[float, str]]:
    return [(tick, scale.name(tick)) for tick in scale.ticks]


def text(x: float, y: float, words: str, anchor: str, style: str = "tick") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        style, round(x, 1), round(y, 1), anchor, escape(words)
    )


def thinned(points: list[Any]) -> list[Any]:
    """At most `MOST_POINTS`, evenly spread, the last one among them."""
    if len(points) <= MOST_POINTS:
        return points
    return [points[round(i * (len(points) - 1) / (MOST_POINTS - 1))] for i in range(MOST_POINTS)]
