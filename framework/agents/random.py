"""The random agent: uniform actions. The baseline that everything must beat, and the usual source of first data."""

import torch
from tensordict import TensorDictBase
from torch.nn.functional import one_hot

from .agent import Agent


class RandomAgent(Agent):
    """Acts uniformly in [-1, 1], or takes one of A discrete actions.

    Args:
        action_size: A.
        discrete_actions: whether an action is one of A, as a one-hot vector.
    """

    def __init__(self, action_size: int, discrete_actions: bool = False) -> None:
        super().__init__()
        self.action_size = action_size
        self.discrete_actions = discrete_actions

    def forward(self, td: TensorDictBase) -> TensorDictBase:
        shape = (*td.batch_size, self.action_size)
        uniform = torch.rand(shape, generator=self.generator, device=self.device)
        td["action"] = (
            one_hot(uniform.argmax(-1), self.action_size).float() if self.discrete_actions else 2 * uniform - 1
        )
        return td
