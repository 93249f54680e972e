"""Pictures as PNG: what a simulator draws, what an agent sees, and what a model imagines to see."""

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..runs.newest_colours import pixels

LARGEST = 400  # pixels of the longer side


def png(colours: NDArray[np.uint8], largest: int = LARGEST) -> bytes:
    """RGB `[height, width, 3]` as a file, scaled down where it is larger."""
    image = Image.fromarray(colours)
    if max(image.size) > largest:
        image.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def observed_png(image: Tensor) -> bytes:
    """An observation `[C, H, W]` in [0, 255]; of a stack of frames the newest."""
    return png(pixels(image))


def address(file: bytes) -> str:
    """A PNG as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(file).decode()
