"""The temperature alpha of maximum-entropy learning: how much a nat of entropy is worth, learned so that it is had.

    alpha moves until E [ -log pi(a | s) ] = H

Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications", section 5; H = -A for A actions in [-1, 1].
"""

import math
from typing import Self

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from ..equations.soft_actor_critic import temperature_loss
from ..models.base import Model


class Temperature(Model):
    """log alpha, one number.

    Args:
        initial: alpha at the start.
        target_entropy: H in nats; None for -A.
        learning_rate: of log alpha; 0 keeps alpha where it is.
        weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: unless alpha is positive.
    """

    target: float

    def __init__(
        self,
        initial: float = 1.0,
        target_entropy: float | None = None,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        if not initial > 0:
            raise ValueError(f"initial: need more than 0, got {initial}")
        self.target_entropy = target_entropy
        self.log_alpha = nn.Parameter(torch.tensor(math.log(initial)))

    def build(self, action_size: int) -> Self:
        """Settles H for actions `[*B, A]`."""
        self.target = -float(action_size) if self.target_entropy is None else self.target_entropy
        return self

    def alpha(self) -> Tensor:
        """alpha `[]`, without a gradient."""
        return self.log_alpha.detach().exp()

    def fit(self, log_prob: Tensor) -> Tensor:
        """J_alpha, a scalar, for drawn actions' log pi `[*B]`."""
        return temperature_loss(self.log_alpha, log_prob, self.target)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Nothing: it learns from what its agent's policy draws."""
        return {}
