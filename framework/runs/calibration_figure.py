"""The calibration of a model in one picture: is it as sure as it may be, how good is it, does it know where it errs?"""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from .figures import COLOURS, GREY, error_axis, horizon_axis, legend, panels
from .rows import horizons


def calibration_figure(metrics: Mapping[str, Any]) -> Figure:
    """The picture of one measurement: what `calibration` gave, and `prediction_error` where that was measured too."""
    drawing, (pit, score, knows) = panels(
        "Calibration of the model", "where the truth fell among the particles", "steps ahead", "steps ahead"
    )
    k, crps = horizons(metrics, "model/crps")
    histogram(pit, metrics, sorted({k[0], k[-1]}))
    score.set_title("Error, in std of the data", fontsize=9, loc="left")
    score.plot(k, crps, color=COLOURS[0], marker="o", markersize=4, label="whole distribution (CRPS)")
    for name, label, style in (("error", "its mean", "-"), ("persistence", "predicting no change", "--")):
        score.plot(*horizons(metrics, f"model/{name}"), color=GREY, linestyle=style, marker=".", label=label)
    error_axis(score)
    score.set_ylim(score.get_ylim()[0] / 8, None)  # room for the legend
    knows.set_title("Rank correlation of spread and error", fontsize=9, loc="left")
    knows.plot(*horizons(metrics, "model/spread_correlation"), color=COLOURS[2], marker="o", markersize=4)
    knows.axhline(0, color=GREY, linestyle="--", linewidth=1)
    knows.set_ylim(-1.03, 1.03)
    for axes in (score, knows):
        horizon_axis(axes, k)
    legend(score)
    return drawing


def histogram(axes: Axes, metrics: Mapping[str, Any], horizons: list[int]) -> None:
    """The PIT histogram at some horizons; a flat one is right, a U is too sure of itself, a hump not sure enough."""
    axes.set_title("Share of truths (dashed: as it should be)", fontsize=9, loc="left")
    for k, colour in zip(horizons, COLOURS, strict=False):
        tenths = [metrics[f"pit/h{k}_{i}"] for i in range(1, 11)]
        label = f"{k} step{'s' * (k > 1)} ahead"
        axes.stairs(tenths, [i / 10 for i in range(11)], color=colour, linewidth=1.5, label=label)
    axes.axhline(0.1, color=GREY, linestyle="--", linewidth=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.35 * axes.get_ylim()[1])  # room for the legend
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    legend(axes)
