"""The bounded normal policy: a normal variable whose mean lies in [-1, 1], cut off there.

    u ~ N(tanh(m(s)), sigma(s)^2),  sigma = s_min + (s_max - s_min) sigmoid(x(s) + 2)        a = clip(u, -1, 1)

Hafner et al. 2023 (DreamerV3), code. There u is what is learned from; here it is a, whose law has mass at the ends:
log pi(1) = log P(u >= 1), so that likelihood ratios are those of what was done. The gradient of a draw passes the cut
as if it were not there.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.special import log_ndtr

from .action_distribution import ActionDistribution, Sampled
from .policy import Policy


class BoundedNormal(ActionDistribution):
    """Independent entries; `mean` and `std` `[*B, A]` are those of u."""

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        self.mean, self.std = mean, std

    def sample(self, generator: torch.Generator | None = None) -> Sampled:
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        u = torch.addcmul(self.mean, self.std, noise)
        action = u + (u.detach().clamp(-1, 1) - u.detach())
        return Sampled(action, self.log_prob(action))

    def log_prob(self, action: Tensor) -> Tensor:
        z = (action - self.mean) / self.std
        density = -0.5 * z.square() - self.std.log() - 0.5 * math.log(2 * math.pi)
        above, below = log_ndtr(-z), log_ndtr(z)
        return torch.where(action >= 1, above, torch.where(action <= -1, below, density)).sum(-1)

    def entropy(self) -> Tensor:
        """That of u: what is cut off counts as spread, so that the ends do not attract."""
        return (self.std.log() + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)

    def mode(self) -> Tensor:
        return self.mean


class BoundedNormalPolicy(Policy):
    """m(s) and x(s) from one network.

    Args:
        hidden, activation, normalize, output_scale: see `Policy`.
        min_std, max_std: s_min and s_max.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: unless 0 < min_std <= max_std.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (256, 256, 256),
        activation: str = "silu",
        normalize: bool = True,
        output_scale: float = 0.01,
        min_std: float = 0.1,
        max_std: float = 1.0,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(2, hidden, activation, normalize, output_scale, learning_rate, weight_decay, gradient_clip)
        if not 0 < min_std <= max_std:
            raise ValueError(f"min_std: need more than 0 and at most max_std, {max_std}, got {min_std}")
        self.min_std, self.max_std = min_std, max_std

    def read(self, output: Tensor) -> BoundedNormal:
        mean, raw = output.chunk(2, -1)
        return BoundedNormal(mean.tanh(), self.min_std + (self.max_std - self.min_std) * (raw + 2).sigmoid())
