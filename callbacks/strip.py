"""The strip under a video: curves over the episode's steps, with a cursor where the video is."""

from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from fulgurite.runs.figures import figure


@dataclass
class Curve:
    """One value a step, from step 0."""

    name: str
    values: ArrayLike
    colour: str


class Strip:
    """Drawn once; every frame of the video gets a copy with its own cursor.

    Args:
        curves: in the order of the legend.
        steps: the horizontal axis runs from 0 to here.
        size: width and height in pixels.
    """

    def __init__(self, curves: list[Curve], steps: int, size: tuple[int, int]) -> None:
        width, height = size
        drawing = figure(width / 100, height / 100)
        drawing.set_dpi(100)
        drawing.set_layout_engine("none")
        axes = drawing.add_axes((0.14, 0.19, 0.80, 0.6))
        for curve in curves:
            axes.plot(np.asarray(curve.values), color=curve.colour, label=curve.name, linewidth=1.3)
        axes.set_xlim(0, steps)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=6.5, length=2, pad=1.5)
        axes.locator_params(axis="y", nbins=3)
        axes.locator_params(axis="x", nbins=6, integer=True)
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.02, 0.97), ncols=3, fontsize=7, frameon=False, handlelength=1.2,
            borderaxespad=0.0, columnspacing=1.0,
        )  # fmt: skip
        canvas = FigureCanvasAgg(drawing)
        canvas.draw()
        self._picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
        left, right = axes.transAxes.transform([(0, 0), (1, 0)])
        bottom, top = axes.transAxes.transform([(0, 0), (0, 1)])
        self._x = (left[0], right[0])
        self._y = (height - top[1], height - bottom[1])
        self._steps = steps

    def at(self, step: int) -> Image.Image:
        """The strip with its cursor at a step."""
        picture = self._picture.copy()
        x = self._x[0] + (self._x[1] - self._x[0]) * step / self._steps
        ImageDraw.Draw(picture).line([(x, self._y[0]), (x, self._y[1])], fill=(60, 60, 60), width=1)
        return picture
