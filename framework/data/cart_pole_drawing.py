"""The picture of a pole on a cart."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..equations.cart_pole import HALF_LENGTH, TRACK

WIDTH, HEIGHT = 480, 320  # pixels
FINER = 3  # drawn so much larger and then reduced, which smooths the edges
METRE = 88 * FINER  # pixels
FLOOR = 225 * FINER
MIDDLE = WIDTH * FINER // 2

SKY, GROUND, RAIL, CART, WHEEL = (247, 248, 250), (233, 236, 240), (140, 148, 160), (46, 64, 87), (28, 36, 48)
POLE, TIP, ARROW = (224, 122, 47), (190, 90, 24), (60, 150, 210)


def draw(x: float, theta: float, action: float) -> NDArray[np.uint8]:
    """A frame `[320, 480, 3]`: the cart at x [m], the pole at theta [rad] from upright, an arrow for the action."""
    image = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), SKY)
    pen = ImageDraw.Draw(image)
    _track(pen)
    at = MIDDLE + x * METRE
    _cart(pen, at)
    _arrow(pen, at, action)
    _pole(pen, at, FLOOR - 0.17 * METRE, theta)
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.BOX))


def _track(pen: ImageDraw.ImageDraw) -> None:
    pen.rectangle((0, FLOOR + 14 * FINER, WIDTH * FINER, HEIGHT * FINER), fill=GROUND)
    reach = (TRACK + 0.24) * METRE  # the cart's middle stops half a cart before the buffers
    pen.rectangle((MIDDLE - reach, FLOOR + 11 * FINER, MIDDLE + reach, FLOOR + 14 * FINER), fill=RAIL)
    for side in (-1, 1):
        end = MIDDLE + side * reach
        pen.rectangle((end - 2 * FINER, FLOOR - 12 * FINER, end + 2 * FINER, FLOOR + 14 * FINER), fill=RAIL)
    for metre in range(-2, 3):
        mark = MIDDLE + metre * METRE
        bottom = FLOOR + (22 if metre else 28) * FINER
        pen.rectangle((mark - FINER, FLOOR + 14 * FINER, mark + FINER, bottom), fill=RAIL)


def _cart(pen: ImageDraw.ImageDraw, at: float) -> None:
    half, top, bottom = 0.23 * METRE, FLOOR - 0.24 * METRE, FLOOR + 3 * FINER
    pen.rounded_rectangle((at - half, top, at + half, bottom), radius=5 * FINER, fill=CART)
    for side in (-1, 1):
        _disc(pen, at + side * 0.6 * half, FLOOR + 4 * FINER, 6.5 * FINER, WHEEL)
        _disc(pen, at + side * 0.6 * half, FLOOR + 4 * FINER, 2.5 * FINER, RAIL)


def _arrow(pen: ImageDraw.ImageDraw, at: float, action: float) -> None:
    if abs(action) < 0.02:
        return
    side = math.copysign(1.0, action)
    y, tail = FLOOR - 0.12 * METRE, at + side * 0.28 * METRE
    head = tail + action * 0.5 * METRE
    pen.line((tail, y, head, y), fill=ARROW, width=3 * FINER)
    pen.polygon([(head + side * 8 * FINER, y), (head, y - 5 * FINER), (head, y + 5 * FINER)], fill=ARROW)


def _pole(pen: ImageDraw.ImageDraw, x: float, y: float, theta: float) -> None:
    length, half_width = 2 * HALF_LENGTH * METRE, 4.5 * FINER
    along = (math.sin(theta), -math.cos(theta))  # upright points up, where y is small
    across = (-along[1] * half_width, along[0] * half_width)
    tip = (x + along[0] * length, y + along[1] * length)
    corners = [(x + s * across[0], y + s * across[1]) for s in (-1, 1)]
    corners += [(tip[0] + s * across[0], tip[1] + s * across[1]) for s in (1, -1)]
    pen.polygon(corners, fill=POLE)
    _disc(pen, *tip, half_width, POLE)
    _disc(pen, x, y, 1.5 * half_width, TIP)


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
