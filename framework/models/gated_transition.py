"""The transition of a deep Kalman filter, between a linear and a non-linear one.

    y = [z_{t-1}, a_{t-1}]        statistics of p(z_t | y):  (1 - g) (W y + c) + g f(y),  g = sigma(m(y))

with perceptrons f and m, and W beginning as "z stays as it is". A gate that closes leaves a linear system, and each
statistic has a gate of its own. Krishnan, Shalit and Sontag 2017, section 5, "Gated transition function". Theirs gates
the mean alone and reads the variance from f; one rule for all statistics serves every family of z. The action enters as
in their deep Kalman filter (2015).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .latent import Latent
from .latent_dynamics import LatentDynamics
from .networks import MLP


class GatedTransition(LatentDynamics):
    """s = z: dynamics without a deterministic part, with a learned p(z_1).

    Args:
        latent: the family of z.
        action_size: A.
        hidden: sizes of the hidden layers of f and of m.
        learning_rate, weight_decay, gradient_clip: see `Model`.
    """

    def __init__(
        self,
        latent: Latent,
        action_size: int,
        hidden: Sequence[int] = (200,),
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(latent, learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        inputs, statistics = latent.size + action_size, latent.statistics
        self.proposal = MLP(inputs, statistics, hidden)  # f
        self.gate = MLP(inputs, statistics, hidden)  # m
        self.linear = nn.Linear(inputs, statistics)  # W, c
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.weight[: latent.size, : latent.size] = torch.eye(latent.size)
            self.linear.bias.zero_()
        self.first_raw = nn.Parameter(torch.zeros(statistics))

    def advance(self, state: Tensor, action: Tensor, theta: Any) -> Tensor:
        """The statistics before they are read, `[P, *B, Q]`."""
        y = torch.cat([state, action], -1)
        rows = y.reshape(1, -1, y.shape[-1])
        gate = self.gate(rows).sigmoid()[0]
        bent = self.proposal(rows)[0]
        return torch.lerp(self.linear(rows[0]), bent, gate).reshape(*y.shape[:-1], -1)

    def prior(self, hidden: Tensor, theta: Any) -> Tensor:
        return self.latent.read(hidden)

    def first(self, like: Tensor) -> Tensor:
        return self.latent.read(self.first_raw)
