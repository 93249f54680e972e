"""Observations as tensors: one, several stacked, the latest of several simulators, and their TorchRL spec."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import Composite, TensorSpec, Unbounded

from ..keys import ObservationShape
from .observation_kinds import dtype
from .observation_space import Observation


def tensors(observation: Observation) -> Any:
    """An observation as a tensor, or as a mapping of names to tensors; the memory is shared."""
    if isinstance(observation, dict):
        return {name: torch.from_numpy(entry) for name, entry in observation.items()}
    return torch.from_numpy(observation)


def arrays(saved: Any) -> Observation:
    """The observation that `tensors` turned into tensors."""
    return {name: entry.numpy() for name, entry in saved.items()} if isinstance(saved, dict) else saved.numpy()


def stacked(observations: Sequence[Observation]) -> Tensor | TensorDict:
    """Observations `[B, ...]`, or a nested TensorDict of them."""
    first = observations[0]
    if isinstance(first, dict):
        every: Any = observations
        entries = {name: torch.from_numpy(np.stack([one[name] for one in every])) for name in first}
        return TensorDict(entries, [len(observations)])
    return torch.from_numpy(np.stack(observations))  # type: ignore[arg-type]


def spec(shape: ObservationShape, size: int) -> TensorSpec:
    """Of `size` observations of a shape."""
    if isinstance(shape, dict):
        return Composite({name: spec(inner, size) for name, inner in shape.items()}, shape=(size,))
    return Unbounded((size, *shape), dtype=dtype(shape))
