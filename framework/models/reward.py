"""The reward r(s, a, s'): learned by least squares on standardised rewards, or a plain function when known."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
from tensordict import TensorDictBase
from torch import Tensor

from .base import Model
from .networks import MLP
from .normalizer import Normalizer

RewardFunction = Callable[[Tensor, Tensor, Tensor], Tensor]
"""state `[*B, S]`, action `[*B, A]`, next state `[*B, S]` -> reward `[*B]` in the environment's units."""


class Reward(Model):
    """A learned reward; called as a `RewardFunction`."""

    @abstractmethod
    def forward(self, state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
        """The expected reward `[*B]`."""


class LearnedReward(Reward):
    """A network's expected reward, fitted by 1/2 (r - f(s, a, s'))^2 on standardised rewards.

    Args: see `Ensemble`.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        inputs = 2 * observation_size + action_size
        self.network = MLP(inputs, 1, hidden, 1, activation)
        self.input_normalizer = Normalizer(inputs)
        self.reward_normalizer = Normalizer(1)

    def adapt(self, batch: TensorDictBase) -> None:
        self.input_normalizer.update(torch.cat([batch["state"], batch["action"], batch["next", "state"]], -1))
        self.reward_normalizer.update(batch["next", "reward"])

    def standardized(self, state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
        """`[*B, 1]` in standard deviations of the reward."""
        x = self.input_normalizer.normalize(torch.cat([state, action, next_state], -1))
        return self.network(x.reshape(1, -1, x.shape[-1])).view(*x.shape[:-1], 1)

    def forward(self, state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
        return self.reward_normalizer.denormalize(self.standardized(state, action, next_state)).squeeze(-1)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        predicted = self.standardized(batch["state"], batch["action"], batch["next", "state"])
        target = self.reward_normalizer.normalize(batch["next", "reward"])
        return {"reward": 0.5 * (predicted - target).square().mean()}
