"""A stochastic part z whose entries may be correlated: a Gaussian with a full covariance.

    z = mu + L eps        KL(q || p) = 1/2 ( |L_p^-1 L_q|^2 + |L_p^-1 (mu_p - mu_q)|^2 - Z ) + log |L_p| - log |L_q|

with L the Cholesky factor of the covariance. The posterior of a linear-Gaussian system is of this family, and only by
chance of the one with independent entries. Kingma and Welling 2019, An introduction to variational autoencoders,
section 2.5.1.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .latent import Latent


class FullGaussianLatent(Latent):
    """One vector-valued normal variable; the statistics are its mean and L, row by row.

    Args:
        size: Z.
        min_std: the diagonal of L is softplus(raw) + min_std.

    Raises:
        ValueError: for no entries or a negative `min_std`.
    """

    def __init__(self, size: int = 8, min_std: float = 0.1) -> None:
        if size < 1:
            raise ValueError(f"size: need at least 1, got {size}")
        if min_std < 0:
            raise ValueError(f"min_std: need at least 0, got {min_std}")
        self.size = size
        self.variables = 1
        self.statistics = size + size * size
        self.min_std = min_std

    def split(self, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """The mean `[*B, Z]` and L `[*B, Z, Z]`."""
        mean, flat = statistics.split([self.size, self.size * self.size], -1)
        return mean, flat.unflatten(-1, (self.size, self.size))

    def join(self, mean: Tensor, factor: Tensor) -> Tensor:
        """The statistics of a mean `[*B, Z]` and L `[*B, Z, Z]`."""
        return torch.cat([mean, factor.flatten(-2)], -1)

    def read(self, raw: Tensor) -> Tensor:
        raw = raw.to(torch.promote_types(raw.dtype, torch.float32))  # what a factor needs, also under autocast
        # by masks, since a recurrence calls this at each step, and taking a matrix apart has four times the calls
        place = torch.arange(-self.size, self.size * self.size, device=raw.device)
        row, column = place // self.size, place % self.size  # the mean is row -1
        kept = (row < 0) | (column < row)
        return torch.where(row == column, F.softplus(raw) + self.min_std, torch.where(kept, raw, 0.0))

    def standard(self, like: Tensor) -> Tensor:
        eye = torch.eye(self.size, dtype=like.dtype, device=like.device)
        return self.join(like.new_zeros(self.size), eye)

    def sample(self, statistics: Tensor, noise: Tensor | None) -> Tensor:
        mean, factor = self.split(statistics)
        return mean if noise is None else mean + (factor * noise[..., None, :]).sum(-1)

    def mean(self, statistics: Tensor) -> Tensor:
        return statistics[..., : self.size]

    def kl(self, q: Tensor, p: Tensor) -> Tensor:
        (q_mean, q_factor), (p_mean, p_factor) = self.split(q), self.split(p)
        q_factor, p_factor = torch.broadcast_tensors(q_factor, p_factor)
        both = torch.cat([q_factor, (p_mean - q_mean).expand(q_factor.shape[:-1])[..., None]], -1)  # [*B, Z, Z + 1]
        square = torch.linalg.solve_triangular(p_factor, both, upper=False).square().sum((-2, -1))
        volume = (diagonal(p_factor) / diagonal(q_factor)).log().sum(-1)
        return (0.5 * (square - self.size) + volume)[..., None]

    def entropy(self, statistics: Tensor) -> Tensor:
        volume = diagonal(self.split(statistics)[1]).log().sum(-1, keepdim=True)
        return volume + 0.5 * self.size * math.log(2 * math.pi * math.e)


def diagonal(matrices: Tensor) -> Tensor:
    """`[*B, Z]` of `[*B, Z, Z]`."""
    return matrices.diagonal(dim1=-2, dim2=-1)
