"""The entries of an observation that are drawn as curves: the first numbers of its vectors, each by its name.

Of one-hot observations there is one, the number of the state. Images are no numbers: they are shown as pictures.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..data.environments import Environment
from ..data.observation_kinds import is_image
from ..runs.open_loop import by_name

AT_MOST = 6


class Entries:
    """Which entries an environment's observations have.

    Attributes:
        names: of the D curves.
        pictures: the names of the images among what is observed; an empty one is that of the only observation.

    Args:
        environment: which is observed.
    """

    def __init__(self, environment: Environment) -> None:
        shape = environment.observation_shape
        shapes = shape if isinstance(shape, dict) else {"": shape}
        self.states = environment.discrete_observations
        self.pictures = [name for name, one in shapes.items() if is_image(one)]
        self.chosen: list[tuple[str, int]] = []
        for name, one in shapes.items():
            if name not in self.pictures:
                left = AT_MOST - len(self.chosen)
                self.chosen += [(name, i) for i in range(min(left, 1 if self.states else one[0]))]
        self.names = [f"{name} {i}".strip() if name else f"observation {i}" for name, i in self.chosen]
        self.left_out = sum(one[0] for name, one in shapes.items() if name not in self.pictures) - len(self.chosen)
        if self.states:
            self.names, self.left_out = ["state"], 0

    def numbers(self, observation: Any) -> Tensor:
        """`[*B, D]` of observations `[*B, ...]`: a tensor, or tensors by name."""
        found = observation if isinstance(observation, Mapping) else by_name(observation)
        if self.states:
            return found[""].argmax(-1, keepdim=True).float()
        columns = [found[name][..., i].float() for name, i in self.chosen]
        if columns:
            return torch.stack(columns, -1)
        return next(iter(found.values())).new_zeros(0, dtype=torch.float32)
