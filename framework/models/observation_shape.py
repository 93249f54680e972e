"""What an observation is: a vector (O,), an image (C, H, W), or a dictionary of those by name.

Images are levels 0 to 255; networks and Gaussians see them as x / 255 - 1/2, in [-1/2, 1/2].
"""

from typing import TypeAlias

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..keys import ObservationShape, Shape

Observation: TypeAlias = Tensor | TensorDictBase


def described(shape: ObservationShape) -> str:
    """A shape in words, for errors."""
    if isinstance(shape, dict):
        return f"a dictionary of {', '.join(shape) or 'nothing'}"
    kinds = {1: "a vector", 3: "an image"}
    return f"{kinds.get(len(shape), 'something')} {tuple(shape)}"


def vector_size(shape: ObservationShape, part: str) -> int:
    """O of a vector's shape.

    Raises:
        ValueError: for any other shape, with the name of the part that needs a vector.
    """
    if isinstance(shape, dict) or len(shape) != 1 or shape[0] < 1:
        raise ValueError(f"{part}: observation_shape: need a vector (O,), got {described(shape)}")
    return shape[0]


def image_size(shape: ObservationShape, part: str) -> tuple[int, int, int]:
    """C, H, W of an image's shape.

    Raises:
        ValueError: for any other shape, with the name of the part that needs an image.
    """
    if isinstance(shape, dict) or len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"{part}: observation_shape: need an image (C, H, W), got {described(shape)}")
    channels, height, width = shape
    return channels, height, width


def named_shapes(shape: ObservationShape, part: str) -> dict[str, Shape]:
    """The shapes of a dictionary's entries.

    Raises:
        ValueError: for anything but a dictionary with entries, with the name of the part that needs one.
    """
    if not isinstance(shape, dict) or not shape:
        raise ValueError(f"{part}: observation_shape: need a dictionary of shapes, got {described(shape)}")
    return shape


def rows_of(observation: Observation, shape: Shape) -> Tensor:
    """One kind of observation `[*B, *shape]` -> rows `[N, *shape]`.

    Raises:
        TypeError: for a dictionary, or an image that is not made of levels 0 to 255.
        ValueError: for another shape.
    """
    if not isinstance(observation, Tensor):
        raise TypeError(f"observation: need a tensor [*B, {numbers(shape)}], got {type(observation).__name__}")
    if observation.shape[-len(shape) :] != shape:
        raise ValueError(f"observation: need [*B, {numbers(shape)}], got {list(observation.shape)}")
    if len(shape) == 3 and observation.dtype != torch.uint8:
        raise TypeError(f"observation: need an image in uint8, got {observation.dtype}")
    return observation.reshape(-1, *shape)


def numbers(shape: Shape) -> str:
    return ", ".join(map(str, shape))


def seen(rows: Tensor, dtype: torch.dtype) -> Tensor:
    """What networks see of rows `[N, *shape]`: vectors as they are, images centred, the channels last in memory."""
    if rows.dim() == 2:
        return rows.to(dtype)
    return rows.to(dtype, memory_format=torch.channels_last, copy=True).mul_(1 / 255).sub_(0.5)


def levels(centred: Tensor) -> Tensor:
    """Images `[*B, C, H, W]` in [-1/2, 1/2] -> in [0, 255]; what lies outside is cut off."""
    return ((centred + 0.5) * 255).clamp(0, 255)
