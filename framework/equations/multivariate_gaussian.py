"""The log-likelihood of a Gaussian vector whose entries are correlated.

    -log N(x; mu, L L') = 1/2 |L^-1 (x - mu)|^2 + log |L| + N/2 log(2 pi)        nats, of the whole vector

Bishop 2006, eq. 2.43, with the covariance's Cholesky factor L.
"""

import math

import torch
from torch import Tensor


def multivariate_gaussian_nll(x: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    """`[*B]` for `[*B, N]`, means `[*B, N]` and one L `[N, N]` for all."""
    scaled = torch.linalg.solve_triangular(factor.mT, x - mean, upper=True, left=False)  # y L' = x - mu
    volume = factor.diagonal().log().sum()
    return 0.5 * scaled.square().sum(-1) + volume + 0.5 * x.shape[-1] * math.log(2 * math.pi)
