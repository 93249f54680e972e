"""How every figure of ours looks: white, light grid, one panel a question, colours that every eye tells apart."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    EngFormatter,
    FixedLocator,
    FormatStrFormatter,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
)

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # Okabe and Ito 2008
GREY = "#6b6b6b"


def figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def panels(title: str, *below: str) -> tuple[Figure, list[Axes]]:
    """A titled figure with one panel for each horizontal axis label."""
    drawing = figure(6.8 if len(below) == 1 else 10.2, 4.0)
    drawing.suptitle(title, fontsize=11, x=0.01, ha="left")
    axes = [drawing.add_subplot(1, len(below), i + 1) for i in range(len(below))]
    for one, label in zip(axes, below, strict=True):
        plain(one, label)
    return drawing, axes


def plain(axes: Axes, label: str) -> None:
    """A panel with its horizontal axis' label and nothing that is not needed."""
    axes.set_xlabel(label, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def horizon_axis(axes: Axes, k: Sequence[int]) -> None:
    """Horizons double: a logarithmic axis that names each."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(k)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())


def error_axis(axes: Axes) -> None:
    """Errors shrink by factors: a logarithmic axis in plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def level_line(axes: Axes, name: str, level: float) -> None:
    """A dashed line across the panel, named at its right."""
    axes.axhline(level, color=GREY, linestyle="--", linewidth=1)
    axes.annotate(
        name.replace("-", "\N{MINUS SIGN}"), (1, level), xycoords=("axes fraction", "data"), xytext=(4, 0),
        textcoords="offset points", ha="left", va="center", fontsize=8, color=GREY, annotation_clip=False,
    )  # fmt: skip


def legend(axes: Axes) -> None:
    """A legend without a frame where it hides least."""
    axes.legend(frameon=False, fontsize=9)
