"""Learning curves: returns against steps or time; of one run with its starts, of several seeds with their interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .chart import GREY, Band, Chart, Layer, Level, Line
from .efficiency import together
from .group import Group
from .interquartile_mean import interquartile_mean
from .run import Run, Series

RETURN = "eval/return_mean"
RESAMPLES = 2000
AXES = {"env_steps": "environment steps", "wall_seconds": "wall-clock minutes"}


def of_run(run: Run) -> Chart | None:
    """One run: training episodes, and evaluations with the spread of their starts."""
    layers: list[Layer] = []
    x, mean = run.series(RETURN)
    if mean:
        std, low, high = (aligned(run, f"eval/return_{name}") for name in ("std", "min", "max"))
        around = np.array(mean)
        layers.append(Band("worst to best start", x, list(low), list(high), strength=0.10))
        layers.append(Band("one standard deviation", x, list(around - std), list(around + std)))
    trained = run.series("train/return")
    if trained[0]:
        layers.append(Line("training episodes", *trained, colour=GREY, thin=True, marks=len(trained[0]) == 1))
    if mean:
        layers.append(Line("evaluation, mean over starts", x, mean))
    if not layers:
        return None
    starts = sorted({int(row["eval/episodes"]) for row in run.evaluations if "eval/episodes" in row})
    counted = f" Each evaluation plays {' or '.join(map(str, starts))} fixed starts." if starts else ""
    layers += [Level(name, level) for name, level in run.references.items()]
    return Chart("Return of an episode", AXES["env_steps"], layers, f"Higher is better.{counted}")


def of_groups(groups: list[Group], axis: str = "env_steps") -> Chart | None:
    """Several runs: each seed a thin line, of each group the interquartile mean with its 95 % interval."""
    bands: list[Layer] = []
    thin: list[Layer] = []
    means: list[Layer] = []
    for colour, group in enumerate(groups):
        curves = [curve for run in group.runs if (curve := evaluated(run, axis))[0]]
        if len(curves) == 1:
            means.append(Line(f"{group.name}, one seed", *curves[0], colour=colour))
            continue
        thin += [Line("", *curve, colour=colour, thin=True, marks=False) for curve in curves]
        if curves and (common := together(curves)):
            x, returns = common
            iqm, low, high = with_interval(returns)
            bands.append(Band("", list(x), list(low), list(high), colour=colour))
            means.append(Line(f"{group.name}, {len(curves)} seeds", list(x), list(iqm), colour=colour))
    if not means and not thin:
        return None
    levels = {name: level for group in groups for name, level in group.references.items()}
    layers = [*bands, *thin, *means, *(Level(name, level) for name, level in levels.items())]
    title = "Return of an episode" + (", against time" if axis == "wall_seconds" else "")
    reading = "Bold: interquartile mean over seeds; shade: its 95 % bootstrap interval; thin: each seed."
    return Chart(title, AXES[axis], layers, reading)


def evaluated(run: Run, axis: str = "env_steps") -> Series:
    """The evaluations' mean returns against steps, or against minutes; the last of several at one place."""
    unit = 60 if axis == "wall_seconds" else 1
    x, y = run.series(RETURN, axis)
    found = dict(zip((at / unit for at in x), y, strict=True))
    places = sorted(found)
    return places, [found[at] for at in places]


def with_interval(returns: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Interquartile mean of runs `[R, X]` at each place, and the ends of its bootstrap interval, each `[X]`.

    Whole runs are drawn, the same ones at all places.
    """
    runs = len(returns)
    drawn = np.random.default_rng(0).integers(runs, size=(RESAMPLES, runs))
    iqm = interquartile_mean(returns.T[:, :, None])  # [X]
    again = interquartile_mean(returns[drawn].transpose(0, 2, 1)[..., None])  # [RESAMPLES, X]
    low, high = np.percentile(again, [2.5, 97.5], axis=0)
    return iqm, low, high


def aligned(run: Run, name: str) -> NDArray[np.float64]:
    """A metric of the evaluations; NaN where one lacks it."""
    return np.array([row.get(name, np.nan) for row in run.evaluations])
