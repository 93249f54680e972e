"""The page of a comparison: the tables, and the same as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from . import learning
from .chart import Chart, Interval, Line
from .comparison import Comparison
from .comparison_tables import tables
from .efficiency import median_first_at
from .group import Group
from .page import write

LEVELS = 25  # of a profile


def comparison_page(groups: Sequence[Group], comparison: Comparison, path: Path) -> None:
    """Writes the page.

    Raises:
        OSError: where it cannot be written.
    """
    judged = [group for group in groups if any(run.evaluations for run in group.runs)]
    curves = [learning.of_groups(judged), learning.of_groups(judged, "wall_seconds")]
    charts = [
        intervals(comparison, "final", "Final return"),
        intervals(comparison, "area", "Area under the learning curve"),
        profile(comparison),
        to_reach(judged, "env_steps", "Steps to reach a return"),
        to_reach(judged, "wall_seconds", "Minutes to reach a return"),
    ]
    write(
        path,
        "comparison.html.jinja",
        title=" against ".join(one.name for one in comparison.standings[:3]) + (" ..." if len(judged) > 3 else ""),
        environments=sorted({one.environment for one in comparison.standings}),
        comparison=comparison,
        curves=[chart for chart in curves if chart is not None],
        pictures=charts,
        tables=tables(comparison),
    )


def intervals(comparison: Comparison, name: str, title: str) -> Chart:
    """Each group's interquartile mean, its interval, and its runs."""
    rows = []
    for colour, one in enumerate(comparison.standings):
        found = getattr(one, name)
        rows.append(
            Interval(one.name, found.value, found.low, found.high, one.finals if name == "final" else (), colour)
        )
    reading = "Interquartile mean over runs and its 95 % bootstrap interval" + (
        "; rings: runs." if name == "final" else "."
    )
    return Chart(title, "return", rows, reading, legend=False)


def profile(comparison: Comparison) -> Chart:
    """The share of runs that end above a return (Agarwal et al. 2021, section 4.2)."""
    every = sorted(value for one in comparison.standings for value in one.finals)
    low, high = every[0], every[-1]
    room = 0.05 * (high - low) or 1.0
    levels = sorted(
        {*np.linspace(low - room, high + room, 4 * LEVELS), *every, *(math.nextafter(v, math.inf) for v in every)}
    )
    layers = [
        Line(one.name, levels, [float(np.mean(np.array(one.finals) >= level)) for level in levels], colour, marks=False)
        for colour, one in enumerate(comparison.standings)
    ]
    reading = "Share of runs whose final return is at least this; further to the upper right is better."
    return Chart("Performance profile", "return", layers, reading, within=(0.0, 1.0), percent=True)


def to_reach(groups: Sequence[Group], axis: str, title: str) -> Chart:
    """Median steps or minutes until a return is first reached; the line ends where most runs do."""
    layers = []
    for colour, group in enumerate(groups):
        curves = [learning.evaluated(run, axis) for run in group.runs if run.evaluations]
        every = [value for curve in curves for value in curve[1]]
        levels = np.linspace(min(every), max(every), LEVELS)
        found = [(float(level), at) for level in levels if math.isfinite(at := median_first_at(curves, level))]
        layers.append(Line(group.name, [x for x, _ in found], [y for _, y in found], colour, marks=len(found) == 1))
    return Chart(
        title, "return", layers, "Median over runs of the first evaluation with it; lower is sooner.", zero=True
    )
