"""The panels of a group of seeds: can its model be trusted, how did it plan, did its losses fall, where did time go?

A panel without data says in a line what would fill it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from . import trust
from .chart import GREY, Band, Chart, Layer
from .group import Group
from .run import Run
from .seeds import over_steps

STEPS = "environment steps"
SHARES = ("environment", "model", "planner", "evaluation")
MOST_OTHERS = 24
SPEEDS = ("speed/env_steps_per_second", "speed/gradient_steps_per_second")
ELSEWHERE = ("plan/promised_return", "plan/realised_return")  # one chart together
SHOWN = (
    "env_steps", "gradient_steps", "wall_seconds", "model/", "pit/", "plan/", "value/promised", "value/realised",
    "eval/", "train/return", "train/skipped_updates", "train/environment_faults", "speed/", "loss/", "validation/",
)  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """Charts under a heading; `missing` is what would fill it, where there are none."""

    key: str
    title: str
    charts: list[Chart]
    missing: str


def panels(group: Group) -> list[Panel]:
    """All of a group, in the order of the page; none shows a metric twice."""
    runs = group.runs
    trusted = [
        *(chart(runs) for chart in trust.CHARTS),
        over(runs, "model/disagreement_correlation"),
        over(runs, "model/nll"),
    ]
    planner = [over(runs, name) for name in named(runs, "plan/") if name not in ELSEWHERE]
    losses = [over(runs, name) for name in [*named(runs, "loss/"), *named(runs, "validation/")]]
    time = [time_shares(runs), *(over(runs, name) for name in SPEEDS)]
    others = [name for name in named(runs, "") if not name.startswith(SHOWN)]
    held = "a model that `callbacks.model_error` and `callbacks.calibration` hold against what happened"
    return [
        Panel("trust", "Can the model be trusted?", kept(trusted), f"{held}, and an agent that plans or has values"),
        Panel("planner", "Planner", kept(planner), "an agent that plans, and `callbacks.speed`"),
        Panel("losses", "Losses", kept(losses), "something that is learned"),
        Panel("time", "Time", kept(time), "`callbacks.speed`"),
        Panel("others", "Other numbers", kept(over(runs, name) for name in others[:MOST_OTHERS]), ""),
    ]


def kept(charts: Iterable[Chart | None]) -> list[Chart]:
    return [chart for chart in charts if chart is not None]


def named(runs: Sequence[Run], prefix: str) -> list[str]:
    """The metrics that begin so."""
    return sorted({name for run in runs for name in run.names if name.startswith(prefix)})


TITLES = {
    "plan/seconds": ("Seconds to plan", "Mean time of one plan, of the whole run so far."),
    "plan/nonfinite_share": (
        "Plans whose return was not finite",
        "Above zero the model diverges under the planner's actions.",
    ),
    "plan/exploitation_gap": (
        "Exploitation gap",
        "Promised minus realised return. Well above zero: the planner finds where the model is wrong.",
    ),
    "model/nll": ("Negative log-likelihood", "Nats a transition, one step ahead; lower is better."),
    "model/disagreement_correlation": (
        "Does disagreement know the error?",
        "Rank correlation of the members' disagreement with the error, one step ahead: 1 knows, 0 does not.",
    ),
    "speed/env_steps_per_second": ("Environment steps a second", "Everything included."),
    "speed/gradient_steps_per_second": ("Gradient steps a second", "Everything included."),
}


def over(runs: Sequence[Run], name: str) -> Chart | None:
    """A metric over the run, losses against their updates: the seeds, and their mean where there are several."""
    fitted = name.startswith(("loss/", "validation/"))
    axis, label = ("gradient_steps", "gradient steps") if fitted else ("env_steps", STEPS)
    curves = [run.series(name, axis) for run in runs if name in run.names]
    if not curves:
        return None
    values = np.array([value for _, ys in curves for value in ys])
    log = fitted and len(values) and values.min() > 0 and values.max() > 20 * values.min()
    title, reading = TITLES.get(name, (name, ""))
    within = (-1.0, 1.0) if name.endswith("_correlation") else None
    share = name.endswith("_share")
    layers = over_steps(title, curves)
    return Chart(
        title, label, layers, reading, log=bool(log), within=within, percent=share, zero=share, legend=len(layers) > 1
    )  # fmt: skip


def time_shares(runs: Sequence[Run]) -> Chart | None:
    """Where the time went so far, of the first run that says so."""
    run = next((one for one in runs if any(f"speed/share_{name}" in one.names for name in SHARES)), None)
    if run is None:
        return None
    rows = [row for row in run.rows if any(f"speed/share_{name}" in row for name in SHARES)]
    x = [row["env_steps"] for row in rows]
    below = np.zeros(len(rows))
    layers: list[Layer] = []
    for colour, name in enumerate(SHARES):
        above = below + np.array([row.get(f"speed/share_{name}", 0.0) for row in rows])
        layers.append(Band(name, x, list(below), list(above), colour=colour, strength=0.75))
        below = above
    layers.append(Band("other", x, list(below), [1.0] * len(rows), colour=GREY, strength=0.3))
    whose = f" Of the run with seed {run.seed}." if len(runs) > 1 else ""
    return Chart(
        "Share of wall-clock time so far", STEPS, layers, f"From below: {', '.join(SHARES)}, other.{whose}",
        within=(0.0, 1.0), percent=True,
    )  # fmt: skip
