"""The run in pictures, drawn from `metrics.jsonl` alone, so also for a run that crashed or still goes on.

A figure without data is not drawn. No display is needed, and pyplot, whose state is global, is not used.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from .calibration_figure import calibration_figure
from .figures import COLOURS, GREY, error_axis, horizon_axis, legend, level_line, panels
from .rows import horizons, read

Rows = Sequence[Mapping[str, Any]]
SHARES = ("environment", "model", "planner", "evaluation")


def draw(folder: Path | str, references: Mapping[str, float] | None = None) -> list[Path]:
    """Draws every figure that the run folder has data for into its `plots/`, and returns the files.

    Args:
        folder: of the run.
        references: returns to draw as named level lines, such as a random agent's or the optimum.
    """
    rows = read(folder)
    figures = {
        "returns": returns(rows, references or {}),
        "lengths": lengths(rows),
        "model_error": model_error(rows),
        "coverage": coverage(rows),
        "calibration": calibration(rows),
        "promises": promises(rows, "plan", "_return", "Return over a plan's horizon", "the model"),
        "values": promises(rows, "value", "", "What follows, discounted", "the value"),
        "time": time_shares(rows),
    }
    target = Path(folder) / "plots"
    paths = []
    for name, drawing in figures.items():
        if drawing is not None:
            target.mkdir(parents=True, exist_ok=True)
            paths.append(target / f"{name}.png")
            drawing.savefig(paths[-1], dpi=150)
    return paths


def returns(rows: Rows, references: Mapping[str, float]) -> Figure | None:
    """Returns against environment steps: of training episodes, and of evaluations with their spread."""
    train, evaluation = series(rows, "train/return"), series(rows, "eval/return_mean")
    if not len(train[0]) and not len(evaluation[0]):
        return None
    drawing, (axes,) = panels("Return of an episode", "environment steps")
    if len(train[0]):
        axes.plot(*train, color=GREY, alpha=0.7, linewidth=1, marker=".", markersize=4, label="training")
    if len(evaluation[0]):
        x, mean = evaluation
        std = aligned(rows, "eval/return_mean", "eval/return_std")
        low, high = (aligned(rows, "eval/return_mean", f"eval/return_{end}") for end in ("min", "max"))
        axes.fill_between(x, low, high, color=COLOURS[0], alpha=0.10, linewidth=0, label="worst to best start")
        axes.fill_between(x, mean - std, mean + std, color=COLOURS[0], alpha=0.25, linewidth=0, label="one std")
        axes.plot(x, mean, color=COLOURS[0], marker="o", markersize=4, label="evaluation, mean")
    for name, level in references.items():
        level_line(axes, f"{name} {level:g}", level)
    legend(axes)
    return drawing


def lengths(rows: Rows) -> Figure | None:
    """Steps of an episode against environment steps, in training and in evaluations; nothing where all are alike."""
    lines = {"training": series(rows, "train/length"), "evaluation, mean": series(rows, "eval/length_mean")}
    if len({length for _, y in lines.values() for length in y.tolist()}) < 2:
        return None
    drawing, (axes,) = panels("Steps of an episode", "environment steps")
    for (label, line), colour in zip(lines.items(), (GREY, COLOURS[0]), strict=True):
        axes.plot(*line, color=colour, linewidth=1.2, marker="o", markersize=3, label=label)
    error_axis(axes)
    legend(axes)
    return drawing


def model_error(rows: Rows) -> Figure | None:
    """The model's open-loop error by horizon at the start, middle and end of the run, against predicting no change."""
    measured = [row for row in rows if horizons(row, "model/error")[0]]
    if not measured:
        return None
    drawing, (axes,) = panels("Open-loop error of the model, in standard deviations of the data", "steps ahead")
    chosen = [measured[i] for i in sorted({0, (len(measured) - 1) // 2, len(measured) - 1})]
    strengths = np.linspace(0.35, 1, len(chosen)) if len(chosen) > 1 else [1.0]
    for row, strength in zip(chosen, strengths, strict=True):
        k, error = horizons(row, "model/error")
        axes.plot(k, error, color=COLOURS[0], alpha=strength, marker="o", markersize=4, label=at_steps(row))
    k, still = horizons(chosen[-1], "model/persistence")
    axes.plot(k, still, color=GREY, linestyle="--", marker=".", label="predicting no change")
    error_axis(axes)
    horizon_axis(axes, k)
    legend(axes)
    return drawing


def coverage(rows: Rows) -> Figure | None:
    """How often the truth lies in the predictive intervals: one step ahead over the run, and by horizon at its end."""
    over = {level: series(rows, f"model/coverage_{level}") for level in (50, 80, 95)}
    measured = [row for row in rows if horizons(row, "model/coverage_95")[0]]
    if not measured:
        return None
    title = "Truth inside the predicted interval (dashed: as it should be)"
    drawing, (left, right) = panels(
        title, "environment steps, one step ahead", f"steps ahead, {at_steps(measured[-1])}"
    )
    for (level, line), colour in zip(over.items(), COLOURS, strict=False):
        left.plot(*line, color=colour, marker="o", markersize=4, label=f"{level} % interval")
        k, share = horizons(measured[-1], f"model/coverage_{level}")
        right.plot(k, share, color=colour, marker="o", markersize=4)
        for axes in (left, right):
            axes.axhline(level / 100, color=colour, linestyle="--", linewidth=1)
    for axes in (left, right):
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    horizon_axis(right, k)
    legend(left)
    return drawing


def calibration(rows: Rows) -> Figure | None:
    """PIT histogram, CRPS and what the spread knows of the error, when last measured; see `calibration_figure`."""
    measured = [i for i, row in enumerate(rows) if horizons(row, "model/crps")[0]]
    if not measured:
        return None
    last = rows[measured[-1]]
    errors = [row for row in rows if horizons(row, "model/error")[0] and row["env_steps"] == last["env_steps"]]
    return calibration_figure({**(errors[-1] if errors else {}), **last})


def promises(rows: Rows, of: str, ending: str, title: str, who: str) -> Figure | None:
    """What was promised, by plans over their horizon or by values, and what came."""
    name = f"{of}/promised{ending}"
    x, promised = series(rows, name)
    if not len(x):
        return None
    realised = aligned(rows, name, f"{of}/realised{ending}")
    drawing, (axes,) = panels(title, "environment steps")
    axes.fill_between(x, realised, promised, color=COLOURS[1], alpha=0.15, linewidth=0, label="gap")
    axes.plot(x, promised, color=COLOURS[1], marker="o", markersize=4, label=f"promised by {who}")
    axes.plot(x, realised, color=COLOURS[0], marker="o", markersize=4, label="realised")
    legend(axes)
    return drawing


def time_shares(rows: Rows) -> Figure | None:
    """Where the time went, as shares of all of it so far."""
    names = [name for name in SHARES if len(series(rows, f"speed/share_{name}")[0])]
    if not names:
        return None
    first = f"speed/share_{names[0]}"
    x, _ = series(rows, first)
    shares = np.stack([np.nan_to_num(aligned(rows, first, f"speed/share_{name}")) for name in names])
    rest = np.clip(1 - shares.sum(0), 0, None)
    drawing, (axes,) = panels("Share of wall-clock time so far", "environment steps")
    if len(x) == 1:
        x, shares, rest = np.array([0.0, *x]), np.repeat(shares, 2, 1), np.repeat(rest, 2)
    axes.stackplot(
        x, *shares, rest, labels=[*names, "other"], colors=[*COLOURS[: len(names)], "#d0d0d0"], alpha=0.85, linewidth=0
    )
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9, reverse=True)
    return drawing


def series(rows: Rows, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Environment steps and values of the rows that have a number under `name`."""
    found = [(row["env_steps"], row[name]) for row in rows if row.get(name) is not None]
    x, y = np.array(found, dtype=float).reshape(-1, 2).T
    return x, y


def aligned(rows: Rows, having: str, name: str) -> NDArray[np.float64]:
    """The values of `name` in the rows that have a number under `having`; NaN where there is none."""
    return np.array([row.get(name) for row in rows if row.get(having) is not None], dtype=float)


def at_steps(row: Mapping[str, Any]) -> str:
    """When a row was written, for a legend."""
    return f"after {row['env_steps']:,} steps"
