"""Spearman's rank correlation: whether one quantity grows with another, however it does.

    rho = corr(rank(x), rank(y))        1 where y grows with x, 0 where they have nothing to do with each other

Spearman 1904; equal values share the mean of their ranks.
"""

import torch
from torch import Tensor


def ranks(x: Tensor) -> Tensor:
    """The ranks `[B]` of numbers `[B]`, from 0, in float64; what is not a number ranks last."""
    _, inverse, counts = x.nan_to_num(nan=torch.inf).unique(return_inverse=True, return_counts=True)
    last = counts.cumsum(0)  # [U], one past the last rank of each value
    return (last - (counts + 1) / 2)[inverse].double()


def rank_correlation(x: Tensor, y: Tensor) -> float:
    """rho of numbers `[B]` and `[B]`; 0 where all of one are equal, so that nothing can be told from it."""
    a, b = ranks(x), ranks(y)
    a, b = a - a.mean(), b - b.mean()
    size = (a.square().sum() * b.square().sum()).sqrt().item()
    return (a * b).sum().item() / size if size > 0 else 0.0
