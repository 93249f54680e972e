"""What several seeds measured, as layers: each seed thin, their mean bold; one seed alone is bold itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..runs.rows import horizons
from .chart import Layer, Line
from .efficiency import together
from .run import Run, Series


def over_steps(label: str, curves: Sequence[Series], colour: int = 0) -> list[Layer]:
    """One bold line, or thin ones and their mean where all were measured."""
    if len(curves) == 1:
        return [Line(label, *curves[0], colour=colour)]
    thin: list[Layer] = [Line("", x, y, colour=colour, thin=True, marks=False) for x, y in curves]
    common = together([one_each(curve) for curve in curves])
    if common is not None:
        thin.append(Line(f"{label}, mean of {len(curves)} seeds", list(common[0]), list(common[1].mean(0)), colour))
    return thin


def one_each(curve: Series) -> Series:
    """The last value at each place."""
    found = dict(zip(*curve, strict=True))
    return list(found), list(found.values())


def measured(run: Run, prefix: str) -> list[dict[str, float]]:
    """The rows that have the metric by horizon."""
    return [row for row in run.rows if horizons(row, prefix)[0]]


def ahead(rows: Sequence[dict[str, float]], prefix: str, label: str, colour: int) -> list[Layer]:
    """A row of each run by horizon: thin, and their mean."""
    curves = [horizons(row, prefix) for row in rows]
    if len(rows) == 1:
        k, values = curves[0]
        return [Line(label, k, values, colour=colour)]
    thin: list[Layer] = [Line("", k, values, colour=colour, thin=True, marks=False) for k, values in curves]
    return [*thin, Line(f"{label}, mean of {len(rows)} seeds", *mean_ahead(rows, prefix), colour=colour)]


def mean_ahead(rows: Sequence[dict[str, float]], prefix: str) -> tuple[list[float], list[float]]:
    """The mean over runs at the horizons that all have."""
    found = [dict(zip(*horizons(row, prefix), strict=True)) for row in rows]
    shared = sorted(set.intersection(*map(set, found))) if found else []
    return [float(k) for k in shared], [float(np.mean([one[k] for one in found])) for k in shared]


def steps(rows: Sequence[dict[str, float]]) -> str:
    """When rows were written, for a legend."""
    found = sorted({int(row["env_steps"]) for row in rows})
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"
