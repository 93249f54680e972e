"""The picture of a pole on a cart."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..equations.cart_pole import HALF_LENGTH, TRACK

WIDTH, HEIGHT = 480, 320  # pixels
METRE, FLOOR, MIDDLE = 88, 225, WIDTH // 2  # pixels
FINER = 3  # drawn so much larger and then reduced, which smooths the edges
SKY, GROUND, RAIL, CART, WHEEL = (247, 248, 250), (233, 236, 240), (140, 148, 160), (46, 64, 87), (28, 36, 48)
POLE, TIP, ARROW = (224, 122, 47), (190, 90, 24), (60, 150, 210)
Colour = tuple[int, int, int]
Points = tuple[float, ...]


def draw(
    x: float, theta: float, action: float, finer: int = FINER, shape: tuple[int, int] = (WIDTH, HEIGHT)
) -> NDArray[np.uint8]:
    """A frame: the cart at x [m], the pole at theta [rad] from upright, an arrow for the action.

    Args:
        x: of the cart.
        theta: of the pole.
        action: in [-1, 1].
        finer: how much larger than 480 x 320 it is drawn before it is brought to its size.
        shape: width and height of the frame `[height, width, 3]`.
    """
    pen = Pen(finer)
    _track(pen)
    at = MIDDLE + x * METRE
    _cart(pen, at)
    _arrow(pen, at, action)
    _pole(pen, at, FLOOR - 0.17 * METRE, theta)
    return np.asarray(pen.image.resize(shape, Image.Resampling.BOX))


class Pen:
    """Draws on an image `finer` times as large as it is told."""

    def __init__(self, finer: int) -> None:
        self.image = Image.new("RGB", (WIDTH * finer, HEIGHT * finer), SKY)
        self._pen, self._finer = ImageDraw.Draw(self.image), finer

    def box(self, corners: Points, fill: Colour, radius: float = 0) -> None:
        scaled = tuple(corner * self._finer for corner in corners)
        self._pen.rounded_rectangle(scaled, radius * self._finer, fill)

    def polygon(self, corners: Sequence[tuple[float, float]], fill: Colour) -> None:
        self._pen.polygon([(x * self._finer, y * self._finer) for x, y in corners], fill)

    def disc(self, x: float, y: float, radius: float, fill: Colour) -> None:
        corners = (x - radius, y - radius, x + radius, y + radius)
        self._pen.ellipse(tuple(corner * self._finer for corner in corners), fill)

    def line(self, ends: Points, fill: Colour, width: int) -> None:
        self._pen.line(tuple(end * self._finer for end in ends), fill, width * self._finer)


def _track(pen: Pen) -> None:
    pen.box((0, FLOOR + 14, WIDTH, HEIGHT), GROUND)
    reach = (TRACK + 0.24) * METRE  # the cart's middle stops half a cart before the buffers
    pen.box((MIDDLE - reach, FLOOR + 11, MIDDLE + reach, FLOOR + 14), RAIL)
    for side in (-1, 1):
        end = MIDDLE + side * reach
        pen.box((end - 2, FLOOR - 12, end + 2, FLOOR + 14), RAIL)
    for metre in range(-2, 3):
        mark = MIDDLE + metre * METRE
        pen.box((mark - 1, FLOOR + 14, mark + 1, FLOOR + (22 if metre else 28)), RAIL)


def _cart(pen: Pen, at: float) -> None:
    half, top, bottom = 0.23 * METRE, FLOOR - 0.24 * METRE, FLOOR + 3
    pen.box((at - half, top, at + half, bottom), CART, radius=5)
    for side in (-1, 1):
        pen.disc(at + side * 0.6 * half, FLOOR + 4, 6.5, WHEEL)
        pen.disc(at + side * 0.6 * half, FLOOR + 4, 2.5, RAIL)


def _arrow(pen: Pen, at: float, action: float) -> None:
    if abs(action) < 0.02:
        return
    side = math.copysign(1.0, action)
    y, tail = FLOOR - 0.12 * METRE, at + side * 0.28 * METRE
    head = tail + action * 0.5 * METRE
    pen.line((tail, y, head, y), ARROW, 3)
    pen.polygon([(head + side * 8, y), (head, y - 5), (head, y + 5)], ARROW)


def _pole(pen: Pen, x: float, y: float, theta: float) -> None:
    length, half_width = 2 * HALF_LENGTH * METRE, 4.5
    along = (math.sin(theta), -math.cos(theta))  # upright points up, where y is small
    across = (-along[1] * half_width, along[0] * half_width)
    tip = (x + along[0] * length, y + along[1] * length)
    corners = [(x + s * across[0], y + s * across[1]) for s in (-1, 1)]
    corners += [(tip[0] + s * across[0], tip[1] + s * across[1]) for s in (1, -1)]
    pen.polygon(corners, POLE)
    pen.disc(*tip, half_width, POLE)
    pen.disc(x, y, 1.5 * half_width, TIP)
