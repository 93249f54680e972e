"""Gaussian dynamics with a learned variance; with several members, the probabilistic ensemble of PETS.

    loss = sum_e E_(s,a,s') [ -log N(Delta; mu_e(s, a), sigma_e^2(s, a)) ]
           + 0.01 (sum log sigma_max^2 - sum log sigma_min^2)

The predicted variance is the aleatoric uncertainty, the spread of the members the epistemic one.
Chua et al. 2018, section 4 and appendix A.1.
"""

from collections.abc import Sequence

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from ..equations.gaussian import gaussian_nll, soft_bound
from .ensemble import Ensemble, Members


class GaussianDynamics(Ensemble):
    """E networks that predict mean and variance of the change of the state, each with learned bounds on the variance.

    `members=1` is a single probabilistic network, `members=5` the ensemble of the paper.

    Args: see `Ensemble`.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        members: int = 5,
        elites: int | None = None,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(
            observation_size, action_size, 2, members, elites, hidden, activation,
            learning_rate, weight_decay, gradient_clip,
        )  # fmt: skip
        self.min_log_var = nn.Parameter(torch.full((observation_size,), -10.0))
        self.max_log_var = nn.Parameter(torch.full((observation_size,), 0.5))

    def head(self, output: Tensor, log_scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mean, log_var = output.chunk(2, -1)
        low: Tensor = self.min_log_var
        high: Tensor = self.max_log_var
        if log_scale is not None:  # the bound commutes with a shift
            low, high = low + log_scale, high + log_scale
        return mean, soft_bound(log_var.contiguous(), low, high)  # ten times as fast on contiguous numbers

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        mean, log_var, target = self.fitted(batch)  # [E, B, S]
        assert log_var is not None
        nll = gaussian_nll(target, mean, log_var).sum(-1).mean(-1).sum()  # nats, summed over the members
        return {"dynamics": nll + 0.01 * (self.max_log_var.sum() - self.min_log_var.sum())}

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        mean, log_var, target = self.fitted(batch)
        assert log_var is not None
        nll = gaussian_nll(target, mean, log_var).sum(-1).mean()
        return {"member_error": (mean - target).square().mean((1, 2)), "nll": nll}

    def predict(self, state: Tensor, action: Tensor, theta: Members) -> torch.distributions.Distribution:
        """A diagonal Gaussian in the state's units."""
        change, log_var = self.change(state, action, theta)
        assert log_var is not None
        return torch.distributions.Independent(torch.distributions.Normal(state + change, (0.5 * log_var).exp()), 1)
