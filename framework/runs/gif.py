"""Moving pictures as GIF files, which every browser, README and W&B page shows without a codec."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = 128


def write_gif(path: Path, images: Sequence[Image.Image], seconds_a_frame: float) -> None:
    """Writes the images as one endless GIF that holds its last frame for a second.

    All frames share a palette taken from five of them: a palette a frame would flicker, and cost 768 bytes each.
    """
    sample = np.concatenate([np.asarray(images[i]) for i in np.linspace(0, len(images) - 1, 5).round().astype(int)])
    palette = Image.fromarray(sample).quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    duration = max(20, round(100 * seconds_a_frame) * 10)  # ms; GIF counts in hundredths of a second
    durations = [duration] * (len(frames) - 1) + [1000]
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False)
