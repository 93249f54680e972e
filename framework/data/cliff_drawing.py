"""The picture of a path along a cliff."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..equations.cliff import EDGE_FROM, EDGE_TO, GOAL

WIDTH, HEIGHT = 480, 200  # pixels
FINER = 3  # drawn so much larger and then reduced, which smooths the edges
LEFT, TOP, UNIT = -0.2, 0.72, 200 * FINER  # what is in the upper left corner; pixels a unit of length

MEADOW, ABYSS, EDGE, END, TRAIL, WALKER = (
    (232, 240, 226), (52, 60, 76), (150, 112, 78), (122, 176, 132), (224, 122, 47), (46, 64, 87),
)  # fmt: skip


def draw(path: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A frame `[200, 480, 3]` of a path `[T, 2]`: the walker stands at its end."""
    image = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), MEADOW)
    pen = ImageDraw.Draw(image)
    left, edge = _pixel(EDGE_FROM, 0.0)
    right, _ = _pixel(EDGE_TO, 0.0)
    pen.rectangle((left, edge, right, HEIGHT * FINER), fill=ABYSS)
    pen.rectangle((left, edge - FINER, right, edge + FINER), fill=EDGE)
    goal, _ = _pixel(GOAL, 0.0)
    pen.rectangle((goal, 0, WIDTH * FINER, HEIGHT * FINER), fill=END)
    points = [_pixel(x, y) for x, y in path.tolist()]
    if len(points) > 1:
        pen.line(points, fill=TRAIL, width=2 * FINER, joint="curve")
    x, y = points[-1]
    radius = 6 * FINER
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=WALKER)
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.BOX))


def _pixel(x: float, y: float) -> tuple[float, float]:
    return (x - LEFT) * UNIT, (TOP - y) * UNIT
