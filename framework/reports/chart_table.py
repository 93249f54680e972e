"""A chart's numbers as a table, for who does not see it or wants to copy them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .chart import Band, Chart, Line, Stairs

MOST_ROWS, MOST_COLUMNS = 12, 8


def table(chart: Chart) -> list[list[str]] | None:
    """Names, then a row for each place, evenly thinned; None where there is nothing to count out."""
    columns: dict[str, dict[float, float]] = {}
    for layer in chart.layers:
        if isinstance(layer, Line) and not layer.thin:
            columns[layer.label] = dict(zip(layer.x, layer.y, strict=True))
        elif isinstance(layer, Band) and layer.strength > 0.5:  # a share of a stack
            columns[layer.label] = {x: high - low for x, low, high in zip(layer.x, layer.low, layer.high, strict=True)}
        elif isinstance(layer, Stairs):
            columns[layer.label] = dict(zip(layer.edges[:-1], layer.values, strict=True))
    columns = dict(list(columns.items())[:MOST_COLUMNS])
    places = sorted({x for column in columns.values() for x in column})
    if not places:
        return None
    head = [chart.x_label, *columns]
    return [
        head,
        *([_said(x, False), *(_said(column.get(x), True) for column in columns.values())] for x in _some(places)),
    ]


def _some(places: Sequence[float]) -> list[float]:
    if len(places) <= MOST_ROWS:
        return list(places)
    return [places[round(i * (len(places) - 1) / (MOST_ROWS - 1))] for i in range(MOST_ROWS)]


def _said(value: float | None, short: bool) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.4g}" if short else f"{value:,.6g}"
