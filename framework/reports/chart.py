"""What a chart says, before it is drawn: layers over two axes, in words that also make its legend and its table."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .scale import Scale, linear, logarithmic, named

COLOURS = 6  # told apart; the page's style sheet has them for light and for dark
GREY = COLOURS  # the number of the colour of what others are held against


@dataclass(frozen=True)
class Line:
    """Values over x, joined; `thin` for one seed of many, `dashed` for what others are held against."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int = 0
    thin: bool = False
    dashed: bool = False
    marks: bool = True


@dataclass(frozen=True)
class Band:
    """Everything between two lines, covered by `strength`, at most 1."""

    label: str
    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    colour: int = 0
    strength: float = 0.22


@dataclass(frozen=True)
class Level:
    """A dashed line across the chart, named in it where it has a label."""

    label: str
    y: float
    colour: int = GREY


@dataclass(frozen=True)
class Stairs:
    """A histogram's outline: `values[i]` between `edges[i]` and `edges[i + 1]`."""

    label: str
    edges: Sequence[float]
    values: Sequence[float]
    colour: int = 0
    thin: bool = False


@dataclass(frozen=True)
class Interval:
    """A number with the ends of its interval and what it was made of, along the horizontal axis: a row of its own."""

    label: str
    value: float
    low: float
    high: float
    each: Sequence[float] = ()
    colour: int = 0


Layer = Line | Band | Level | Stairs | Interval


@dataclass(frozen=True)
class Chart:
    """One question, answered by layers.

    Attributes:
        title: the question, in the reader's words.
        x_label: of the horizontal axis.
        layers: drawn in this order.
        reading: how to read it, a sentence.
        log: whether the vertical axis is logarithmic.
        x_named: values that the horizontal axis names, on a logarithmic scale.
        within: ends of the vertical axis; by the data without.
        percent: whether the vertical axis counts in percent; `x_percent` likewise.
        zero: whether the vertical axis begins at zero.
    """

    title: str
    x_label: str
    layers: Sequence[Layer]
    reading: str = ""
    log: bool = False
    x_named: Sequence[float] = ()
    within: tuple[float, float] | None = None
    percent: bool = False
    x_percent: bool = False
    zero: bool = False
    legend: bool = field(default=True, kw_only=True)

    def x_scale(self) -> Scale:
        if self.x_named:
            return named(self.x_named)
        values = [x for x, _ in self.points()]
        touching = not any(isinstance(layer, Interval) for layer in self.layers)
        ends = (min(values), max(values)) if touching and values and max(values) > min(values) else None
        return _percent(linear(values, within=ends), self.x_percent)

    def y_scale(self) -> Scale:
        if self.within:
            return _percent(linear((), within=self.within), self.percent)
        values = [y for _, y in self.points()]
        levels = [layer for layer in self.layers if isinstance(layer, Level)]
        values += [layer.y for layer in levels]
        if values and any(layer.label for layer in levels):  # whose names stand above them
            values.append(max(values) + 0.06 * (max(values) - min(values)))
        if self.log and any(y > 0 for y in values):
            return logarithmic(values)
        scale = linear(values)
        if self.zero:
            scale = linear((), within=(0.0, max(scale.high if max(values, default=0) > 0 else 0.01, 1e-9)))
        return _percent(scale, self.percent)

    def points(self) -> Iterator[tuple[float, float]]:
        """Every finite point of every layer."""
        for layer in self.layers:
            if isinstance(layer, Line):
                pairs = list(zip(layer.x, layer.y, strict=True))
            elif isinstance(layer, Band):
                pairs = [pair for ends in (layer.low, layer.high) for pair in zip(layer.x, ends, strict=True)]
            elif isinstance(layer, Stairs):
                pairs = [(x, y) for ends, y in zip(pairwise(layer.edges), layer.values, strict=True) for x in ends]
            elif isinstance(layer, Interval):
                pairs = [(x, 0.0) for x in (layer.low, layer.value, layer.high, *layer.each)]
            else:
                continue
            yield from (pair for pair in pairs if all(map(math.isfinite, pair)))


def _percent(scale: Scale, percent: bool) -> Scale:
    return Scale(scale.low, scale.high, scale.ticks, scale.logarithmic, percent=percent)
