"""The squashed Gaussian policy: a normal variable bent into (-1, 1).

    a = tanh(u),  u ~ N(mu(s), sigma(s)^2)        log pi(a) = sum_i log N(u_i) - log(1 - tanh(u_i)^2)

Haarnoja et al. 2018 (SAC), appendix C. log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2u)) does not underflow.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus
from torch.special import log_ndtr

from .action_distribution import ActionDistribution, Sampled
from .policy import Policy

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(21)
LARGEST = 1 - 1e-6  # of an action whose u is asked for; float32 knows no tanh closer to 1 than 6e-8


class SquashedGaussian(ActionDistribution):
    """Independent entries; `mean` and `log_std` `[*B, A]` are those of u."""

    def __init__(self, mean: Tensor, log_std: Tensor) -> None:
        self.mean, self.log_std = mean, log_std

    def sample(self, generator: torch.Generator | None = None) -> Sampled:
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        u = torch.addcmul(self.mean, self.log_std.exp(), noise)
        log_normal = -0.5 * noise.square() - self.log_std - 0.5 * math.log(2 * math.pi)
        return Sampled(u.tanh(), (log_normal - log_slope(u)).sum(-1))

    def log_prob(self, action: Tensor) -> Tensor:
        """Of an action that tanh cannot tell from -1 or 1 the probability of all those: its own u is not known."""
        u = action.clamp(-LARGEST, LARGEST).atanh()
        noise = (u - self.mean) * (-self.log_std).exp()
        log_normal = -0.5 * noise.square() - self.log_std - 0.5 * math.log(2 * math.pi)
        beyond = log_ndtr(torch.where(action > 0, -noise, noise))
        return torch.where(action.abs() < LARGEST, log_normal - log_slope(u), beyond).sum(-1)

    def entropy(self) -> Tensor:
        """That of u and E log(1 - tanh(u)^2), by Gauss-Hermite quadrature with 21 nodes: to 0.01 nats, sigma <= 3."""
        nodes, weights = (self.mean.new_tensor(x) for x in (NODES, WEIGHTS / WEIGHTS.sum()))
        u = self.mean[..., None] + self.log_std.exp()[..., None] * nodes  # [*B, A, 21]
        gaussian = self.log_std + 0.5 * math.log(2 * math.pi * math.e)
        return (gaussian + (log_slope(u) * weights).sum(-1)).sum(-1)

    def mode(self) -> Tensor:
        """tanh(mu), the median: the density's own peak runs off to the ends."""
        return self.mean.tanh()


def log_slope(u: Tensor) -> Tensor:
    """log(1 - tanh(u)^2), element by element."""
    return 2 * (math.log(2) - u - softplus(-2 * u))


class SquashedGaussianPolicy(Policy):
    """mu(s) and log sigma(s) from one network.

    Args:
        hidden, activation, normalize, output_scale: see `Policy`.
        min_log_std, max_log_std: log sigma is kept between them, by a tanh.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: unless min_log_std < max_log_std.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        normalize: bool = False,
        output_scale: float = 1.0,
        min_log_std: float = -5.0,
        max_log_std: float = 2.0,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(2, hidden, activation, normalize, output_scale, learning_rate, weight_decay, gradient_clip)
        if not min_log_std < max_log_std:
            raise ValueError(f"min_log_std: need less than max_log_std, {max_log_std}, got {min_log_std}")
        self.middle, self.radius = 0.5 * (min_log_std + max_log_std), 0.5 * (max_log_std - min_log_std)

    def read(self, output: Tensor) -> SquashedGaussian:
        mean, raw = output.chunk(2, -1)
        return SquashedGaussian(mean, self.middle + self.radius * raw.tanh())
