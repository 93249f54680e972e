"""Can the model be trusted? Its error and its calibration by horizon, and what its plans promised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .chart import GREY, Chart, Layer, Level, Line, Stairs
from .run import Run
from .seeds import ahead, mean_ahead, measured, over_steps, steps

STEPS = "environment steps"
AHEAD = "steps ahead"
LEVELS = (50, 80, 95)


def model_error(runs: Sequence[Run]) -> Chart | None:
    """Open-loop error by horizon, first and last measured, against predicting no change."""
    layers: list[Layer] = []
    last = [rows[-1] for run in runs if (rows := measured(run, "model/error"))]
    first = [rows[0] for run in runs if len(rows := measured(run, "model/error")) > 1]
    if not last:
        return None
    if first:
        layers += ahead(first, "model/error", f"after {steps(first)} steps", 1)
    layers += ahead(last, "model/error", f"after {steps(last)} steps", 0)
    k, still = mean_ahead(last, "model/persistence")
    if k:
        layers.append(Line("predicting no change", k, still, colour=GREY, dashed=True))
    reading = "In standard deviations of the data. Below the dashed line the model knows more than nothing."
    return Chart(
        "Open-loop error by horizon", AHEAD, layers, reading, log=True, x_named=mean_ahead(last, "model/error")[0]
    )


def coverage_ahead(runs: Sequence[Run]) -> Chart | None:
    """How often the truth lies in each interval, by horizon, when last measured."""
    last = [rows[-1] for run in runs if (rows := measured(run, "model/coverage_95"))]
    if not last:
        return None
    layers: list[Layer] = []
    for colour, level in enumerate(LEVELS):
        layers += ahead(last, f"model/coverage_{level}", f"{level} % interval", colour)
        layers.append(Level("", level / 100, colour))
    k = mean_ahead(last, "model/coverage_95")[0]
    return Chart(
        f"Coverage by horizon, after {steps(last)} steps", AHEAD, layers,
        "Each line should lie on the dashed one of its interval; below it, the model is too sure of itself.",
        x_named=k, within=(0.0, 1.0), percent=True,
    )  # fmt: skip


def coverage_over(runs: Sequence[Run]) -> Chart | None:
    """The same one step ahead, over the run."""
    layers: list[Layer] = []
    for colour, level in enumerate(LEVELS):
        curves = [run.series(f"model/coverage_{level}") for run in runs if f"model/coverage_{level}" in run.names]
        layers += (
            [*over_steps(f"{level} % interval", curves, colour), Level(f"{level} %:", level / 100)] if curves else []
        )
    if not layers:
        return None
    reading = "How often the truth lay in the predicted interval. Each line should lie on the dashed one."
    return Chart("Coverage, one step ahead", STEPS, layers, reading, within=(0.0, 1.0), percent=True)


def pit(runs: Sequence[Run]) -> Chart | None:
    """Where the truth fell among the particles, at the shortest and the longest horizon."""
    last = [rows[-1] for run in runs if (rows := measured(run, "model/crps"))]
    layers: list[Layer] = []
    k = mean_ahead(last, "model/crps")[0] if last else []
    for colour, at in enumerate(sorted({int(one) for one in (*k[:1], *k[-1:])})):
        names = [f"pit/h{at}_{i}" for i in range(1, 11)]
        found = [[row[name] for name in names] for row in last if all(name in row for name in names)]
        if found:
            tenths = list(np.mean(found, 0))
            layers.append(Stairs(f"{at} step{'s' * (at > 1)} ahead", [i / 10 for i in range(11)], tenths, colour))
    if not layers:
        return None
    reading = "Flat at the dashed line is right; a U is too sure of itself, a hump not sure enough, a slope is biased."
    return Chart(
        "PIT histogram", "where the truth fell among the particles", [*layers, Level("", 0.1)], reading,
        percent=True, x_percent=True, zero=True,
    )  # fmt: skip


def crps(runs: Sequence[Run]) -> Chart | None:
    """The score of whole predictive distributions by horizon."""
    return by_horizon(runs, "model/crps", "CRPS by horizon", "Error of the whole distribution; lower is better.", None)


def knows(runs: Sequence[Run]) -> Chart | None:
    """Whether the particles' spread ranks the starts as their error does."""
    reading = "Rank correlation of the particles' spread with the error: 1 knows where it errs, 0 does not."
    return by_horizon(runs, "model/spread_correlation", "Does the spread know the error?", reading, (-1.0, 1.0))


def by_horizon(
    runs: Sequence[Run], name: str, title: str, reading: str, within: tuple[float, float] | None
) -> Chart | None:
    last = [rows[-1] for run in runs if (rows := measured(run, name))]
    if not last:
        return None
    layers = ahead(last, name, f"after {steps(last)} steps", 0)
    return Chart(title, AHEAD, layers, reading, log=within is None, x_named=mean_ahead(last, name)[0], within=within)


def disagreement(runs: Sequence[Run]) -> Chart | None:
    """How far the members disagree, and how far their mean is wrong."""
    layers: list[Layer] = []
    for colour, name, label in ((1, "model/disagreement", "disagreement"), (0, "model/error_h1", "error")):
        curves = [run.series(name) for run in runs if name in run.names and "model/disagreement" in run.names]
        layers += over_steps(label, curves, colour) if curves else []
    if not layers:
        return None
    reading = "In standard deviations of the data. An error far above the disagreement is one that nobody warns of."
    return Chart("Disagreement and error, one step ahead", STEPS, layers, reading, log=True)


def promises(runs: Sequence[Run], of: str, ending: str) -> Chart | None:
    """What plans or values promised, and what came."""
    layers: list[Layer] = []
    for colour, which in ((1, "promised"), (0, "realised")):
        curves = [run.series(f"{of}/{which}{ending}") for run in runs if f"{of}/{which}{ending}" in run.names]
        layers += over_steps(which, curves, colour) if curves else []
    if not layers:
        return None
    title = "Return over a plan's horizon" if of == "plan" else "What follows, discounted: value and truth"
    reading = "Promised well above realised: it is the model's or the value's mistakes that are liked."
    return Chart(title, STEPS, layers, reading)


def plans(runs: Sequence[Run]) -> Chart | None:
    """Of plans, over their horizon."""
    return promises(runs, "plan", "_return")


def values(runs: Sequence[Run]) -> Chart | None:
    """Of values, over all that follows."""
    return promises(runs, "value", "")


CHARTS = (model_error, coverage_ahead, coverage_over, pit, crps, knows, disagreement, plans, values)
