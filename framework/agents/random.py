"""The random agent: uniform actions. The baseline that everything must beat, and the usual source of first data."""

import torch
from tensordict import TensorDictBase
from torch import Tensor

from .agent import Agent


class RandomAgent(Agent):
    """Acts uniformly in [-1, 1].

    Args:
        action_size: A.
    """

    def __init__(self, action_size: int) -> None:
        super().__init__()
        self.action_size = action_size

    def forward(self, td: TensorDictBase) -> TensorDictBase:
        shape = (*td.batch_size, self.action_size)
        uniform = torch.rand(shape, generator=self.generator, device=self.device)
        td["action"] = 2 * uniform - 1
        return td

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {}
