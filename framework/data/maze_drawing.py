"""The picture of a maze, with the path that was walked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

WIDTH = 480  # pixels
FINER = 3  # drawn so much larger and then reduced, which smooths the edges

FLOOR, LINES, WALL, START, GOAL, TRAIL, WALKER = (
    (246, 246, 242), (222, 222, 216), (52, 60, 76), (190, 205, 222), (122, 176, 132), (224, 122, 47), (46, 64, 87),
)  # fmt: skip


def draw(rows: Sequence[str], path: Sequence[int]) -> NDArray[np.uint8]:
    """A frame `[height, 480, 3]` of the cells that were walked through; the walker stands at the last one."""
    columns = len(rows[0])
    height = WIDTH * len(rows) // columns
    cell = WIDTH * FINER / columns
    image = Image.new("RGB", (WIDTH * FINER, height * FINER), FLOOR)
    pen = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, mark in enumerate(row):
            colour = {"W": WALL, "S": START, "G": GOAL}.get(mark, FLOOR)
            pen.rectangle((x * cell, y * cell, (x + 1) * cell, (y + 1) * cell), fill=colour, outline=LINES, width=FINER)
    points = [((at % columns + 0.5) * cell, (at // columns + 0.5) * cell) for at in path]
    if len(points) > 1:
        pen.line(points, fill=TRAIL, width=max(1, round(cell / 12)), joint="curve")
    (left, top), radius = points[-1], cell / 4
    pen.ellipse((left - radius, top - radius, left + radius, top + radius), fill=WALKER)
    return np.asarray(image.resize((WIDTH, height), Image.Resampling.BOX))
