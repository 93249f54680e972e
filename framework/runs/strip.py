"""Curves over an episode's steps that go with a video, with a cursor where the video is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from .figures import figure


@dataclass
class Curve:
    """One value a step, from step 0."""

    name: str
    values: ArrayLike
    colour: str


class Strip:
    """A figure drawn once; every frame of the video gets a copy with a cursor in each of its axes.

    Args:
        drawing: at 100 dots an inch.
        axes: whose horizontal axis runs from 0 to the last step.
        steps: number of the last step.
    """

    def __init__(self, drawing: Figure, axes: Sequence[Axes], steps: int) -> None:
        drawing.set_dpi(100)
        canvas = FigureCanvasAgg(drawing)
        canvas.draw()
        self._picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
        corners = [one.transAxes.transform([(0, 0), (1, 1)]) for one in axes]
        height = self._picture.height
        self._spans = [(x0, x1, height - y1, height - y0) for (x0, y0), (x1, y1) in corners]
        self._steps = steps

    def at(self, step: int) -> Image.Image:
        """The picture with its cursors at a step."""
        picture = self._picture.copy()
        for left, right, top, bottom in self._spans:
            x = left + (right - left) * step / self._steps
            ImageDraw.Draw(picture).line([(x, top), (x, bottom)], fill=(60, 60, 60), width=1)
        return picture


def strip(curves: Sequence[Curve], steps: int, size: tuple[int, int]) -> Strip:
    """Curves in one panel, in the order of the legend; width and height in pixels."""
    drawing = figure(size[0] / 100, size[1] / 100)
    drawing.set_layout_engine("none")
    axes = drawing.add_axes((0.14, 0.19, 0.80, 0.6))
    for curve in curves:
        axes.plot(np.asarray(curve.values), color=curve.colour, label=curve.name, linewidth=1.3)
    plain(axes, steps)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.97), ncols=3, fontsize=7, frameon=False, handlelength=1.2,
        borderaxespad=0.0, columnspacing=1.0,
    )  # fmt: skip
    return Strip(drawing, [axes], steps)


def plain(axes: Axes, steps: int) -> None:
    """Few and small labels, from step 0 to the last."""
    axes.set_xlim(0, steps)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=6.5, length=2, pad=1.5)
    axes.locator_params(axis="y", nbins=3)
    axes.locator_params(axis="x", nbins=6, integer=True)
