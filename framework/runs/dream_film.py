"""The pictures of a dream: truth, imagination and error side by side, or traces with bands for numbers."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image

from .dream import Dream
from .figures import COLOURS, GREY, figure
from .film import labelled, stacked
from .newest_colours import pixels
from .stopping import give_up_if_asked
from .strip import Curve, Strip, plain, strip

AT_MOST = 6  # dimensions of a vector that are drawn
BAND = (0.1, 0.9)
HEAD, ROW, MARGIN, GAP = 0.25, 0.8, 0.2, 0.06  # inches of a figure of traces: legend, a panel, its labels, between them


def dream_film(dreams: Mapping[str, Dream], width: int = 480) -> list[Image.Image]:
    """One picture a frame: of all observations below each other.

    Raises:
        Stopped: as soon as the run shall stop.
    """
    first = next(iter(dreams.values()))
    length, context = len(first.truth), len(first.seen)
    rows = [
        Pictures(name, one, width) if one.truth.dim() == 4 else Traces(name, one, width) for name, one in dreams.items()
    ]
    images = []
    for t in range(length):
        give_up_if_asked()
        told = f"step {t}   seen" if t < context else f"step {t}   imagined for {t - context + 1} steps"
        images.append(stacked(labelled(told, width), *(row.at(t) for row in rows)))
    return images


class Pictures:
    """Truth | imagination | error of images `[L, C, H, W]` in [0, 255], and the error's course below."""

    def __init__(self, name: str, one: Dream, width: int) -> None:
        model = torch.cat([one.seen, one.imagined[0]])  # one particle: a mean of pictures is no picture
        error = (model - one.truth).abs()
        self.columns = [pixels(one.truth), pixels(model), pixels(error.mean(1, keepdim=True))]
        self.width = width
        self.title = headings([f"{name} truth".strip(), "imagination", "error"], width)
        course = error.flatten(1).mean(1)
        persistence = (one.truth - one.truth[len(one.seen) - 1]).abs().flatten(1).mean(1)
        persistence[: len(one.seen)] = torch.nan
        curves = [
            Curve("error of a pixel", course.numpy(), COLOURS[1]),
            Curve("if nothing changed", persistence.numpy(), GREY),
        ]
        self.below = strip(curves, len(one.truth) - 1, (width, width // 4))

    def at(self, t: int) -> Image.Image:
        """The pictures of a frame."""
        size = self.width // len(self.columns)
        side_by_side = Image.new("RGB", (self.width, size), "white")
        for i, column in enumerate(self.columns):
            picture = Image.fromarray(column[t]).resize((size - 4, size - 4), Image.Resampling.NEAREST)
            side_by_side.paste(picture, (i * size + 2, 2))
        return stacked(self.title, side_by_side, self.below.at(t))


class Traces:
    """Vectors `[L, O]`: what was, and the imagination's mean and band of 80 percent."""

    def __init__(self, name: str, one: Dream, width: int) -> None:
        shown = min(AT_MOST, one.truth.shape[-1])
        last, context = len(one.truth) - 1, len(one.seen)
        height = HEAD + ROW * shown  # inches
        drawing = figure(width / 100, height)
        drawing.set_layout_engine("none")
        bottoms = [(ROW * (shown - 1 - i) + MARGIN) / height for i in range(shown)]
        axes = [drawing.add_axes((0.14, bottom, 0.82, (ROW - MARGIN - GAP) / height)) for bottom in bottoms]
        ahead = np.arange(context, last + 1)
        mean, low, high = one.imagined.mean(0), *one.imagined.quantile(torch.tensor(BAND), dim=0)
        for i, panel in enumerate(axes):
            panel.plot(one.truth[:, i].numpy(), color=COLOURS[0], linewidth=1.3, label="truth")
            panel.plot(one.seen[:, i].numpy(), color=COLOURS[1], linewidth=1, linestyle=":")
            panel.plot(ahead, mean[:, i].numpy(), color=COLOURS[1], linewidth=1.3, label="imagination")
            panel.fill_between(ahead, low[:, i].numpy(), high[:, i].numpy(), color=COLOURS[1], alpha=0.25, linewidth=0)
            panel.axvline(context - 1, color=GREY, linewidth=0.8, linestyle="--")
            panel.set_ylabel(f"{name} {i}".strip(), fontsize=7)
            plain(panel, last)
        axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=7, frameon=False, borderaxespad=0.0)
        self.strip = Strip(drawing, axes, last)

    def at(self, t: int) -> Image.Image:
        """The traces with the cursor at a frame."""
        return self.strip.at(t)


def headings(names: Sequence[str], width: int) -> Image.Image:
    """A white line with one name above each of as many columns."""
    columns = [labelled(name, width // len(names)) for name in names]
    line = labelled("", width)
    for i, column in enumerate(columns):
        line.paste(column, (i * column.width, 0))
    return line
