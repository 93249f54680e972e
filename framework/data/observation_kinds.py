"""Observations of every kind: a vector `[*B, O]`, an image `[*B, C, H, W]`, or a TensorDict of these by name."""

from collections.abc import Callable
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..keys import ObservationShape, Shape


def each(function: Callable[..., Any], *observations: Any) -> Any:
    """What the function gives for them, or for the entries of each name, as a dictionary."""
    first = observations[0]
    if isinstance(first, TensorDictBase | dict):
        return {name: function(*(one[name] for one in observations)) for name in first.keys()}  # noqa: SIM118
    return function(*observations)


def is_image(shape: Shape) -> bool:
    """Whether it is that of an image."""
    return len(shape) == 3


def has_images(shape: ObservationShape) -> bool:
    """Whether images are in an observation."""
    return any(map(is_image, shape.values())) if isinstance(shape, dict) else is_image(shape)


def dtype(shape: Shape) -> torch.dtype:
    """Of an image's numbers, or of a vector's."""
    return torch.uint8 if is_image(shape) else torch.float32


def shape_of(observation: Tensor | TensorDictBase) -> ObservationShape:
    """That of one, from many `[B, ...]`."""
    return each(lambda x: tuple(x.shape[1:]), observation)


def vectors(observation: Tensor | TensorDictBase) -> Any:
    """Observations `[B, ...]` without images: None where nothing is left."""
    if isinstance(observation, Tensor):
        return None if is_image(tuple(observation.shape[1:])) else observation
    left = {name: x for name, x in observation.items() if not is_image(tuple(x.shape[1:]))}
    return left or None
