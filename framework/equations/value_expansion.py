"""Value expansion: a few imagined rewards before the value, and how far to believe them.

    T_i = sum_{t<i} gamma^t c_t r_t + gamma^i c_i V(s_i)            c_t: the probability of being alive at step t
    T   = sum_i w_i mean(T_i) / sum_i w_i,   w_i = 1 / (var(T_i) + 1e-8)

The one with i = H is model-based value expansion (MVE; Feinberg et al. 2018, equation 3.1). The mean weighted by
inverse variances over an ensemble is STEVE (Buckman et al. 2018, equations 6 and 7).
"""

import torch
from torch import Tensor

LEAST_VARIANCE = 1e-8


def expanded(reward: Tensor, value: Tensor, alive: Tensor, discount: float) -> Tensor:
    """T `[H + 1, *B]` of rewards `[H, *B]`, and values and c `[H + 1, *B]`; leading 1s of `*B` are broadcast."""
    factor = alive * steps_discounted(len(value), discount, alive)
    earned = (factor[:-1] * reward).cumsum(0)  # [H, *B]
    return factor * value + torch.cat([torch.zeros_like(earned[:1]), earned])


def steps_discounted(count: int, discount: float, like: Tensor) -> Tensor:
    """gamma^t `[count, 1, ...]` for t = 0, 1, ... with as many dimensions as `like`."""
    exponent = torch.arange(count, device=like.device, dtype=like.dtype)
    return (discount**exponent).view(-1, *[1] * (like.dim() - 1))


def inverse_variance_mean(estimates: Tensor) -> Tensor:
    """T `[*B]` of C estimates by N models each, `[C, N, *B]`."""
    variance, mean = torch.var_mean(estimates, 1, correction=0)  # [C, *B]
    weight = 1 / (variance + LEAST_VARIANCE)
    return (weight * mean).sum(0) / weight.sum(0)
