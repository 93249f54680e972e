"""Regression by classification: a number as a distribution over fixed bins.

    twohot(x)_i = |b_{i+1} - x| / |b_{i+1} - b_i|,  twohot(x)_{i+1} = 1 - twohot(x)_i     for b_i <= x < b_{i+1}
    x = sum_i p_i b_i

Bellemare, Dabney and Munos 2017; Hafner et al. 2023 (DreamerV3), equations 8 to 10. Numbers outside the bins are those
of the nearest bin.
"""

import torch
from torch import Tensor


def bins_beside(x: Tensor, bins: Tensor) -> tuple[Tensor, Tensor]:
    """Which two of the ascending bins `[K]` numbers `[*B]` lie between, `[*B, 2]`, and their shares `[*B, 2]`."""
    x = x.clamp(bins[0], bins[-1])
    below = (torch.searchsorted(bins, x.contiguous(), right=True) - 1).clamp(0, len(bins) - 2)  # [*B]
    low, high = bins[below], bins[below + 1]
    share = (x - low) / (high - low)
    return torch.stack([below, below + 1], -1), torch.stack([1 - share, share], -1)


def two_hot(x: Tensor, bins: Tensor) -> Tensor:
    """`[*B, K]` of numbers `[*B]`, for ascending bins `[K]`."""
    index, share = bins_beside(x, bins)
    return x.new_zeros(*x.shape, len(bins)).scatter_(-1, index, share)


def expected_bin(probability: Tensor, bins: Tensor) -> Tensor:
    """The mean `[*B]` of distributions `[*B, K]` over the bins `[K]`.

    Opposite bins are added first, so that a symmetric distribution over symmetric bins has the mean 0 exactly, however
    large the bins at the ends are.
    """
    weighted, half = probability * bins, len(bins) // 2
    pairs = weighted[..., :half] + weighted[..., -half:].flip(-1)
    return pairs.sum(-1) + weighted[..., half] if len(bins) % 2 else pairs.sum(-1)
