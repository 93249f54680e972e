"""Q_i(s, a), what an action is worth under a policy, by M networks, and slow copies of them.

    loss = sum_i E [ 1/2 (Q_i(s, a) - y)^2 ]        theta' <- (1 - tau) theta' + tau theta

The least of two, or of a few drawn from M, is a target that does not run away upwards (Fujimoto et al. 2018, TD3;
Chen et al. 2021, REDQ).
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Self

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..equations.polyak import polyak
from ..keys import ACTION, RETURN, STATE
from ..models.base import Model
from ..models.networks import MLP, whole


class ActionValues(Model):
    """M perceptrons of state and action, evaluated together.

    Args:
        count: M; two are the twins of TD3 and SAC.
        hidden: sizes of the hidden layers.
        activation: see `MLP`.
        target_rate: tau.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: for no networks, or a rate outside (0, 1].
    """

    def __init__(
        self,
        count: int = 2,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        target_rate: float = 0.005,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        if count < 1:
            raise ValueError(f"count: need at least 1, got {count}")
        if not 0 < target_rate <= 1:
            raise ValueError(f"target_rate: need a number in (0, 1], got {target_rate}")
        self.count, self.hidden, self.activation = count, tuple(hidden), activation
        self.target_rate = target_rate

    def build(self, state_size: int, action_size: int) -> Self:
        """Makes the networks for states `[*B, S]` and actions `[*B, A]`."""
        self.network = MLP(state_size + action_size, 1, self.hidden, self.count, self.activation)
        self.slow = deepcopy(self.network).requires_grad_(False)
        return self

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Q `[M, *B]` of states `[*B, S]` and actions `[*B, A]`."""
        return whole(self.network, torch.cat([state, action], -1))[..., 0]

    def target(self, state: Tensor, action: Tensor) -> Tensor:
        """Q `[M, *B]` by the slow copies."""
        return whole(self.slow, torch.cat([state, action], -1))[..., 0]

    def fit(self, state: Tensor, action: Tensor, target: Tensor) -> Tensor:
        """1/2 (Q - y)^2 `[*B]`, summed over the networks, for targets y `[*B]`."""
        return 0.5 * (self(state, action) - target.detach()).square().sum(0)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Of a batch with `state`, `action` and `return`; nothing for one without returns, as in a validation."""
        if RETURN not in batch:
            return {}
        return {"action_value": self.fit(batch[STATE], batch[ACTION], batch[RETURN][..., 0]).mean()}

    def follow(self) -> None:
        polyak(list(self.slow.parameters()), list(self.network.parameters()), self.target_rate)
